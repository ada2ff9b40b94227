import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaptureError, type CaptureSummary } from '../../src/capture/capturedPacket.ts';
import { readCapture } from '../../src/capture/readCapture.ts';
import type { CaptureDatagram } from '../../src/capture/udpReader.ts';
import { formatAddress } from '../../src/net/address.ts';
import { ethernet, ipv4Packet, ipv6, ipv6Packet, uint } from '../decode/telemetryBytes.ts';

const SECONDS = 1_700_000_000;

function swap(bytes: readonly number[], little: boolean): number[] {
  return little ? bytes.toReversed() : [...bytes];
}

interface PcapOptions {
  readonly little?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
}

function pcap(packets: readonly (readonly number[])[], options: PcapOptions = {}): Uint8Array {
  const { little = true, nanoseconds = false, linkType = 1 } = options;
  const word = (value: number, size = 4): number[] => swap(uint(value, size), little);
  const header = [word(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4), word(2, 2), word(4, 2), word(0), word(0), word(65_535)];
  const bodies = packets.flatMap((packet) => [
    ...word(SECONDS),
    ...word(nanoseconds ? 250_000_000 : 250_000),
    ...word(packet.length),
    ...word(packet.length),
    ...packet,
  ]);
  return Uint8Array.from([...header.flat(), ...word(linkType), ...bodies]);
}

function pcapng(packets: readonly (readonly number[])[], little: boolean, nanoseconds: boolean): Uint8Array {
  const word = (value: number | bigint, size = 4): number[] => swap(uint(value, size), little);
  const padded = (bytes: readonly number[]): number[] => [...bytes, ...uint(0, (4 - (bytes.length % 4)) % 4)];
  const block = (type: number, body: readonly number[]): number[] => {
    const length = word(body.length + 12);
    return [...word(type), ...length, ...body, ...length];
  };
  const resolution = nanoseconds ? [...word(9, 2), ...word(1, 2), 9, 0, 0, 0, ...word(0)] : [];
  const units = BigInt(SECONDS) * (nanoseconds ? 1_000_000_000n : 1_000_000n) + (nanoseconds ? 250_000_000n : 250_000n);
  return Uint8Array.from([
    ...block(0x0a0d0d0a, [...word(0x1a2b3c4d), ...word(1, 2), ...word(0, 2), ...word(0xffff_ffff_ffff_ffffn, 8)]),
    ...block(1, [...word(1, 2), ...word(0, 2), ...word(0), ...resolution]),
    ...block(0x0bad, uint(7, 4)),
    ...packets.flatMap((packet) => {
      const sizes = [...word(packet.length), ...word(packet.length)];
      return block(6, [...word(0), ...word(units >> 32n), ...word(units & 0xffff_ffffn), ...sizes, ...padded(packet)]);
    }),
  ]);
}

const udp = (payload: readonly number[], length = payload.length + 8): number[] => [
  ...uint(40_000, 2),
  ...uint(2055, 2),
  ...uint(length, 2),
  ...uint(0, 2),
  ...payload,
];
const packet = (payload: readonly number[]): number[] =>
  ipv4Packet({ src: '192.0.2.1', dst: '192.0.2.99', protocol: 17 }, udp(payload));

function read(bytes: Uint8Array): { datagrams: CaptureDatagram[]; summary: CaptureSummary } {
  const { datagrams, summary } = readCapture(bytes);
  return { datagrams: [...datagrams], summary };
}

function assertReads(bytes: Uint8Array): void {
  const { datagrams, summary } = read(bytes);
  assert.equal(datagrams.length, 1);
  const [{ src, dst, srcPort, dstPort, payload }] = datagrams;
  assert.deepEqual([...payload], [1, 2, 3, 4, 5]);
  assert.deepEqual([srcPort, dstPort], [40_000, 2055]);
  assert.ok(['192.0.2.1', '2001:db8::1'].includes(formatAddress(src)));
  assert.ok(['192.0.2.99', '2001:db8::99'].includes(formatAddress(dst)));
  assert.deepEqual([summary.packets, summary.datagrams, summary.notUdp], [1, 1, 0]);
}

test('pcap is read in both byte orders and both units of time', () => {
  for (const little of [true, false]) {
    for (const nanoseconds of [true, false]) {
      const bytes = pcap([ethernet(0x0800, packet([1, 2, 3, 4, 5]))], { little, nanoseconds });
      assertReads(bytes);
      assert.equal(read(bytes).datagrams[0].timeMs, SECONDS * 1000 + 250);
    }
  }
});

test('pcapng is read in both byte orders and both units of time', () => {
  for (const little of [true, false]) {
    for (const nanoseconds of [true, false]) {
      const bytes = pcapng([ethernet(0x0800, packet([1, 2, 3, 4, 5]))], little, nanoseconds);
      assertReads(bytes);
      assert.equal(read(bytes).datagrams[0].timeMs, SECONDS * 1000 + 250);
    }
  }
});

