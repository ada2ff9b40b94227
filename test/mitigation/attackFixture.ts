/*
 * Attacks for the tests of the mitigation core.
 */

import {
  type Attack,
  type AttackSample,
  type AttackType,
  EMPTY_SAMPLE,
  type SampledFlow,
  type TopEntry,
} from '../../src/engine/attack.ts';
import { NO_SHARES } from '../../src/engine/classification.ts';
import { type Address, formatAddress, parseAddress } from '../../src/net/address.ts';

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`"${text}" is no address`);
  return parsed;
}

/** A sample of these flows, with the counters a collector would have made of them. */
export function sampleOf(flows: readonly SampledFlow[]): AttackSample {
  return {
    flows,
    topSources: countBy(flows, (flow) => flow.src),
    topSrcPorts: countBy(flows, (flow) => String(flow.srcPort)),
    topDstPorts: countBy(flows, (flow) => String(flow.dstPort)),
    protocols: countBy(flows, (flow) => String(flow.ipProtocol)),
    totalPackets: flows.reduce((sum, flow) => sum + flow.packets, 0),
    totalBytes: flows.reduce((sum, flow) => sum + flow.bytes, 0),
  };
}

export function flowFixture(overrides: Partial<SampledFlow> = {}): SampledFlow {
  return {
    src: '203.0.113.1',
    dst: '198.51.100.1',
    srcPort: 123,
    dstPort: 4444,
    ipProtocol: 17,
    tcpFlags: 0,
    fragment: false,
    packets: 1000,
    bytes: 468_000,
    samplingRate: 1000,
    receivedAtMs: 0,
    ...overrides,
  };
}

export function attackFixture(
  id: string,
  target: string,
  startedAt: number,
  overrides: { type?: AttackType; srcPort?: number; sample?: AttackSample; confidence?: number } = {},
): Attack {
  const { type = 'udp_flood', srcPort, sample = EMPTY_SAMPLE, confidence = 1 } = overrides;
  return {
    id,
    target: address(target),
    targetText: formatAddress(address(target)),
    group: 0,
    groupName: 'global',
    metric: 'pps',
    threshold: 1000,
    rate: 5000,
    rates: { pps: 5000 },
    peakRate: 5000,
    active: true,
    startedAt,
    endedAt: undefined,
    lastSeenAt: startedAt,
    sample,
    classification: { type, confidence, srcPort },
    reason: { text: 'pps 5000 > 1000', thresholdSource: 'static', shares: NO_SHARES },
  };
}

function countBy(flows: readonly SampledFlow[], keyOf: (flow: SampledFlow) => string): TopEntry[] {
  const counts = new Map<string, TopEntry>();
  for (const flow of flows) {
    const key = keyOf(flow);
    const before = counts.get(key) ?? { key, packets: 0, bytes: 0 };
    counts.set(key, { key, packets: before.packets + flow.packets, bytes: before.bytes + flow.bytes });
  }
  return [...counts.values()].sort((a, b) => b.packets - a.packets);
}
