/* What is under an MPLS label stack: IP, or Ethernet with or without a control word, and never an invented address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeBench } from './decodedFlows.ts';
import {
  ethernet,
  flowSample,
  ipfix,
  ipv4Packet,
  ipv6,
  ipv6Packet,
  rawHeader,
  set,
  sflow,
  template,
  udp,
  uint,
  VARIABLE,
  variable,
} from './telemetryBytes.ts';

const SRC = '198.51.100.7';
const DST = '203.0.113.66';
const PAYLOAD = [...udp(53, 40_000), ...uint(0, 60)];
const V4 = ipv4Packet({ src: SRC, dst: DST, protocol: 17 }, PAYLOAD);
const V4_WITHOUT_CHECKSUM = ipv4Packet({ src: SRC, dst: DST, protocol: 17, checksum: 0 }, PAYLOAD);
const V6 = ipv6Packet(ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2), 17, PAYLOAD);
const IS_V4 = `${SRC} > ${DST} udp 53 40000`;
const IS_V6 = '2001:db8::1 > 2001:db8::2 udp 53 40000';

const label = (bottom: number, value = 1000): number[] => uint(value * 4096 + bottom * 256 + 64, 4);

/** Addresses of a frame; the first begins with the given bytes. */
const mac = (...first: number[]): number[] => [
  ...first,
  ...[0x1c, 0x73, 1, 2, 3, 0x9a].slice(first.length),
  2,
  0,
  0,
  0,
  0,
  9,
];

const bench = new DecodeBench();

/** What is read from a frame with these bytes under its labels; `sampled` bytes of them, in a frame longer by `trailer`. */
function read(under: readonly number[], { labels = label(1), trailer = 4, sampled = 128 } = {}): string {
  const frame = ethernet(0x8847, [...labels, ...under]);
  const before = bench.exporter.recordsWithoutAddresses;
  const rows = bench.sflow(sflow([flowSample([rawHeader(frame.slice(0, sampled), frame.length + trailer)])]));
  assert.ok(bench.clean);
  assert.equal(rows.length + bench.exporter.recordsWithoutAddresses - before, 1);
  if (rows.length === 0) return 'nothing';
  const [{ src, dst, protocol, srcPort, dstPort }] = rows;
  return `${src} > ${dst} ${protocol === 17 ? 'udp' : protocol} ${srcPort} ${dstPort}`;
}

test('an IP packet under a label stack is read, whatever the labels are', () => {
  const entropy = [...label(0), ...label(0, 7), ...label(1, 0xabcde)];
  for (const labels of [label(1), label(1, 0), label(1, 2), [...label(0), ...label(0, 3), ...label(1)], entropy]) {
    assert.equal(read(V4, { labels }), IS_V4);
    assert.equal(read(V6, { labels }), IS_V6);
    assert.equal(read(ethernet(0x0800, V4, [], mac(2)), { labels }), IS_V4);
  }
});

test('Ethernet under labels is read without a control word, whatever its address begins with', () => {
  for (let nibble = 0; nibble < 16; nibble++) {
    for (const first of [nibble * 16, nibble * 16 + 5]) {
      assert.equal(read(ethernet(0x0800, V4, [], mac(first))), IS_V4);
      assert.equal(read(ethernet(0x0800, V4_WITHOUT_CHECKSUM, [], mac(first))), IS_V4);
      assert.equal(read(ethernet(0x86dd, V6, [], mac(first))), IS_V6);
    }
  }
  assert.equal(read(ethernet(0x0800, V4, [], mac(0, 0, 0x5e, 0, 1, 1))), IS_V4);
  assert.equal(read(ethernet(0x0800, V4, [], mac(0x45, 0, 0, 0x40))), IS_V4);
  // Read as IPv6, this header has a plausible payload length and next header.
  assert.equal(read(ethernet(0x0800, V4, [], [0x60, 0, 0, 0, 0, 60, 17, 64, 0x20, 1, 2, 3])), IS_V4);
});

test('Ethernet under labels is read after a control word, used or not', () => {
  for (const word of [0, 7, 0x0000_ffff, 0x0012_0000, 0x1000_0000]) {
    for (const first of [0, 2, 0x45, 0x60]) {
      assert.equal(read([...uint(word, 4), ...ethernet(0x0800, V4, [], mac(first))]), IS_V4);
      assert.equal(read([...uint(word, 4), ...ethernet(0x86dd, V6, [], mac(first))]), IS_V6);
    }
  }
});

test('VLAN tags, PPPoE and labels inside Ethernet under labels are read', () => {
  for (const first of [0, 2, 0x45, 0x60]) {
    const inside = (type: number, payload: readonly number[], tags: number[] = []): string =>
      read(ethernet(type, payload, tags, mac(first)), { sampled: 160 });
    assert.equal(inside(0x0800, V4, [0x8100]), IS_V4);
    assert.equal(inside(0x86dd, V6, [0x88a8, 0x8100]), IS_V6);
    assert.equal(inside(0x8864, [0x11, 0, 0, 1, ...uint(V4.length + 2, 2), 0, 0x21, ...V4]), IS_V4);
    assert.equal(inside(0x8847, [...label(1), ...V4]), IS_V4);
    assert.equal(inside(0x8847, [...label(1), ...ethernet(0x0800, V4, [], mac(2))]), IS_V4);
  }
});

