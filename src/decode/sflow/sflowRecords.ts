/*
 * The records of an sFlow flow sample (sflow_version_5.txt, "Flow Data Types"): finds the sampled packet among them.
 * They come in any order; extended data (switch, router, gateway, user) is skipped.
 *
 *   raw header    0 protocol of the header, 4 frame length, 8 bytes stripped, 12 header length, 16 header
 *   sampled IPv4  0 packet length, 4 protocol, 8 source, 12 destination, 16 source port, 20 destination port,
 *                 24 TCP flags, 28 ToS
 *   sampled IPv6  0 packet length, 4 protocol, 8 source, 24 destination, 40 source port, 44 destination port,
 *                 48 TCP flags, 52 priority
 */
import type { DecodeContext } from '../decodeContext.ts';
import { readIpv4Pair, readIpv6Pair } from '../flowRows.ts';
import { FRAME_END_UNKNOWN } from '../ipHeaderFit.ts';
import { NOT_IP, readEthernet, readIp, readMpls } from '../sampledPacket.ts';

const RECORD_HEADER = 8;

/** Enterprise 0, formats of flow records. */
const RAW_HEADER = 1;
const SAMPLED_IPV4 = 3;
const SAMPLED_IPV6 = 4;

const RAW_HEADER_FIELDS = 16;
const SAMPLED_IPV4_BYTES = 32;
const SAMPLED_IPV6_BYTES = 56;

/** Protocols of a raw header. */
const HEADER_ETHERNET = 1;
const HEADER_IPV4 = 11;
const HEADER_IPV6 = 12;
const HEADER_MPLS = 13;

/** The sample has no such record. */
const ABSENT = -1;

/**
 * Reads the sampled packet in the records, bytes [offset, end), into the context's row. A raw header is preferred;
 * sampled IPv4 or IPv6 data is used where there is none that can be read. Returns the size of the packet on the wire, 0
 * where there is no IP packet.
 */
export function readSampledPacket(context: DecodeContext, offset: number, end: number, records: number): number {
  const { view, exporter } = context;
  let rawHeader = ABSENT;
  let ipv4 = ABSENT;
  let ipv6 = ABSENT;
  for (let i = 0, at = offset; i < records; i++) {
    const body = at + RECORD_HEADER;
    const next = body <= end ? body + view.getUint32(at + 4) : body;
    if (next > end) {
      exporter.fail('sample_record_truncated', at);
      break;
    }
    const format = view.getUint32(at);
    if (next - body < leastBytes(format)) exporter.fail('sample_record_truncated', at);
    else if (format === RAW_HEADER) rawHeader = body;
    else if (format === SAMPLED_IPV4) ipv4 = body;
    else if (format === SAMPLED_IPV6) ipv6 = body;
    at = next;
  }
  const bytes = rawHeader === ABSENT ? 0 : readRawHeader(context, rawHeader, end);
  if (bytes > 0) return bytes;
  if (ipv4 !== ABSENT) return readSampledIpv4(context, ipv4);
  return ipv6 === ABSENT ? 0 : readSampledIpv6(context, ipv6);
}

function leastBytes(format: number): number {
  switch (format) {
    case RAW_HEADER:
      return RAW_HEADER_FIELDS;
    case SAMPLED_IPV4:
      return SAMPLED_IPV4_BYTES;
    case SAMPLED_IPV6:
      return SAMPLED_IPV6_BYTES;
    default:
      return 0;
  }
}

function readRawHeader(context: DecodeContext, at: number, end: number): number {
  const { view } = context;
  const header = at + RAW_HEADER_FIELDS;
  const headerEnd = Math.min(header + view.getUint32(at + 12), end);
  const frameBytes = view.getUint32(at + 4);
  const frameEnd = frameBytes === 0 ? FRAME_END_UNKNOWN : Math.max(header + frameBytes, headerEnd);
  const ipBytes = readHeader(context, view.getUint32(at), header, headerEnd, frameEnd);
  return ipBytes === NOT_IP || frameBytes === 0 ? ipBytes : frameBytes;
}

function readHeader(context: DecodeContext, protocol: number, at: number, end: number, frameEnd: number): number {
  switch (protocol) {
    case HEADER_ETHERNET:
      return readEthernet(context, at, end, frameEnd);
    case HEADER_IPV4:
    case HEADER_IPV6:
      return readIp(context, at, end);
    case HEADER_MPLS:
      return readMpls(context, at, end, frameEnd);
    default:
      return NOT_IP;
  }
}

function readSampledIpv4(context: DecodeContext, at: number): number {
  const { view, batch, row } = context;
  readIpv4Pair(view, at + 8, batch, row);
  readTransportFields(context, at + 4, at + 16);
  return view.getUint32(at);
}

function readSampledIpv6(context: DecodeContext, at: number): number {
  const { view, batch, row } = context;
  readIpv6Pair(view, at + 8, batch, row);
  readTransportFields(context, at + 4, at + 40);
  return view.getUint32(at);
}

/** Protocol, ports and TCP flags: each is a 32-bit word, of which the column keeps the low bits. */
function readTransportFields(context: DecodeContext, protocolAt: number, portsAt: number): void {
  const { view, batch, row } = context;
  batch.ipProtocol[row] = view.getUint32(protocolAt);
  batch.srcPort[row] = view.getUint32(portsAt);
  batch.dstPort[row] = view.getUint32(portsAt + 4);
  batch.tcpFlags[row] = view.getUint32(portsAt + 8);
}
