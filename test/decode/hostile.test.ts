/*
 * Properties that hold for any bytes from a socket: nothing throws, everything ends, no table exceeds its limit.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CaptureError } from '../../src/capture/capturedPacket.ts';
import { readCapture } from '../../src/capture/readCapture.ts';
import { DECODE_ERROR_REASONS } from '../../src/decode/exporter/decodeErrors.ts';
import type { DecodeLimits } from '../../src/decode/exporter/exporterState.ts';
import { MAX_FLOWS_PER_DATAGRAM } from '../../src/flowBatch.ts';
import { captureBytes, captureNames } from './captureResult.ts';
import { DecodeBench } from './decodedFlows.ts';
import { ipfix, netflow9, uint } from './telemetryBytes.ts';

/** Small enough that hostile datagrams reach every limit. */
const TIGHT: DecodeLimits = {
  domains: 3,
  templates: 4,
  templateBytes: 200,
  samplingRates: 3,
  awaitingSets: 3,
  awaitingBytes: 400,
  awaitingMs: 50,
};

const realDatagrams = captureNames().flatMap((name) => {
  const kind: 'sflow' | 'netflow' = name.endsWith('.sflow') ? 'sflow' : 'netflow';
  return [...readCapture(captureBytes(name)).datagrams].slice(0, 12).map(({ payload }) => ({ kind, payload }));
});

function assertBounded(bench: DecodeBench, limits: DecodeLimits): void {
  const { exporter, batch } = bench;
  assert.ok(exporter.templates >= 0 && exporter.templates <= limits.templates);
  assert.ok(exporter.awaitingTemplateSets <= limits.awaitingSets);
  const { awaitingBytes } = exporter;
  assert.ok(awaitingBytes <= limits.awaitingBytes);
  assert.ok(batch.end - batch.start <= MAX_FLOWS_PER_DATAGRAM && batch.end <= batch.capacity);
  for (const [reason, count] of exporter.decodeErrors) {
    assert.ok(DECODE_ERROR_REASONS.includes(reason) && count > 0);
  }
}

/** Every row can be accounted: counters are finite and not negative, the rate is 0 or at least 1. */
function assertSaneRows(bench: DecodeBench): void {
  const { batch } = bench;
  for (let row = batch.start; row < batch.end; row++) {
    assert.ok(Number.isFinite(batch.sampledPackets[row]) && batch.sampledPackets[row] >= 0);
    assert.ok(Number.isFinite(batch.sampledBytes[row]) && batch.sampledBytes[row] >= 0);
    const rate = batch.samplingRate[row];
    assert.ok(rate === 0 || (rate >= 1 && rate <= 0xffff_ffff));
    assert.ok(batch.endAgoOf(row) >= 0 && batch.endAgoOf(row) <= 3_600_000);
    assert.ok(batch.fragment[row] <= 1);
  }
}

/** Bytes with a valid beginning, so that they pass the first checks. */
const hostileDatagram = fc
  .tuple(
    fc.constantFrom(...[5, 9, 10].map((version) => uint(version, 2)), uint(5, 4), []),
    fc.uint8Array({ maxLength: 600 }),
  )
  .map(([start, bytes]) => Uint8Array.from([...start, ...bytes]));

/** A few small sets with valid ids and lengths, and arbitrary bodies. */
const hostileSets = fc.array(
  fc
    .tuple(
      fc.constantFrom(0, 1, 2, 3, 256, 257, 258, 259, 260),
      fc.array(fc.constantFrom(0, 0, 0, 1, 1, 2, 4, 8, 12, 34, 48, 255, 256), { maxLength: 30 }),
      fc.integer({ min: -6, max: 6 }),
    )
    .map(([id, words, error]) => {
      const body = words.flatMap((word) => uint(word, 2));
      return [...uint(id, 2), ...uint(Math.max(0, body.length + 4 + (error > 3 ? error : 0)), 2), ...body];
    }),
  { maxLength: 8 },
);

test('arbitrary bytes never throw, never loop, and never exceed the limit of a table', () => {
  fc.assert(
    fc.property(fc.array(hostileDatagram, { minLength: 1, maxLength: 8 }), (datagrams) => {
      const bench = new DecodeBench(TIGHT);
      datagrams.forEach((datagram, i) => {
        bench.netflow(datagram, i * 20);
        assertBounded(bench, TIGHT);
        assertSaneRows(bench);
        bench.sflow(datagram, i * 20);
        assertBounded(bench, TIGHT);
        assertSaneRows(bench);
      });
    }),
    { numRuns: 400 },
  );
});

test('damaged sets of templates, options and data in any order stay within every limit', () => {
  const datagram = fc
    .tuple(hostileSets, fc.integer({ min: 0, max: 5 }), fc.boolean())
    .map(([sets, domain, isIpfix]) => (isIpfix ? ipfix(sets, { domain }) : netflow9(sets, { domain })));
  let learned = 0;
  fc.assert(
    fc.property(fc.array(datagram, { minLength: 1, maxLength: 12 }), (datagrams) => {
      const bench = new DecodeBench(TIGHT);
      datagrams.forEach((bytes, i) => {
        bench.netflow(bytes, i * 20);
        assertBounded(bench, TIGHT);
        assertSaneRows(bench);
      });
      learned += bench.exporter.templates;
    }),
    { numRuns: 600 },
  );
  assert.ok(learned > 0, 'the generator must make templates that are learned');
});

test('real datagrams with bytes changed, removed or cut off never throw and stay within every limit', () => {
  const mutation = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(realDatagrams.length - 1), fc.array(mutation, { maxLength: 6 }), fc.nat()), {
        minLength: 1,
        maxLength: 5,
      }),
      (picks) => {
        const bench = new DecodeBench(TIGHT);
        picks.forEach(([pick, mutations, cut], i) => {
          const { kind, payload } = realDatagrams[pick];
          const bytes = payload.slice(0, cut % 3 === 0 ? cut % (payload.length + 1) : payload.length);
          for (const [at, value] of mutations) if (bytes.length > 0) bytes[at % bytes.length] = value;
          if (kind === 'sflow') bench.sflow(bytes, i * 20);
          else bench.netflow(bytes, i * 20);
          assertBounded(bench, TIGHT);
          assertSaneRows(bench);
        });
      },
    ),
    { numRuns: 800 },
  );
});

test('the largest datagram full of the smallest sets or samples is decoded in bounded time', () => {
  const sets = new Array<number[]>(16_000).fill([...uint(256, 2), ...uint(4, 2)]);
  const bench = new DecodeBench();
  bench.netflow(ipfix(sets));
  assert.equal(bench.exporter.awaitingTemplateSets, bench.exporter.limits.awaitingSets);
  const samples = Uint8Array.from([
    ...[5, 1, 0, 0, 0, 0, 0xffff_ffff].flatMap((word) => uint(word, 4)),
    ...new Array<number>(60_000).fill(0),
  ]);
  bench.sflow(samples);
  assert.equal(bench.errors.datagram_truncated, 1);
});

test('damaged capture files are refused with a CaptureError or read up to the damage', () => {
  const file = captureBytes('ix-softflowd.netflow');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 5 }),
      fc.nat(),
      (changes, cut) => {
        const bytes = file.slice(0, cut % 2 === 0 ? file.length : cut % file.length);
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % Math.min(bytes.length, 100)] = value;
        try {
          for (const { payload } of readCapture(bytes).datagrams) assert.ok(payload.length <= bytes.length);
        } catch (error) {
          assert.ok(error instanceof CaptureError, String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});
