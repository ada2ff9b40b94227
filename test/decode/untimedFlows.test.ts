/*
 * For how long the first record of a flow counts where records have no times.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveSampling } from '../../src/decode/flowRows.ts';
import { assumeDurations } from '../../src/decode/untimedFlows.ts';
import { DecodeBench } from './decodedFlows.ts';
import { type Field, ipfix, ipv4, set, template, uint } from './telemetryBytes.ts';

const EXPORT_SECONDS = 1_777_600_000;

/** The durations of two records of one flow without times, the second 40 s later. */
function durations(elements: readonly [number, number], packets: number, bytes: number, rate: number, timeoutMs = 0) {
  const bench = new DecodeBench();
  if (timeoutMs > 0) bench.exporter.activeTimeout.configuredMs = timeoutMs;
  const layout = set(2, template(256, [[12, 4], ...elements.map((element): Field => [element, 8])]));
  return [1, 2].map((n) => {
    const data = set(256, [...ipv4('203.0.113.9'), ...uint(n * packets, 8), ...uint(n * bytes, 8)]);
    const exportTime = EXPORT_SECONDS + 40 * n;
    const [{ durationMs }] = bench.netflow(ipfix([layout, data], { exportTime }), 40_000 * n);
    if (n === 1) assert.equal(durationMs, 0, 'the record itself has none');
    resolveSampling(bench.batch, 0, rate);
    assumeDurations(bench.batch, bench.exporter);
    return bench.batch.durationMs[bench.batch.start];
  });
}

const DELTAS = [2, 1] as const;
const TOTALS = [86, 85] as const;

for (const [name, elements, packets, bytes, rate, timeoutMs, expected] of [
  ['a short flow', DELTAS, 900, 90_000, 1, 0, 0],
  ['2,500 packets', DELTAS, 2500, 250_000, 1, 0, 2500],
  ['25 packets, one in 100', DELTAS, 25, 2500, 100, 0, 2500],
  ['one packet, whatever its rate', DELTAS, 1, 1500, 100_000, 0, 0],
  ['50 Mbit of large packets', DELTAS, 900, 6_250_000, 1, 0, 5000],
  ['the flow of a minute', DELTAS, 600_000, 1.5e9, 1, 0, 60_000],
  ['the flow of a configured timeout', DELTAS, 600_000, 1.5e9, 1, 300_000, 300_000],
  ['a total', TOTALS, 300_000, 3e7, 1, 0, 300_000],
  ['the total of hours', TOTALS, 9e6, 9e8, 1, 0, 9_000_000],
] as const) {
  test(`a first record without times: ${name}`, () => {
    assert.deepEqual(durations(elements, packets, bytes, rate, timeoutMs), [expected, 40_000]);
  });
}
