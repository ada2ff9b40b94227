import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeBench, type DecodedFlow } from '../decodedFlows.ts';
import {
  ethernet,
  type Field,
  ipfix,
  ipv4,
  ipv4Packet,
  ipv6,
  netflow9,
  set,
  template,
  udp,
  uint,
  VARIABLE,
  variable,
} from '../telemetryBytes.ts';

/** A field of a record with its value. */
type Value = readonly [element: number, bytes: readonly number[], enterprise?: number];

const SRC = '198.51.100.7';
const DST = '203.0.113.9';
const ends: readonly Value[] = [
  [8, ipv4(SRC)],
  [12, ipv4(DST)],
];
const oneFlow: readonly Value[] = [...ends, [1, uint(1000, 4)], [2, uint(10, 4)]];
const zero = (size: number): number[] => uint(0, size);

/** The rows of one IPFIX record of these fields. */
function decode(values: readonly Value[], bench = new DecodeBench()): DecodedFlow[] {
  const fields = values.map(([element, bytes, enterprise]): Field => [element, bytes.length, enterprise]);
  const record = values.flatMap(([, bytes]) => bytes);
  return bench.netflow(ipfix([set(2, template(256, fields)), set(256, record)]));
}

function decodeOne(...values: readonly Value[]): DecodedFlow {
  const rows = decode(values);
  assert.equal(rows.length, 1);
  return rows[0];
}

test('bytes come from 1, else 85, 352, 231 or 23, also where a preferred one is present but zero', () => {
  const elements = [1, 85, 352, 231, 23];
  for (const [i, element] of elements.entries()) {
    const values = elements.map((other): Value => [other, uint(elements.indexOf(other) < i ? 0 : other * 1000, 8)]);
    assert.equal(decodeOne(...ends, ...values.toReversed()).bytes, element * 1000);
    assert.equal(decodeOne(...ends, [element, uint(77, 3)]).bytes, 77);
  }
});

test('packets come from 2, else 86, 298 or 24', () => {
  const elements = [2, 86, 298, 24];
  for (const [i, element] of elements.entries()) {
    const values = elements.map((other): Value => [other, uint(elements.indexOf(other) < i ? 0 : other, 4)]);
    assert.equal(decodeOne(...ends, ...values.toReversed()).packets, element);
  }
});

test('delta and post counters of the same traffic are never added up', () => {
  assert.equal(decodeOne(...ends, [1, uint(500, 4)], [23, uint(500, 4)]).bytes, 500);
});

test('a record with bytes but no packet count keeps its bytes and has no packets', () => {
  assert.equal(decodeOne(...ends, [231, uint(500, 4)]).packets, 0);
});

test('counters of the responder make a second row in the reverse direction', () => {
  const rows = decode([
    ...ends,
    [7, uint(50_000, 2)],
    [11, uint(443, 2)],
    [10, uint(3, 4)],
    [14, uint(4, 4)],
    [231, uint(100, 4)],
    [232, uint(9000, 4)],
    [299, uint(8, 4)],
  ]);
  assert.equal(rows.length, 2);
  const [forward, reverse] = rows;
  assert.deepEqual([forward.src, forward.dst, forward.bytes], [SRC, DST, 100]);
  assert.deepEqual([reverse.src, reverse.dst, reverse.bytes, reverse.packets], [DST, SRC, 9000, 8]);
  assert.deepEqual([reverse.srcPort, reverse.dstPort, reverse.inInterface, reverse.outInterface], [443, 50_000, 4, 3]);
});

test('a responder that sent nothing makes no row', () => {
  assert.equal(decode([...ends, [231, uint(100, 4)], [232, zero(4)]]).length, 1);
});

test('reverse counters under PEN 29305 make a second row, whatever elements they have', () => {
  for (const [bytes, packets] of [
    [1, 2],
    [85, 86],
  ]) {
    const rows = decode([
      ...ends,
      [7, uint(53, 2)],
      [6, [0x02]],
      [1, uint(5, 4)],
      [bytes, uint(999, 4), 29_305],
      [2, uint(1, 4)],
      [packets, uint(77, 8), 29_305],
      [6, uint(0x12, 2), 29_305],
    ]);
    assert.deepEqual(
      rows.map((row) => [row.src, row.dst, row.srcPort, row.dstPort, row.packets, row.bytes, row.tcpFlags]),
      [
        [SRC, DST, 53, 0, 1, 5, 0x02],
        [DST, SRC, 0, 53, 77, 999, 0x12],
      ],
    );
  }
  assert.equal(decode([...oneFlow, [1, uint(0, 4), 29_305], [2, uint(0, 4), 29_305]]).length, 1);
});

