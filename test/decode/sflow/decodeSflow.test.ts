import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sflowAgentAddress } from '../../../src/decode/sflow/decodeSflow.ts';
import { formatAddress } from '../../../src/net/address.ts';
import { DecodeBench, type DecodedFlow } from '../decodedFlows.ts';
import {
  block,
  ethernet,
  expandedFlowSample,
  flowSample,
  ipv4,
  ipv4Packet,
  ipv6,
  ipv6Packet,
  rawHeader,
  sflow,
  tcp,
  udp,
  uint,
} from '../telemetryBytes.ts';

const SRC = '198.51.100.7';
const DST = '203.0.113.9';
const SRC6 = ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const DST6 = ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

const tcpPacket = ipv4Packet({ src: SRC, dst: DST, protocol: 6 }, tcp(50_000, 443, 0x02));
const expectedTcp = { src: SRC, dst: DST, srcPort: 50_000, dstPort: 443, protocol: 6, tcpFlags: 2, fragment: 0 };

function decodeOne(record: number[]): DecodedFlow {
  const rows = new DecodeBench().sflow(sflow([flowSample([record])]));
  assert.equal(rows.length, 1);
  return rows[0];
}

function frameOf(frame: number[]): DecodedFlow {
  return decodeOne(rawHeader(frame, 1500));
}

function assertTcp(row: DecodedFlow): void {
  const { src, dst, srcPort, dstPort, protocol, tcpFlags, fragment } = row;
  assert.deepEqual({ src, dst, srcPort, dstPort, protocol, tcpFlags, fragment }, expectedTcp);
}

test('a sample is one packet of its frame length at the rate it states', () => {
  const [row] = new DecodeBench().sflow(
    sflow([flowSample([rawHeader(ethernet(0x0800, tcpPacket), 1518)], { rate: 2048, input: 7, output: 9 })]),
  );
  assertTcp(row);
  assert.deepEqual([row.packets, row.bytes, row.samplingRate, row.samplingSource], [1, 1518, 2048, 'record']);
  assert.deepEqual([row.inInterface, row.outInterface, row.durationMs], [7, 9, 0]);
});

test('an expanded sample gives the same flow', () => {
  const [row] = new DecodeBench().sflow(
    sflow([
      expandedFlowSample([rawHeader(ethernet(0x0800, tcpPacket), 64)], { rate: 1, input: 0x4000_0007, output: 9 }),
    ]),
  );
  assertTcp(row);
  assert.deepEqual([row.samplingRate, row.inInterface, row.outInterface], [1, 0x4000_0007, 9]);
});

test('a sampling rate of zero is not a rate', () => {
  const [row] = new DecodeBench().sflow(sflow([flowSample([rawHeader(tcpPacket, 64, 11)], { rate: 0 })]));
  assert.deepEqual([row.samplingRate, row.samplingSource], [0, 'default']);
});

test('interface numbers that are not an ifIndex become zero', () => {
  for (const number of [0x3fff_ffff, 0x4000_0001, 0x8000_0002]) {
    const [row] = new DecodeBench().sflow(sflow([flowSample([rawHeader(tcpPacket, 64, 11)], { output: number })]));
    assert.equal(row.outInterface, 0);
  }
});

test('tags and labels of every kind are skipped to find the packet', () => {
  const label = (bottom: number): number[] => [0, 1, bottom, 64];
  assertTcp(frameOf(ethernet(0x0800, tcpPacket, [0x8100])));
  assertTcp(frameOf(ethernet(0x0800, tcpPacket, [0x88a8, 0x8100])));
  assertTcp(frameOf(ethernet(0x8847, [...label(0), ...label(1), ...tcpPacket])));
  assertTcp(frameOf(ethernet(0x8847, [...label(1), ...uint(0, 4), ...ethernet(0x0800, tcpPacket, [0x8100])])));
  assertTcp(
    frameOf(ethernet(0x8864, [0x11, 0, ...uint(1, 2), ...uint(tcpPacket.length + 2, 2), 0, 0x21, ...tcpPacket])),
  );
  assertTcp(frameOf(ethernet(tcpPacket.length + 8, [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ...tcpPacket])));
  assertTcp(decodeOne(rawHeader(tcpPacket, 64, 11)));
  assertTcp(decodeOne(rawHeader([...label(1), ...tcpPacket], 64, 13)));
});

test('IPv4 options are skipped to find the ports', () => {
  assertTcp(
    frameOf(
      ethernet(0x0800, ipv4Packet({ src: SRC, dst: DST, protocol: 6, options: uint(0, 8) }, tcp(50_000, 443, 2))),
    ),
  );
});

test('the first fragment has ports, later ones have none, and both are fragments', () => {
  const fragmentOf = (fragmentField: number): DecodedFlow =>
    frameOf(ethernet(0x0800, ipv4Packet({ src: SRC, dst: DST, protocol: 17, fragmentField }, udp(53, 4000))));
  assert.deepEqual([fragmentOf(0x2000).fragment, fragmentOf(0x2000).srcPort], [1, 53]);
  assert.deepEqual([fragmentOf(0x2005).fragment, fragmentOf(0x2005).srcPort], [1, 0]);
  assert.deepEqual([fragmentOf(5).fragment, fragmentOf(5).dstPort], [1, 0]);
  assert.equal(fragmentOf(0x4000).fragment, 0); // don't fragment
});

