/*
 * The first bytes of a packet as a switch cuts them out for sFlow: Ethernet, IPv4 (RFC 791) or IPv6 (RFC 8200, with a
 * fragment header if it is a fragment), then TCP, UDP or ICMP. The payload is zeros.
 */
import { FRAGMENT, isIcmp, TCP, UDP } from '../net/protocolNumbers.ts';
import { ByteWriter } from './byteWriter.ts';
import { LATER_FRAGMENT_OFFSET } from './flowTemplate.ts';
import type { FlowRecord } from './telemetryEncoder.ts';

export const ETHERNET_BYTES = 14;

/** How much of a packet sFlow agents send (sFlow version 5, §5.3: 128 by default). */
export const SAMPLED_HEADER_BYTES = 128;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IPV6_BYTES = 40;
const HOP_LIMIT = 57;
const MORE_FRAGMENTS = 1;

/** The first 128 bytes, or all where it is shorter, of one packet of the flow; `ipBytes` from the IP header on. */
export function packetHeader(flow: FlowRecord, ipBytes: number): Uint8Array {
  const writer = new ByteWriter(SAMPLED_HEADER_BYTES);
  writer.bytes(Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1));
  if (flow.dst.version === 4) writeIpv4(writer, flow, ipBytes);
  else writeIpv6(writer, flow, ipBytes);
  if (!flow.fragment) writeTransport(writer, flow, ipBytes - (flow.dst.version === 4 ? 20 : IPV6_BYTES));
  writer.zeros(Math.min(SAMPLED_HEADER_BYTES, ETHERNET_BYTES + ipBytes) - writer.position);
  return writer.written();
}

function writeIpv4(writer: ByteWriter, flow: FlowRecord, ipBytes: number): void {
  writer.u16(ETHERTYPE_IPV4);
  const start = writer.position;
  writer.u8(0x45);
  writer.u8(0);
  writer.u16(ipBytes);
  writer.u16(1);
  writer.u16(flow.fragment ? (MORE_FRAGMENTS << 13) | LATER_FRAGMENT_OFFSET : 0);
  writer.u8(HOP_LIMIT);
  writer.u8(flow.ipProtocol);
  writer.u16(0);
  writer.address(flow.src);
  writer.address(flow.dst);
  writer.patchU16(start + 10, internetChecksum(writer.written(start)));
}

function writeIpv6(writer: ByteWriter, flow: FlowRecord, ipBytes: number): void {
  writer.u16(ETHERTYPE_IPV6);
  writer.u32(0x60000000);
  writer.u16(ipBytes - IPV6_BYTES);
  writer.u8(flow.fragment ? FRAGMENT : flow.ipProtocol);
  writer.u8(HOP_LIMIT);
  writer.address(flow.src);
  writer.address(flow.dst);
  if (!flow.fragment) return;
  writer.u8(flow.ipProtocol);
  writer.u8(0);
  writer.u16((LATER_FRAGMENT_OFFSET << 3) | MORE_FRAGMENTS);
  writer.u32(1);
}

/** Checksums stay zero: they cover a payload that is not known here. */
function writeTransport(writer: ByteWriter, flow: FlowRecord, transportBytes: number): void {
  if (isIcmp(flow.ipProtocol)) {
    writer.u16(flow.dstPort);
    writer.zeros(6);
    return;
  }
  writer.u16(flow.srcPort);
  writer.u16(flow.dstPort);
  if (flow.ipProtocol === UDP) {
    writer.u16(transportBytes);
    writer.u16(0);
  } else if (flow.ipProtocol === TCP) {
    writer.u32(1);
    writer.u32(0);
    writer.u8(5 << 4);
    writer.u8(flow.tcpFlags);
    writer.u16(0xffff);
    writer.zeros(4);
  }
}

/** RFC 1071, over an even number of bytes. */
function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