test('every link type of telemetry captures is read', () => {
  const ip = packet([1, 2, 3, 4, 5]);
  const ip6 = ipv6Packet(
    ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x99),
    17,
    udp([1, 2, 3, 4, 5]),
  );
  const frames: readonly (readonly [linkType: number, frame: readonly number[]])[] = [
    [1, ethernet(0x0800, ip)],
    [1, ethernet(0x0800, ip, [0x8100])],
    [1, ethernet(0x86dd, ip6, [0x88a8, 0x8100])],
    [101, ip],
    [101, ip6],
    [12, ip],
    [228, ip],
    [229, ip6],
    [0, [2, 0, 0, 0, ...ip]],
    [108, [0, 0, 0, 2, ...ip]],
    [113, [...uint(0, 14), ...uint(0x0800, 2), ...ip]],
    [276, [...uint(0x86dd, 2), ...uint(0, 18), ...ip6]],
  ];
  for (const [linkType, frame] of frames) assertReads(pcap([frame], { linkType }));
});

test('padding after the IP packet is not part of the datagram', () => {
  assertReads(pcap([[...ethernet(0x0800, packet([1, 2, 3, 4, 5])), 0, 0, 0, 0, 0, 0, 0]]));
});

test('packets that are not UDP are skipped and counted', () => {
  const tcp = ethernet(0x0800, ipv4Packet({ src: '192.0.2.1', dst: '192.0.2.2', protocol: 6 }, uint(0, 20)));
  const { datagrams, summary } = read(
    pcap([tcp, ethernet(0x0806, uint(0, 28)), [1, 2], ethernet(0x0800, packet([9]))]),
  );
  assert.equal(datagrams.length, 1);
  assert.deepEqual([summary.packets, summary.notUdp], [4, 3]);
});

test('a datagram is reassembled from IPv4 or IPv6 fragments in any order', () => {
  const payload = Array.from({ length: 40 }, (_, i) => i);
  const whole = udp(payload);
  const v4 = (from: number, to: number): number[] =>
    ethernet(
      0x0800,
      ipv4Packet(
        { src: '192.0.2.1', dst: '192.0.2.99', protocol: 17, fragmentField: (to < 48 ? 0x2000 : 0) | (from / 8) },
        whole.slice(from, to),
      ),
    );
  const v6 = (from: number, to: number): number[] =>
    ethernet(
      0x86dd,
      ipv6Packet(ipv6(1, 0, 0, 0, 0, 0, 0, 1), ipv6(1, 0, 0, 0, 0, 0, 0, 2), 44, [
        17,
        0,
        ...uint(from | (to < 48 ? 1 : 0), 2),
        ...uint(77, 4),
        ...whole.slice(from, to),
      ]),
    );
  for (const fragment of [v4, v6]) {
    const pieces = [fragment(0, 16), fragment(16, 32), fragment(32, 48)];
    for (const order of [pieces, pieces.toReversed()]) {
      const { datagrams } = read(pcap(order));
      assert.equal(datagrams.length, 1);
      assert.deepEqual([...datagrams[0].payload], payload);
      assert.equal(datagrams[0].dstPort, 2055);
    }
    const { datagrams, summary } = read(pcap([pieces[0], pieces[2]]));
    assert.deepEqual([datagrams.length, summary.incompleteFragments], [0, 1]);
  }
});

test('a datagram that the snap length cut short is counted and not decoded', () => {
  const { datagrams, summary } = read(pcap([ethernet(0x0800, packet([1, 2, 3, 4, 5])).slice(0, -2)]));
  assert.deepEqual([datagrams.length, summary.cutShort], [0, 1]);
});

test('a file that ends within a packet gives the datagrams before it and says where it ends', () => {
  const frame = ethernet(0x0800, packet([1, 2, 3, 4, 5]));
  for (const file of [pcap([frame, frame]), pcapng([frame, frame], true, false)]) {
    const { datagrams, summary } = read(file.subarray(0, file.length - 10));
    assert.equal(datagrams.length, 1);
    assert.match(summary.truncated ?? '', /^the file ends at byte \d+, within the (packet|block) at byte \d+$/);
  }
});

test('a file that is not a capture is refused with the byte and what is wrong there', () => {
  const refused = (bytes: Uint8Array, message: RegExp): void => {
    assert.throws(
      () => read(bytes),
      (error) => error instanceof CaptureError && message.test(error.message),
    );
  };
  refused(new Uint8Array(0), /begins with 24 bytes, this has 0/);
  refused(new TextEncoder().encode('{"exporter": "192.0.2.1", "flows": 7}'), /byte 0 begins with 7b226578/);
  const huge = pcap([ethernet(0x0800, packet([1]))]);
  huge[24 + 11] = 0x7f;
  refused(huge, /packet at byte 24 claims to hold/);
  const noInterface = pcapng([], true, false).slice();
  noInterface.set([6, 0, 0, 0], 28);
  refused(noInterface, /byte 28/);
});