test('IPv6 addresses are read word by word', () => {
  const row = decodeOne(
    [27, ipv6(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6)],
    [28, ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xffff)],
    [1, uint(1, 1)],
  );
  assert.deepEqual([row.src, row.dst], ['2001:db8:1:2:3:4:5:6', '2001:db8::ffff']);
});

test('where a template has an IPv4 and an IPv6 pair, the pair that is not zero is used, and IPv4 where both are set', () => {
  const v6: readonly Value[] = [
    [27, ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)],
    [28, ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)],
  ];
  const noV4: readonly Value[] = [
    [8, zero(4)],
    [12, zero(4)],
  ];
  const noV6: readonly Value[] = [
    [27, zero(16)],
    [28, zero(16)],
  ];
  const counter: Value = [1, uint(9, 4)];
  assert.deepEqual(
    [decodeOne(...noV4, ...v6, counter).src, decodeOne(...noV4, ...v6, counter).dst],
    ['2001:db8::1', '2001:db8::2'],
  );
  assert.deepEqual([decodeOne(...ends, ...noV6, counter).src, decodeOne(...ends, ...noV6, counter).dst], [SRC, DST]);
  assert.equal(decodeOne(...ends, ...v6, counter).dst, DST);
  assert.equal(decodeOne(...noV4, ...noV6, counter).dst, '0.0.0.0');
});

test('translated addresses are used only where the others are missing', () => {
  const translated: readonly Value[] = [
    [225, ipv4('192.0.2.10')],
    [226, ipv4('192.0.2.20')],
  ];
  const counter: Value = [1, uint(9, 4)];
  assert.equal(decodeOne(...translated, ...ends, counter).dst, DST);
  assert.equal(decodeOne(...translated, counter).dst, '192.0.2.20');
});

test('Cisco AVC addresses and ports under PEN 9 are read', () => {
  const row = decodeOne(
    [12_236, ipv4(SRC), 9],
    [12_237, ipv4(DST), 9],
    [12_241, uint(443, 2), 9],
    [4, [6]],
    [231, uint(100, 8)],
    [298, uint(3, 8)],
  );
  assert.deepEqual([row.src, row.dst, row.dstPort, row.bytes, row.packets], [SRC, DST, 443, 100, 3]);
});

test('ICMP type and code come from 32, 139 or the pairs, else from the destination port', () => {
  const icmp = (...values: readonly Value[]): number => decodeOne(...oneFlow, [4, [1]], ...values).dstPort;
  assert.equal(icmp([32, uint(0x0303, 2)], [11, uint(5, 2)]), 0x0303);
  assert.equal(icmp([32, zero(2)], [11, uint(0x0800, 2)]), 0x0800);
  assert.equal(icmp([176, [8]], [177, [1]]), 0x0801);
  assert.equal(icmp([11, uint(0x0800, 2)]), 0x0800);
  assert.equal(decodeOne(...oneFlow, [4, [58]], [139, uint(0x8000, 2)]).dstPort, 0x8000);
  assert.equal(decodeOne(...oneFlow, [4, [58]], [178, [128]], [179, [0]]).dstPort, 0x8000);
});

test('an ICMP field in a record of another protocol does not change its port', () => {
  assert.equal(decodeOne(...oneFlow, [4, [17]], [11, uint(53, 2)], [32, uint(0x0303, 2)]).dstPort, 53);
});

test('TCP flags are the low eight bits of one byte or two', () => {
  assert.equal(decodeOne(...oneFlow, [6, [0x12]]).tcpFlags, 0x12);
  assert.equal(decodeOne(...oneFlow, [6, uint(0x5112, 2)]).tcpFlags, 0x12);
});

