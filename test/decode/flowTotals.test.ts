import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { COUNTS_FROM_START } from '../../src/flowBatch.ts';
import { DecodeBench } from './decodedFlows.ts';
import { type Field, ipfix, ipv4, netflow5, set, template, uint } from './telemetryBytes.ts';

const EXPORT_SECONDS = 1_777_600_000;

type Value = readonly [element: number, bytes: readonly number[]];

/** Packets, bytes and duration of the rows that one record gives, exported so many seconds after the first. */
function rowsOf(bench: DecodeBench, seconds: number, values: readonly Value[]) {
  const all: readonly Value[] = [[8, ipv4('198.51.100.7')], [12, ipv4('203.0.113.9')], ...values];
  const fields = all.map(([element, bytes]): Field => [element, bytes.length]);
  const record = all.flatMap(([, bytes]) => bytes);
  const exportTime = EXPORT_SECONDS + seconds;
  const rows = bench.netflow(ipfix([set(2, template(256, fields)), set(256, record)], { exportTime }), seconds * 1000);
  return rows.map(({ packets, bytes, durationMs }) => ({ packets, bytes, durationMs }));
}

function totals(seconds: number, packets: number, startedAt = 0, srcPort = 1): readonly Value[] {
  return [
    [7, uint(srcPort, 2)],
    [85, uint(packets * 100, 8)],
    [86, uint(packets, 8)],
    [152, uint((EXPORT_SECONDS + startedAt) * 1000, 8)],
    [153, uint((EXPORT_SECONDS + seconds) * 1000, 8)],
  ];
}

test('records of totals add up to the last total, whatever lies between them', () => {
  const steps = fc.array(
    fc.record({ flow: fc.nat(3), afterSeconds: fc.integer({ min: 1, max: 300 }), packets: fc.nat(1e6) }),
    { minLength: 1, maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (records) => {
      const bench = new DecodeBench();
      const total = [0, 0, 0, 0];
      const counted = [0, 0, 0, 0];
      let seconds = 0;
      for (const { flow, afterSeconds, packets } of records) {
        seconds += afterSeconds;
        total[flow] += packets;
        const [row] = rowsOf(bench, seconds, totals(seconds, total[flow], 0, flow));
        counted[flow] += row.packets;
        assert.equal(row.bytes, row.packets * 100);
      }
      assert.deepEqual(counted, total);
    }),
  );
});

test('the period of a difference is all the time since the record before; a first record counts from the start', () => {
  const bench = new DecodeBench();
  assert.deepEqual(rowsOf(bench, 3600, totals(3600, 7200)), [{ packets: 7200, bytes: 720_000, durationMs: 3_600_000 }]);
  assert.equal(bench.batch.flowFlags[bench.batch.start], COUNTS_FROM_START);
  assert.deepEqual(rowsOf(bench, 3660, totals(3660, 7320)), [{ packets: 120, bytes: 12_000, durationMs: 60_000 }]);
  assert.equal(bench.batch.flowFlags[bench.batch.start], COUNTS_FROM_START, 'records between may have been lost');
});

test('a new flow with the key of an old one counts whole', () => {
  const bench = new DecodeBench();
  rowsOf(bench, 60, totals(60, 1000));
  const smaller = rowsOf(bench, 120, totals(120, 10, 0));
  assert.equal(smaller[0].packets, 10);
  const later = rowsOf(bench, 200, totals(200, 5000, 190));
  assert.equal(later[0].packets, 5000);
});

/** Totals in fields of four bytes, which begin anew at 2^32. */
function narrowTotals(seconds: number, packets: number, bytes: number): readonly Value[] {
  return [
    [86, uint(packets % 2 ** 32, 4)],
    [85, uint(bytes % 2 ** 32, 4)],
    [150, uint(EXPORT_SECONDS, 4)],
    [151, uint(EXPORT_SECONDS + seconds, 4)],
  ];
}

test('a counter that passed the limit of its width goes on', () => {
  const bench = new DecodeBench();
  const bytes = (minutes: number): number =>
    rowsOf(bench, 60 * minutes, narrowTotals(60 * minutes, 3e6 * minutes, 3e9 * minutes))[0].bytes;
  assert.deepEqual([1, 2, 3, 4, 5].map(bytes), [3e9, 3e9, 3e9, 3e9, 3e9]);
});

test('a total that was overtaken by a later one was counted with it', () => {
  const bench = new DecodeBench();
  const packets = (seconds: number): number => rowsOf(bench, seconds, totals(seconds, 100 * seconds))[0].packets;
  assert.deepEqual([3600, 3620, 3610, 3630].map(packets), [360_000, 2000, 0, 1000]);
});

test('after a total that no flow can have, the next one is a mean since the start, not a difference', () => {
  const bench = new DecodeBench();
  rowsOf(bench, 3600, totals(3600, 9e6));
  assert.equal(rowsOf(bench, 3640, totals(3640, 5))[0].packets, 5);
  assert.deepEqual(rowsOf(bench, 3660, totals(3660, 9.15e6)), [
    { packets: 9.15e6, bytes: 9.15e8, durationMs: 3_660_000 },
  ]);
  assert.equal(rowsOf(bench, 3720, totals(3720, 9.3e6))[0].packets, 150_000);
});

