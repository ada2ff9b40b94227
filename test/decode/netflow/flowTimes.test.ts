import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DIRECTION_EGRESS,
  DIRECTION_INGRESS,
  FLOW_END_MASK,
  FLOW_END_UNKNOWN,
  FLOW_ENDED,
  FLOW_GOES_ON,
} from '../../../src/flowBatch.ts';
import { DecodeBench } from '../decodedFlows.ts';
import {
  type Field,
  ipfix,
  ipfixOptionsTemplate,
  ipv4,
  type MessageOptions,
  netflow5,
  netflow9,
  netflow9OptionsTemplate,
  set,
  template,
  uint,
} from '../telemetryBytes.ts';

/** A field of a record with its value. */
type Value = readonly [element: number, bytes: readonly number[]];

/** 2026-05-01, in the exporter's clock. */
const EXPORT_SECONDS = 1_777_600_000;
const EXPORT_MS = EXPORT_SECONDS * 1000;
const UPTIME = 5_000_000;

const flow: readonly Value[] = [
  [8, ipv4('198.51.100.7')],
  [12, ipv4('203.0.113.9')],
  [1, uint(1000, 4)],
  [2, uint(10, 4)],
];

/** The times of the one row of a message, NetFlow v9 where it has an uptime. */
function timesOf(values: readonly Value[], options: MessageOptions = {}, bench = new DecodeBench(), now = 0) {
  const all = [...flow, ...values];
  const fields = all.map(([element, bytes]): Field => [element, bytes.length]);
  const record = all.flatMap(([, bytes]) => bytes);
  const isV9 = options.uptime !== undefined;
  const message = isV9 ? netflow9 : ipfix;
  const sets = [set(isV9 ? 0 : 2, template(256, fields)), set(256, record)];
  const rows = bench.netflow(message(sets, { exportTime: EXPORT_SECONDS, ...options }), now);
  assert.equal(rows.length, 1);
  const { durationMs, flowFlags, direction } = bench.batch;
  const row = bench.batch.start;
  return {
    duration: durationMs[row],
    endAgo: bench.batch.endAgoOf(row),
    flowEnd: flowFlags[row] & FLOW_END_MASK,
    direction: direction[row],
  };
}

const ntp = (ms: number): number[] => uint((BigInt(ms + 2_208_988_800_000) << 32n) / 1000n, 8);

test('start and end are read from every clock, relative to the export', () => {
  const [start, end] = [EXPORT_MS - 65_000, EXPORT_MS - 5000];
  const clocks: readonly (readonly Value[])[] = [
    [
      [152, uint(start, 8)],
      [153, uint(end, 8)],
    ],
    [
      [150, uint(start / 1000, 4)],
      [151, uint(end / 1000, 4)],
    ],
    [
      [154, ntp(start)],
      [155, ntp(end)],
    ],
    [
      [156, ntp(start)],
      [157, ntp(end)],
    ],
    // Whole microseconds and nanoseconds since 1970, as many devices send them.
    [
      [154, uint(BigInt(start) * 1000n, 8)],
      [155, uint(BigInt(end) * 1000n, 8)],
    ],
    [
      [156, uint(BigInt(start) * 1_000_000n, 8)],
      [157, uint(BigInt(end) * 1_000_000n, 8)],
    ],
    [
      [158, uint(65_000_000, 4)],
      [159, uint(5_000_000, 4)],
    ],
    // A start and an end of different clocks.
    [
      [152, uint(start, 8)],
      [151, uint(end / 1000, 4)],
    ],
    [
      [150, uint(start / 1000, 5)],
      [155, ntp(end)],
    ],
    // Uptimes in IPFIX, where the record says when the exporter started.
    [
      [160, uint(EXPORT_MS - UPTIME, 8)],
      [22, uint(UPTIME - 65_000, 4)],
      [21, uint(UPTIME - 5000, 4)],
    ],
  ];
  for (const values of clocks) {
    const { duration, endAgo } = timesOf(values);
    const what = values.map(([element]) => element).join();
    assert.ok(Math.abs(duration - 60_000) <= 1, `${what}: ${duration} ms`);
    assert.ok(Math.abs(endAgo - 5000) <= 1, `${what}: ended ${endAgo} ms ago`);
  }
});

