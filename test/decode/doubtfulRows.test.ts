/*
 * What no link can carry: row by row, and all rows of a datagram together.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doubtFlowRates } from '../../src/decode/doubtfulRows.ts';
import { resolveSampling } from '../../src/decode/flowRows.ts';
import { DOUBTFUL } from '../../src/flowBatch.ts';
import { DecodeBench } from './decodedFlows.ts';
import { type Field, ipfix, ipv4, set, template, uint } from './telemetryBytes.ts';

const LAYOUT: readonly Field[] = [
  [12, 4],
  [2, 8],
  [1, 8],
  [161, 4],
];
const layout = set(2, template(256, LAYOUT));
const recordsOf = (count: number, packets: number, bytes: number, durationMs: number): number[] =>
  set(
    256,
    Array.from({ length: count }, (_, i) => [
      ...ipv4(`203.0.113.${i}`),
      ...uint(packets, 8),
      ...uint(Math.floor(bytes), 8),
      ...uint(durationMs, 4),
    ]).flat(),
  );

/** How many rows are doubtful. */
function doubtful(bench: DecodeBench): number {
  const { batch } = bench;
  resolveSampling(batch, 0, 1);
  doubtFlowRates(batch, bench.exporter);
  return batch.flowFlags.subarray(batch.start, batch.end).filter((flags) => (flags & DOUBTFUL) !== 0).length;
}

/** Bytes that a record of 800 Gbit/s has in a second. */
const LINK = 1e11;

for (const [name, count, packets, bytes, durationMs, expected] of [
  ['one is as fast as a link', 1, 1e8, LINK, 1000, 0],
  ['one is faster', 1, 1e8, LINK * 1.01, 1000, 1],
  ['thirty share a link', 30, 1e6, LINK / 30, 1000, 0],
  ['thirty are faster together', 30, 1e6, LINK / 29, 1000, 30],
  ['their time is a minute', 30, 1e6, LINK / 29, 60_000, 0],
  ['a minute of thirty links', 30, 1e8, LINK * 60, 60_000, 30],
  ['more packets than a link has together', 30, 4.1e7, 4.1e9, 0, 30],
] as const) {
  test(`what a datagram of records claims: ${name}`, () => {
    const bench = new DecodeBench();
    bench.netflow(ipfix([layout, recordsOf(count, packets, bytes, durationMs)]));
    assert.equal(doubtful(bench), expected);
  });
}

test('datagrams that waited for their template are not taken for one', () => {
  const bench = new DecodeBench();
  for (let i = 0; i < 30; i++) bench.netflow(ipfix([recordsOf(10, 1e6, LINK / 11, 1000)]), i * 100);
  bench.netflow(ipfix([layout]), 3000);
  assert.equal(bench.batch.end - bench.batch.start, 300);
  assert.equal(doubtful(bench), 0);
});