test('a fragment is recognised by its offset or its more-fragments flag', () => {
  assert.equal(decodeOne(...oneFlow, [88, uint(185, 2)]).fragment, 1);
  assert.equal(decodeOne(...oneFlow, [197, [0x20]]).fragment, 1);
  assert.equal(decodeOne(...oneFlow, [88, zero(2)], [197, [0x40]]).fragment, 0);
});

test('interfaces come from 10 and 14, else from the physical ones', () => {
  const row = decodeOne(...oneFlow, [10, uint(0x80000003, 4)], [253, uint(9, 4)], [252, uint(8, 4)]);
  assert.deepEqual([row.inInterface, row.outInterface], [0x80000003, 9]);
  assert.equal(decodeOne(...oneFlow, [10, uint(258, 2)]).inInterface, 258);
});

test('records without counters or without addresses make no row and are counted', () => {
  const bench = new DecodeBench();
  assert.deepEqual(decode(ends, bench), []);
  assert.equal(bench.exporter.recordsWithoutCounters, 1);
  assert.deepEqual(decode([[1, uint(5, 4)]], bench), []);
  assert.equal(bench.exporter.recordsWithoutAddresses, 1);
  assert.ok(bench.clean);
});

test('an element of a length it cannot have is skipped, not misread', () => {
  const row = decodeOne([8, uint(1, 8)], [12, ipv4(DST)], [1, uint(1, 16)], [85, uint(6, 8)]);
  assert.deepEqual([row.src, row.dst, row.bytes], ['0.0.0.0', DST, 6]);
});

test('a repeated element counts once, the first time', () => {
  assert.equal(decodeOne(...ends, [1, uint(5, 4)], [1, uint(6, 4)]).bytes, 5);
});

test('a sampled frame without counters is one packet of its frame size, with the addresses of the packet in it', () => {
  const packet = ipv4Packet({ src: SRC, dst: DST, protocol: 17, totalLength: 1400 }, udp(53, 4000));
  const frame = ethernet(0x0800, packet, [0x8100]);
  const withSize = decodeOne([10, uint(5, 4)], [312, uint(1418, 2)], [315, frame]);
  assert.deepEqual([withSize.src, withSize.dst, withSize.srcPort, withSize.protocol], [SRC, DST, 53, 17]);
  assert.deepEqual([withSize.packets, withSize.bytes, withSize.inInterface], [1, 1418, 5]);
  assert.deepEqual([decodeOne([315, frame]).bytes, decodeOne([313, packet]).bytes], [1400, 1400]);
});

test('a sampled frame may be of variable length, and one that holds no IP packet makes no row', () => {
  const bench = new DecodeBench();
  const packet = ipv4Packet({ src: SRC, dst: DST, protocol: 17 }, udp(53, 4000));
  const records = [ethernet(0x0800, packet), ethernet(0x0806, new Array(28).fill(0)), ethernet(0x0800, packet)];
  const body = records.flatMap((frame) => variable(frame, frame.length % 2 === 0));
  const rows = bench.netflow(ipfix([set(2, template(256, [[315, VARIABLE]])), set(256, body)]));
  assert.equal(rows.length, 2);
  assert.equal(bench.exporter.recordsWithoutAddresses, 1);
});

test('a field of variable length is skipped in NetFlow v9 as in IPFIX', () => {
  const fields: readonly Field[] = [
    [8, 4],
    [82, VARIABLE],
    [12, 4],
    [1, VARIABLE],
  ];
  const record = (name: number[], bytes: number[]): number[] => [
    ...ipv4(SRC),
    ...variable(name),
    ...ipv4(DST),
    ...variable(bytes),
  ];
  const body = [...record([1, 2, 3], uint(7, 2)), ...record([], uint(8, 4)), ...record(new Array(300).fill(1), [])];
  for (const message of [
    netflow9([set(0, template(256, fields)), set(256, body)]),
    ipfix([set(2, template(256, fields)), set(256, body)]),
  ]) {
    const bench = new DecodeBench();
    const rows = bench.netflow(message);
    assert.deepEqual(
      rows.map(({ dst, bytes }) => [dst, bytes]),
      [
        [DST, 7],
        [DST, 8],
        [DST, 0],
      ],
    );
    assert.ok(bench.clean);
  }
});