test('uptimes are relative to that in the header, in any width, also where they wrapped', () => {
  for (const size of [4, 5, 8]) {
    const values: readonly Value[] = [
      [22, uint(UPTIME - 65_000, size)],
      [21, uint(UPTIME - 5000, size)],
    ];
    const { duration, endAgo } = timesOf(values, { uptime: UPTIME });
    assert.deepEqual([duration, endAgo], [60_000, 5000], `${size} bytes`);
  }
  const wrapped: readonly Value[] = [
    [22, uint(2 ** 32 - 1000, 4)],
    [21, uint(500, 4)],
  ];
  assert.deepEqual(timesOf(wrapped, { uptime: 2500 }), {
    duration: 1500,
    endAgo: 2000,
    flowEnd: FLOW_END_UNKNOWN,
    direction: 0,
  });
  const bench = new DecodeBench();
  bench.netflow(
    netflow5([{ src: '198.51.100.7', dst: '203.0.113.9', first: UPTIME - 65_000, last: UPTIME - 5000 }], {
      uptime: UPTIME,
    }),
  );
  assert.deepEqual([bench.batch.durationMs[0], bench.batch.endAgoOf(0)], [60_000, 5000]);
});

test('a flow without an end ended when it was exported; without a start it has no duration', () => {
  assert.deepEqual(
    [[152, uint(EXPORT_MS - 60_000, 8)] as const, [150, uint(EXPORT_SECONDS - 60, 4)] as const].map((start) => {
      const { duration, endAgo } = timesOf([start]);
      return [duration, endAgo];
    }),
    [
      [60_000, 0],
      [60_000, 0],
    ],
  );
  const start = timesOf([[22, uint(UPTIME - 60_000, 4)]], { uptime: UPTIME });
  assert.deepEqual([start.duration, start.endAgo], [60_000, 0]);
  const onlyEnd = timesOf([[153, uint(EXPORT_MS - 7000, 8)]]);
  assert.deepEqual([onlyEnd.duration, onlyEnd.endAgo], [0, 7000]);
  const zeroEnd = timesOf([
    [152, uint(EXPORT_MS - 60_000, 8)],
    [153, uint(0, 8)],
  ]);
  assert.deepEqual([zeroEnd.duration, zeroEnd.endAgo], [60_000, 0]);
});

test('the first clock that gives a duration is used, and elements that state one where none does', () => {
  const duration = (...values: readonly Value[]): number => timesOf(values).duration;
  assert.equal(duration([161, uint(4321, 4)]), 4321);
  assert.equal(duration([162, uint(4_321_000, 4)]), 4321);
  assert.equal(
    duration([152, uint(0, 8)], [153, uint(0, 8)], [150, uint(EXPORT_SECONDS - 9, 4)], [151, uint(EXPORT_SECONDS, 4)]),
    9000,
  );
});

test('a flow that ends before it begins has no duration, and one may last for weeks', () => {
  const duration = (start: number, end: number): number =>
    timesOf([
      [152, uint(start, 8)],
      [153, uint(end, 8)],
    ]).duration;
  assert.equal(duration(EXPORT_MS, EXPORT_MS - 1000), 0);
  assert.equal(duration(EXPORT_MS - 20 * 86_400_000, EXPORT_MS), 20 * 86_400_000);
  assert.equal(duration(1, EXPORT_MS), 2 ** 32 - 1);
});

test('a flow may last for nearly all the seven weeks of an uptime, in fields of any width', () => {
  for (const width of [4, 6, 8]) {
    const duration = (start: number, end: number): number =>
      timesOf([
        [22, uint(start, width)],
        [21, uint(end, width)],
      ]).duration;
    assert.equal(duration(1000, 4_273_000_000), 4_272_999_000);
    assert.equal(duration(4_200_000_000, 4_199_999_000), 0);
    assert.equal(duration(4_200_000_000, 1000), 94_968_296);
  }
});

test('an end after the export, or long before it, says nothing', () => {
  for (const end of [EXPORT_MS + 900, EXPORT_MS + 7_200_000, EXPORT_MS - 7_200_000]) {
    const { duration, endAgo } = timesOf([
      [152, uint(end - 60_000, 8)],
      [153, uint(end, 8)],
    ]);
    assert.deepEqual([duration, endAgo], [60_000, 0]);
  }
});