test('an IPv4 packet that was sampled before its checksum was computed is read where nothing else fits', () => {
  assert.equal(read(V4_WITHOUT_CHECKSUM), IS_V4);
  assert.equal(read(V4_WITHOUT_CHECKSUM, { trailer: 60 }), IS_V4);
});

test('a sampled header that ends after the addresses still gives them', () => {
  assert.equal(read(V4, { sampled: 18 + 20 }), `${SRC} > ${DST} udp 0 0`);
  assert.equal(read(V6, { sampled: 18 + 40 }), '2001:db8::1 > 2001:db8::2 udp 0 0');
  assert.equal(read(ethernet(0x0800, V4, [], mac(0x45)), { sampled: 32 + 20 }), `${SRC} > ${DST} udp 0 0`);
  for (let sampled = 14; sampled < 32 + 20; sampled++) {
    assert.equal(read(ethernet(0x0800, V4, [], mac(0x4c)), { sampled }), 'nothing', `${sampled} bytes`);
    assert.equal(read(ethernet(0x0800, V4, [], mac(0x6c)), { sampled }), 'nothing', `${sampled} bytes`);
  }
});

test('no address is invented from what is not IP', () => {
  const wrongChecksum = ipv4Packet({ src: SRC, dst: DST, protocol: 17, checksum: 0x1234 }, PAYLOAD);
  assert.equal(read(wrongChecksum), 'nothing');
  assert.equal(
    read(ipv4Packet({ src: SRC, dst: DST, protocol: 17, totalLength: 4000, checksum: 0 }, PAYLOAD)),
    'nothing',
  );
  assert.equal(read(ipv4Packet({ src: SRC, dst: DST, protocol: 17, totalLength: 19 }, PAYLOAD)), 'nothing');
  assert.equal(read([...V6.slice(0, 4), ...uint(4000, 2), ...V6.slice(6)]), 'nothing');
  const frames = [
    ethernet(0x0806, uint(0, 46), [], mac(0x45)),
    // Read as an IPv4 header without a checksum, this one fits.
    ethernet(0x0806, uint(0, 46), [], [0x45, 0, 0, 40, 2, 0, 0, 0, 64, 17, 0, 0]),
    ethernet(0x88cc, uint(0, 46), [], mac(0x60, 0, 0, 0, 0, 17)),
    ethernet(0x88cc, uint(0, 46), [], mac(0x45)),
    ethernet(38, uint(0, 46), [], mac(0x68)),
    ethernet(0x0800, wrongChecksum.slice(0, 10), [], mac(0x45)),
    ethernet(0x0800, V6, [], mac(0x60)),
    ethernet(0x86dd, V4, [], mac(0x40)),
    uint(0x1000_0007, 44),
    uint(0, 80),
  ];
  for (const frame of frames) assert.equal(read(frame), 'nothing');
  // The control word of PPP over MPLS (RFC 4385), then a PPP protocol.
  assert.equal(read([...uint(0, 4), 0, 0x21, ...V4]), 'nothing');
});

test('bytes under labels, right or wrong, give the packet that was built or none', () => {
  // Every value of every byte of the Ethernet header: a row must be of these hosts, or there is no row.
  for (const first of [2, 0x45, 0x60]) {
    const frame = ethernet(0x0800, V4, [], mac(first));
    for (let at = 0; at < 14; at++) {
      for (let value = 0; value < 256; value++) {
        const answer = read(frame.with(at, value));
        assert.ok(answer === IS_V4 || answer === 'nothing', `${at}: ${value}: ${answer}`);
      }
    }
  }
});

test('labels that never end and frames in frames end', () => {
  const labels = new Array<number[]>(200).fill(label(0)).flat();
  assert.equal(read(V4, { labels, sampled: 1000 }), 'nothing');
  let nested = ethernet(0x0800, V4);
  for (let i = 0; i < 40; i++) nested = ethernet(0x8847, [...label(1), ...nested]);
  assert.equal(read(nested, { sampled: 2000 }), 'nothing');
});

test('a frame section of IPFIX is read the same way, with or without the size of its frame', () => {
  const frame = ethernet(0x8847, [...label(1), ...ethernet(0x0800, V4_WITHOUT_CHECKSUM, [], mac(0x4c))]);
  const v6 = ethernet(0x8847, [...label(1), ...V6]);
  const fields = [
    [312, 2],
    [315, VARIABLE],
  ] as const;
  const record = (size: number, section: number[]): number[] => [...uint(size, 2), ...variable(section)];
  const data = [record(frame.length, frame), record(0, frame), record(v6.length, v6), record(0, v6)].flat();
  const rows = bench.netflow(ipfix([set(2, template(256, fields)), set(256, data)]));
  assert.deepEqual(
    rows.map((row) => [row.src, row.srcPort]),
    [
      [SRC, 53],
      [SRC, 53],
      ['2001:db8::1', 53],
      ['2001:db8::1', 53],
    ],
  );
});
