/*
 * What decoding costs a flow, beside the least that any decoder must do: look at every byte of the same datagrams.
 */

import { DecodeContext } from '../../src/decode/decodeContext.ts';
import { ExporterState } from '../../src/decode/exporter/exporterState.ts';
import { decodeNetflow } from '../../src/decode/netflow/decodeNetflow.ts';
import { decodeSflow } from '../../src/decode/sflow/decodeSflow.ts';
import { FlowBatch } from '../../src/flowBatch.ts';
import {
  ethernet,
  type Field,
  flowSample,
  ipfix,
  ipv4,
  ipv4Packet,
  netflow5,
  netflow9,
  rawHeader,
  set,
  sflow,
  tcp,
  template,
  uint,
  VARIABLE,
  variable,
} from '../decode/telemetryBytes.ts';

/** One line of `npm run bench`. `ratio` compares with what was measured in the same run and is named in `against`. */
export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly against?: string;
}

type Decoder = typeof decodeNetflow;

/** What a Cisco or Juniper router sends for an IPv4 flow: 18 fields, 12 of which become columns. */
const ROUTER_TEMPLATE: readonly Field[] = [
  [1, 4],
  [2, 4],
  [4, 1],
  [5, 1],
  [6, 1],
  [7, 2],
  [8, 4],
  [9, 1],
  [10, 4],
  [11, 2],
  [12, 4],
  [13, 1],
  [14, 4],
  [15, 4],
  [16, 4],
  [17, 4],
  [21, 4],
  [22, 4],
];

const FLOWS_PER_DATAGRAM = 24;
/** Rounds of a few thousand datagrams; the fastest counts, since whatever else runs can only slow one down. */
const ROUNDS = 15;
const DATAGRAMS_PER_ROUND = 4000;

/** Nanoseconds a flow of each protocol, and how many times the cost of a bare sum over the bytes that is. */
export function benchDecode(): BenchRow[] {
  const records = Array.from({ length: FLOWS_PER_DATAGRAM }, (_, i) => routerRecord(i));
  const announcement = set(0, template(256, ROUTER_TEMPLATE));
  const ipfixAnnouncement = set(2, template(256, ROUTER_TEMPLATE));
  const named = (i: number): number[] => [...routerRecord(i), ...variable(uint(0x6b61706b616e, 6))];
  const namedTemplate = set(2, template(257, [...ROUTER_TEMPLATE, [82, VARIABLE]]));
  const namedRecords = Array.from({ length: FLOWS_PER_DATAGRAM }, (_, i) => named(i));
  return [
    ...measure('NetFlow v5, 30 records', decodeNetflow, netflow5(netflow5Records()), 30),
    ...measure(
      'NetFlow v9, fixed length',
      decodeNetflow,
      netflow9([set(256, records.flat())]),
      24,
      netflow9([announcement]),
    ),
    ...measure('IPFIX, fixed length', decodeNetflow, ipfix([set(256, records.flat())]), 24, ipfix([ipfixAnnouncement])),
    ...measure(
      'IPFIX, variable length',
      decodeNetflow,
      ipfix([set(257, namedRecords.flat())]),
      24,
      ipfix([namedTemplate]),
    ),
    ...measure('sFlow v5, 6 raw headers', decodeSflow, sflow(sflowSamples()), 6),
  ];
}

function measure(
  name: string,
  decode: Decoder,
  datagram: Uint8Array,
  flows: number,
  announced?: Uint8Array,
): BenchRow[] {
  const buffer = new Uint8Array(65_536);
  const view = new DataView(buffer.buffer);
  const batch = new FlowBatch(65_536);
  const context = new DecodeContext(batch);
  const exporter = new ExporterState('192.0.2.1');
  const decodeOne = (bytes: Uint8Array): void => {
    batch.beginDatagram();
    context.begin(view, bytes.length, exporter, 0);
    decode(context);
  };
  if (announced !== undefined) {
    buffer.set(announced);
    decodeOne(announced);
  }
  buffer.set(datagram);
  decodeOne(datagram);
  if (batch.end - batch.start !== flows)
    throw new Error(`${name}: ${batch.end - batch.start} flows decoded, not ${flows}`);
  const decodeNs = fastest(() => decodeOne(datagram)) / flows;
  const sumNs = fastest(() => sumBytes(buffer, datagram.length)) / flows;
  return [
    { name: `decode ${name}`, value: decodeNs, unit: 'ns/flow', ratio: decodeNs / sumNs, against: 'summing the bytes' },
  ];
}

/** Nanoseconds of one call, of the fastest round. */
function fastest(call: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    for (let i = 0; i < DATAGRAMS_PER_ROUND; i++) call();
    best = Math.min(best, performance.now() - startedAt);
  }
  return (best * 1e6) / DATAGRAMS_PER_ROUND;
}

/** Keeps the sum alive, so that no compiler drops the loop. */
const sink = new Int32Array(1);

function sumBytes(bytes: Uint8Array, length: number): void {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += bytes[i];
  sink[0] ^= sum;
}

function netflow5Records(): Parameters<typeof netflow5>[0] {
  return Array.from({ length: 30 }, (_, i) => ({
    src: `198.51.100.${i}`,
    dst: `203.0.113.${i}`,
    srcPort: 1024 + i,
    dstPort: 443,
    protocol: 6,
    tcpFlags: 0x10,
    packets: 10 + i,
    bytes: 1500 * (10 + i),
    first: 1000,
    last: 5000 + i,
  }));
}

function routerRecord(i: number): number[] {
  return [
    ...uint(15_000 + i, 4),
    ...uint(10 + i, 4),
    6,
    0,
    0x10,
    ...uint(1024 + i, 2),
    ...ipv4(`198.51.100.${i}`),
    24,
    ...uint(7, 4),
    ...uint(443, 2),
    ...ipv4(`203.0.113.${i}`),
    24,
    ...uint(9, 4),
    ...ipv4('192.0.2.254'),
    ...uint(64_500, 4),
    ...uint(64_501, 4),
    ...uint(90_000, 4),
    ...uint(60_000 + i, 4),
  ];
}

function sflowSamples(): number[][] {
  return Array.from({ length: 6 }, (_, i) => {
    const header = { src: `198.51.100.${i}`, dst: `203.0.113.${i}`, protocol: 6, totalLength: 1500 };
    const frame = ethernet(0x0800, ipv4Packet(header, [...tcp(1024 + i, 443, 0x10), ...new Array<number>(74).fill(0)]));
    return flowSample([rawHeader(frame, 1518)], { rate: 1000 });
  });
}

if (import.meta.main) {
  for (const { name, value, unit, ratio = 0, against } of benchDecode()) {
    process.stdout.write(`${name}: ${value.toFixed(1)} ${unit}, ${ratio.toFixed(2)} × ${against}\n`);
  }
}