test('where all records are hours from their header, the difference is learned; one forged record changes nothing', () => {
  const bench = new DecodeBench();
  const at = (now: number, offsetMs: number, agoMs: number): number =>
    timesOf(
      [
        [152, uint(EXPORT_MS - offsetMs - agoMs - 1000, 8)],
        [153, uint(EXPORT_MS - offsetMs - agoMs, 8)],
      ],
      {},
      bench,
      now,
    ).endAgo;
  const HOURS = 3 * 3_600_000;
  for (const offset of [HOURS, -HOURS]) {
    const begin = offset > 0 ? 0 : 1_000_000;
    for (let now = begin; now < begin + 40_000; now += 1000) at(now, offset, now % 3000);
    assert.equal(at(begin + 40_000, offset, 4000), 4000, `offset ${offset}`);
  }
  const honest = new DecodeBench();
  const times = (now: number, offsetMs: number): number =>
    timesOf([[153, uint(EXPORT_MS - offsetMs - 4000, 8)]], {}, honest, now).endAgo;
  for (let now = 0; now < 100_000; now += 1000) times(now, now % 5000 === 0 ? -HOURS : 0);
  assert.equal(times(100_000, 0), 4000);
});

test('the reason of the end, an event and a direction are read', () => {
  const ends = [1, 2, 3, 4, 5, 0, 9].map((reason) => timesOf([[136, [reason]]]).flowEnd);
  assert.deepEqual(ends, [
    FLOW_ENDED,
    FLOW_GOES_ON,
    FLOW_ENDED,
    FLOW_ENDED,
    FLOW_ENDED,
    FLOW_END_UNKNOWN,
    FLOW_END_UNKNOWN,
  ]);
  assert.deepEqual(
    [1, 2, 5].map((event) => timesOf([[233, [event]]]).flowEnd),
    [FLOW_END_UNKNOWN, FLOW_ENDED, FLOW_GOES_ON],
  );
  assert.deepEqual(
    [0, 1, 255].map((direction) => timesOf([[61, [direction]]]).direction),
    [DIRECTION_INGRESS, DIRECTION_EGRESS, 0],
  );
});

test('an active timeout is learned from records and from options, and nonsense is ignored', () => {
  const bench = new DecodeBench();
  timesOf([[36, uint(90, 2)]], {}, bench);
  assert.equal(bench.exporter.activeTimeout.ms, 90_000);
  for (const nonsense of [0, 65_535]) timesOf([[36, uint(nonsense, 2)]], {}, bench);
  assert.equal(bench.exporter.activeTimeout.ms, 90_000);
  const inIpfix = (seconds: number) =>
    ipfix([set(3, ipfixOptionsTemplate(300, [[149, 4]], [[36, 2]])), set(300, [...uint(0, 4), ...uint(seconds, 2)])]);
  const inV9 = (seconds: number) =>
    netflow9([
      set(1, netflow9OptionsTemplate(300, [[1, 4]], [[36, 2]])),
      set(300, [...uint(0, 4), ...uint(seconds, 2)]),
    ]);
  const known: number[] = [];
  [inIpfix(120), inIpfix(120), inV9(60), inV9(90), inIpfix(120), inV9(60), inV9(60)].forEach((datagram, i) => {
    bench.netflow(datagram, i * 1000);
    known.push(bench.exporter.activeTimeout.ms / 1000);
  });
  assert.deepEqual(known, [90, 120, 120, 120, 120, 120, 60], 'another one is believed when it is stated again');
});

test('a value of any width is read, one that does not fit is left out and counted, and so is a field that cannot be', () => {
  for (const size of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const bench = new DecodeBench();
    const values: readonly Value[] = [
      [4, uint(17, size)],
      [7, uint(53, size)],
      [11, uint(80, size)],
      [6, uint(2, size)],
      [10, uint(9, size)],
      [88, uint(1, size)],
      [136, uint(3, size)],
    ];
    const { flowEnd } = timesOf(values, {}, bench);
    const { ipProtocol, srcPort, dstPort, tcpFlags, inInterface, fragment } = bench.batch;
    const row = [ipProtocol[0], srcPort[0], dstPort[0], tcpFlags[0], inInterface[0], fragment[0], flowEnd];
    assert.deepEqual(row, [17, 53, 80, 2, 9, 1, FLOW_ENDED], `${size} bytes`);
    assert.equal(bench.exporter.doubts.size, 0);
  }
  const bench = new DecodeBench();
  timesOf(
    [
      [7, uint(70_000, 4)],
      [4, uint(300, 2)],
      [27, uint(1, 5)],
      [21, uint(1, 9)],
    ],
    {},
    bench,
  );
  assert.deepEqual([bench.batch.srcPort[0], bench.batch.ipProtocol[0]], [0, 0]);
  assert.deepEqual([...bench.exporter.doubts], [['field_width', 4]]);
});