test('totals without times are of the time since the record before', () => {
  const bench = new DecodeBench();
  const record = (seconds: number, packets: number) =>
    rowsOf(bench, seconds, [
      [85, uint(packets * 100, 8)],
      [86, uint(packets, 8)],
    ]);
  record(60, 1000);
  assert.deepEqual(record(120, 1600), [{ packets: 600, bytes: 60_000, durationMs: 60_000 }]);
});

test('a flow that is reported again after more than half an hour counts whole', () => {
  const bench = new DecodeBench();
  rowsOf(bench, 60, totals(60, 1000));
  assert.equal(rowsOf(bench, 60 + 36 * 60, totals(60 + 36 * 60, 3000))[0].packets, 3000);
});

test('where the config says so, deltas are totals too, in NetFlow v5 as well', () => {
  const bench = new DecodeBench();
  bench.exporter.countersAreTotals = true;
  const record = (packets: number) =>
    bench.netflow(
      netflow5([{ src: '198.51.100.7', dst: '203.0.113.9', packets, bytes: packets * 100, first: 0, last: 0 }]),
    );
  assert.deepEqual(
    [1000, 1500, 1500, 200].map((packets) => record(packets)[0].packets),
    [1000, 500, 0, 200],
  );
});

test('deltas without times are of the time since the record before of the same flow', () => {
  const bench = new DecodeBench();
  const duration = (seconds: number, srcPort: number): number =>
    rowsOf(bench, seconds, [
      [1, uint(500, 4)],
      [2, uint(5, 4)],
      [7, uint(srcPort, 2)],
    ])[0].durationMs;
  assert.deepEqual([duration(0, 1), duration(30, 2), duration(60, 1), duration(90, 2)], [0, 0, 60_000, 60_000]);
  assert.equal(duration(90 + 36 * 60, 2), 0, 'a flow that was forgotten');
});

test('elements 1 and 2 beside 85 and 86 are deltas', () => {
  const bench = new DecodeBench();
  const record = (seconds: number) =>
    rowsOf(bench, seconds, [[1, uint(500, 4)], [2, uint(5, 4)], ...totals(seconds, 5000)])[0].packets;
  assert.deepEqual([record(60), record(120)], [5, 5]);
});

/** An event of a firewall (NSEL): 5 updates a connection, 2 ends it. */
function event(kind: number, forward: number, reverse: number, srcPort = 1): readonly Value[] {
  return [
    [7, uint(srcPort, 2)],
    [233, [kind]],
    [231, uint(forward, 4)],
    [232, uint(reverse, 4)],
  ];
}

test('the end of a connection adds only what its updates did not tell, in both directions', () => {
  const bench = new DecodeBench();
  const bytes = (...args: Parameters<typeof event>): number[] =>
    rowsOf(bench, 1, event(...args)).map((row) => row.bytes);
  assert.deepEqual(bytes(5, 100, 2000), [100, 2000]);
  assert.deepEqual(bytes(5, 50, 1000), [50, 1000]);
  assert.deepEqual(bytes(2, 150, 3000), [], 'nothing new');
  assert.deepEqual(bytes(2, 150, 3000), [150, 3000], 'a connection without updates');
  assert.deepEqual(bytes(5, 10, 0, 2), [10]);
  assert.deepEqual(bytes(2, 30, 7, 2), [20, 7]);
});

type Steps = readonly { readonly afterSeconds: number; readonly packets: number; readonly reversePackets: number }[];
const REVERSE = 29305;

/** How the two counters of one direction are sent: as a delta, as a total, or as zero beside a total. */
const KINDS = ['delta', 'total', 'zeroBesideTotal'] as const;
type Kind = (typeof KINDS)[number];

function counterFields(kind: Kind, delta: number, total: number, enterprise?: number): Field[] {
  const field = (element: number): Field => (enterprise === undefined ? [element, 8] : [element, 8, enterprise]);
  if (kind === 'delta') return [field(delta)];
  return kind === 'total' ? [field(total)] : [field(delta), field(total)];
}

function counterBytes(kind: Kind, delta: number, total: number): number[] {
  if (kind === 'delta') return uint(delta, 8);
  return kind === 'total' ? uint(total, 8) : [...uint(0, 8), ...uint(total, 8)];
}

