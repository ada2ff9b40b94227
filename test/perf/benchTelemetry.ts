/*
 * The telemetry that benchmarks feed to the receiving side: full datagrams of a busy router, to hosts of one network.
 */
import type { Config } from '../../src/config/config.ts';
import { createEncoder, type TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import { SeededRandom } from '../../src/flowgen/seededRandom.ts';
import type { FlowRecord } from '../../src/flowgen/telemetryEncoder.ts';
import { addressOfWords } from '../../src/net/address.ts';
import { configFixture } from '../fixtures/configFixture.ts';

/** 10.0.0.0; the hosts of a benchmark lie in 10.0.0.0/8. */
const FIRST_HOST = 0x0a000000;

/** Limits so high that no flow is an attack: what is measured is the path every flow takes. */
export function benchConfig(): Config {
  const config = configFixture({ networks: ['10.0.0.0/8'], listen: { netflow: [], sflow: [] } });
  const thresholds = { pps: 1e12, mbps: 1e9, flows_per_sec: 1e9 };
  return { ...config, groups: config.groups.map((group) => ({ ...group, thresholds })) };
}

/**
 * At least so many flows, each to a random one of the hosts, as the exporter's datagrams. Same arguments, same bytes.
 */
export function benchDatagrams(protocol: TelemetryProtocol, flows: number, hosts: number): Uint8Array[] {
  const random = new SeededRandom(1);
  const agent = addressOfWords(0, 0, 0xffff, 0xc0000201);
  const records = Array.from({ length: flows }, () => flowRecord(random, hosts));
  return createEncoder(protocol, { sampling: 1000, agent }).encode(records, Date.UTC(2026, 0, 1));
}

function flowRecord(random: SeededRandom, hosts: number): FlowRecord {
  const isUdp = random.below(4) === 0;
  return {
    src: addressOfWords(0, 0, 0xffff, 0xcb000000 + random.below(1 << 24)),
    dst: addressOfWords(0, 0, 0xffff, FIRST_HOST + random.below(hosts)),
    srcPort: 1024 + random.below(60_000),
    dstPort: isUdp ? 53 : 443,
    ipProtocol: isUdp ? 17 : 6,
    tcpFlags: isUdp ? 0 : 0x18,
    fragment: false,
    packets: 1,
    bytes: 60 + random.below(1400),
    durationMs: random.below(1000),
    endAgoMs: 0,
    inInterface: 1,
    outInterface: 2,
  };
}