test('ICMP type and code are in the destination port', () => {
  const echo = ipv4Packet({ src: SRC, dst: DST, protocol: 1 }, [8, 1, 0, 0]);
  assert.equal(frameOf(ethernet(0x0800, echo)).dstPort, 0x0801);
  const unreachable = ipv6Packet(SRC6, DST6, 58, [1, 4, 0, 0]);
  assert.equal(frameOf(ethernet(0x86dd, unreachable)).dstPort, 0x0104);
});

test('IPv6 extension headers are skipped to find the ports', () => {
  const hopByHop = [60, 0, ...uint(0, 6)];
  const destinationOptions = [51, 1, ...uint(0, 14)];
  const authentication = [17, 4, ...uint(0, 22)];
  const row = frameOf(
    ethernet(
      0x86dd,
      ipv6Packet(SRC6, DST6, 0, [...hopByHop, ...destinationOptions, ...authentication, ...udp(53, 4000)]),
    ),
  );
  assert.deepEqual([row.src, row.dst, row.protocol, row.srcPort], ['2001:db8::1', '2001:db8::2', 17, 53]);
});

test('IPv6 fragments are recognised, and only the first has ports', () => {
  const fragmentOf = (field: number): DecodedFlow =>
    frameOf(ethernet(0x86dd, ipv6Packet(SRC6, DST6, 44, [17, 0, ...uint(field, 2), ...uint(7, 4), ...udp(53, 4000)])));
  assert.deepEqual([fragmentOf(1).fragment, fragmentOf(1).srcPort, fragmentOf(1).protocol], [1, 53, 17]);
  assert.deepEqual([fragmentOf(0x58).fragment, fragmentOf(0x58).srcPort, fragmentOf(0x58).protocol], [1, 0, 17]);
  assert.equal(fragmentOf(0).fragment, 0); // an atomic fragment
});

test('a packet in SRv6 has the addresses of the inner packet', () => {
  const segmentRouting = [4, 2, 4, 0, 0, 0, 0, 0, ...DST6];
  assertTcp(frameOf(ethernet(0x86dd, ipv6Packet(SRC6, DST6, 43, [...segmentRouting, ...tcpPacket]))));
});

test('a header that is cut off after the addresses still gives the addresses', () => {
  const row = decodeOne(rawHeader(ethernet(0x0800, tcpPacket).slice(0, 34), 1500));
  assert.deepEqual([row.src, row.dst, row.protocol, row.srcPort], [SRC, DST, 6, 0]);
});

test('sampled IPv4 and IPv6 data are used where the header is missing or cannot be read', () => {
  const arp = rawHeader(ethernet(0x0806, uint(0, 28)), 60);
  const words = (...values: number[]): number[] => values.flatMap((value) => uint(value, 4));
  const v4 = block(3, [...words(1400, 17), ...ipv4(SRC), ...ipv4(DST), ...words(53, 4000, 0, 0)]);
  const v6 = block(4, [...words(1300, 6), ...SRC6, ...DST6, ...words(443, 4000, 0x12, 0)]);
  for (const records of [[v4], [arp, v4], [v4, arp]]) {
    const [row] = new DecodeBench().sflow(sflow([flowSample(records)]));
    assert.deepEqual([row.src, row.srcPort, row.bytes, row.packets], [SRC, 53, 1400, 1]);
  }
  const [row] = new DecodeBench().sflow(sflow([flowSample([v6])]));
  assert.deepEqual([row.dst, row.tcpFlags, row.bytes], ['2001:db8::2', 0x12, 1300]);
});

test('extended records before or after the header are skipped', () => {
  const extended = block(1001, uint(0, 16));
  const header = rawHeader(ethernet(0x0800, tcpPacket), 1500);
  for (const records of [
    [extended, header],
    [header, extended],
  ]) {
    const [row] = new DecodeBench().sflow(sflow([flowSample(records)]));
    assertTcp(row);
  }
});

test('counters, discarded packets and samples of vendors give no flow and no error', () => {
  const bench = new DecodeBench();
  const samples = [2, 4, 5, (4300 << 12) | 1].map((format) => block(format, uint(0, 40)));
  assert.deepEqual(bench.sflow(sflow(samples)), []);
  assert.ok(bench.clean);
  assert.equal(bench.exporter.skippedSamples, 4);
});

test('a sample without an IP packet is counted as a record without addresses', () => {
  const bench = new DecodeBench();
  bench.sflow(sflow([flowSample([rawHeader(ethernet(0x0806, uint(0, 28)), 60)]), flowSample([])]));
  assert.ok(bench.clean);
  assert.equal(bench.exporter.recordsWithoutAddresses, 2);
});

test('the agent address in the header is the exporter, IPv4 or IPv6', () => {
  const agentOf = (datagram: Uint8Array): string | undefined => {
    const agent = sflowAgentAddress(new DataView(datagram.buffer), datagram.length);
    return agent === undefined ? undefined : formatAddress(agent);
  };
  assert.equal(agentOf(sflow([], { agent: [192, 0, 2, 77] })), '192.0.2.77');
  assert.equal(agentOf(sflow([], { agent: SRC6 })), '2001:db8::1');
  assert.equal(agentOf(sflow([]).slice(0, 24)), undefined);
  assert.equal(agentOf(Uint8Array.from(uint(9, 30))), undefined);
});

test('missing datagrams of a sub-agent are a sequence gap', () => {
  const bench = new DecodeBench();
  for (const sequence of [7, 8, 9]) bench.sflow(sflow([], { sequence }));
  bench.sflow(sflow([], { sequence: 500, subAgent: 1 }));
  assert.equal(bench.exporter.sequenceGaps, 0);
  bench.sflow(sflow([], { sequence: 12 }));
  assert.equal(bench.exporter.sequenceGaps, 1);
});