/** What a flow counts in all, packets and bytes in each direction, by one of 81 ways to send it. */
function countedOf([packets, bytes, reversePackets, reverseBytes]: readonly Kind[], steps: Steps, hasTimes: boolean) {
  const bench = new DecodeBench();
  const fields: Field[] = [
    [8, 4],
    [12, 4],
    ...counterFields(packets, 2, 86),
    ...counterFields(bytes, 1, 85),
    ...counterFields(reversePackets, 2, 86, REVERSE),
    ...counterFields(reverseBytes, 1, 85, REVERSE),
    ...(hasTimes
      ? ([
          [150, 4],
          [151, 4],
        ] as const)
      : []),
  ];
  const sums = { packets: 0, bytes: 0, reversePackets: 0, reverseBytes: 0 };
  let [seconds, sent, reverseSent] = [0, 0, 0];
  for (const step of steps) {
    seconds += step.afterSeconds;
    sent += step.packets;
    reverseSent += step.reversePackets;
    const record = [
      ...ipv4('198.51.100.7'),
      ...ipv4('203.0.113.9'),
      ...counterBytes(packets, step.packets, sent),
      ...counterBytes(bytes, step.packets * 100, sent * 100),
      ...counterBytes(reversePackets, step.reversePackets, reverseSent),
      ...counterBytes(reverseBytes, step.reversePackets * 50, reverseSent * 50),
      ...(hasTimes ? [...uint(EXPORT_SECONDS, 4), ...uint(EXPORT_SECONDS + seconds, 4)] : []),
    ];
    const message = ipfix([set(2, template(256, fields)), set(256, record)], { exportTime: EXPORT_SECONDS + seconds });
    for (const row of bench.netflow(message, seconds * 1000)) {
      const isForward = row.src === '198.51.100.7';
      sums[isForward ? 'packets' : 'reversePackets'] += row.packets;
      sums[isForward ? 'bytes' : 'reverseBytes'] += row.bytes;
    }
  }
  const expected = { packets: sent, bytes: sent * 100, reversePackets: reverseSent, reverseBytes: reverseSent * 50 };
  return { sums, expected };
}

test('each counter of a record counts by its own meaning, whatever the others are, in both directions', () => {
  // In the reverse direction nobody was seen to send zeros beside totals.
  const kind = fc.constantFrom(...KINDS);
  const reverseKind = fc.constantFrom('delta' as const, 'total' as const);
  const steps = fc.array(
    fc.record({
      afterSeconds: fc.integer({ min: 1, max: 300 }),
      packets: fc.integer({ min: 1, max: 1e6 }),
      reversePackets: fc.integer({ min: 1, max: 1e6 }),
    }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(fc.tuple(kind, kind, reverseKind, reverseKind), steps, fc.boolean(), (kinds, records, hasTimes) => {
      const { sums, expected } = countedOf(kinds, records, hasTimes);
      assert.deepEqual(sums, expected);
    }),
  );
});

test('a zero beside a total is no traffic once two datagrams had deltas, and a total until then', () => {
  const bench = new DecodeBench();
  const packets = (seconds: number, delta: number, total: number): number =>
    rowsOf(bench, seconds, [[1, uint(delta * 100, 8)], [2, uint(delta, 8)], ...totals(seconds, total)])[0].packets;
  assert.deepEqual([packets(60, 0, 500), packets(120, 0, 800)], [500, 300]);
  // One that may be forged changes nothing.
  assert.deepEqual([packets(125, 9, 9), packets(180, 0, 1200)], [9, 400]);
  assert.deepEqual([packets(240, 50, 1250), packets(300, 0, 1250), packets(360, 0, 1500)], [50, 0, 0]);
});

test('a counter alone that was overtaken by a later one was counted with it', () => {
  const bench = new DecodeBench();
  const bytes = (seconds: number): number =>
    rowsOf(bench, seconds, [
      [85, uint(seconds * 100, 8)],
      [150, uint(EXPORT_SECONDS, 4)],
      [151, uint(EXPORT_SECONDS + seconds, 4)],
    ])[0].bytes;
  assert.deepEqual([3600, 3620, 3610, 3630].map(bytes), [360_000, 2000, 0, 1000]);
});

test('of a biflow whose one direction was silent there is one row, of a connection of a firewall there are both', () => {
  const bench = new DecodeBench();
  const key: Field[] = [
    [8, 4],
    [12, 4],
  ];
  const addresses = [...ipv4('198.51.100.7'), ...ipv4('203.0.113.9')];
  const rows = (id: number, fields: readonly Field[], packets: number, reversePackets: number) =>
    bench
      .netflow(
        ipfix([
          set(2, template(id, [...key, ...fields])),
          set(id, [...addresses, ...uint(packets, 8), ...uint(reversePackets, 8)]),
        ]),
      )
      .map(({ src, packets }) => [src, packets]);
  const biflow: Field[] = [
    [2, 8],
    [2, 8, REVERSE],
  ];
  assert.deepEqual(rows(256, biflow, 0, 7), [['203.0.113.9', 7]]);
  assert.deepEqual(rows(256, biflow, 5, 0), [['198.51.100.7', 5]]);
  assert.deepEqual(rows(256, biflow, 5, 7).length, 2);
  const connection: Field[] = [
    [298, 8],
    [299, 8],
  ];
  assert.deepEqual(rows(257, connection, 0, 7).length, 2);
});
