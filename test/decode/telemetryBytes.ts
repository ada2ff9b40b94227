/*
 * Builds telemetry datagrams byte by byte for the tests of decoding. Written from the RFCs and shares no code with the
 * decoders, so that one mistake cannot be in both.
 */

/** Big-endian integer of `size` bytes. */
export function uint(value: number | bigint, size: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value), i = 0; i < size; i++, rest >>= 8n) bytes.unshift(Number(rest & 255n));
  return bytes;
}

export function ipv4(text: string): number[] {
  return text.split('.').map(Number);
}

/** An IPv6 address as eight groups. */
export function ipv6(...groups: number[]): number[] {
  return groups.flatMap((group) => uint(group, 2));
}

/** A template field: element, length in bytes (65535 = variable), enterprise number in IPFIX. */
export type Field = readonly [element: number, length: number, enterprise?: number];

export const VARIABLE = 65_535;

/** A value of a field of variable length: one byte of length, or 255 and two. */
export function variable(bytes: readonly number[], longForm = bytes.length >= 255): number[] {
  return longForm ? [255, ...uint(bytes.length, 2), ...bytes] : [bytes.length, ...bytes];
}

export function set(id: number, body: readonly number[], length = body.length + 4): number[] {
  return [...uint(id, 2), ...uint(length, 2), ...body];
}

function fieldBytes([element, length, enterprise]: Field): number[] {
  if (enterprise === undefined) return [...uint(element, 2), ...uint(length, 2)];
  return [...uint(element | 0x8000, 2), ...uint(length, 2), ...uint(enterprise, 4)];
}

export function template(id: number, fields: readonly Field[]): number[] {
  return [...uint(id, 2), ...uint(fields.length, 2), ...fields.flatMap(fieldBytes)];
}

export function netflow9OptionsTemplate(id: number, scope: readonly Field[], options: readonly Field[]): number[] {
  const fields = [...scope, ...options].flatMap(fieldBytes);
  return [...uint(id, 2), ...uint(scope.length * 4, 2), ...uint(options.length * 4, 2), ...fields];
}

export function ipfixOptionsTemplate(id: number, scope: readonly Field[], options: readonly Field[]): number[] {
  const fields = [...scope, ...options].flatMap(fieldBytes);
  return [...uint(id, 2), ...uint(scope.length + options.length, 2), ...uint(scope.length, 2), ...fields];
}

export interface MessageOptions {
  readonly domain?: number;
  /** Seconds since 1970 in the exporter's clock. */
  readonly exportTime?: number;
  /** Milliseconds; NetFlow v9 only. */
  readonly uptime?: number;
  readonly sequence?: number;
  /** A wrong value for the header. */
  readonly length?: number;
}

export function netflow9(sets: readonly number[][], options: MessageOptions = {}): Uint8Array {
  const { domain = 0, sequence = 0, exportTime = 0, uptime = 0 } = options;
  const times = [...uint(uptime, 4), ...uint(exportTime, 4)];
  const header = [...uint(9, 2), ...uint(sets.length, 2), ...times, ...uint(sequence, 4), ...uint(domain, 4)];
  return Uint8Array.from([...header, ...sets.flat()]);
}

export function ipfix(sets: readonly number[][], options: MessageOptions = {}): Uint8Array {
  const { domain = 0, sequence = 0, exportTime = 0 } = options;
  const body = sets.flat();
  const length = options.length ?? body.length + 16;
  const header = [...uint(10, 2), ...uint(length, 2), ...uint(exportTime, 4), ...uint(sequence, 4), ...uint(domain, 4)];
  return Uint8Array.from([...header, ...body]);
}

export interface Netflow5Record {
  readonly src: string;
  readonly dst: string;
  readonly srcPort?: number;
  readonly dstPort?: number;
  readonly protocol?: number;
  readonly tcpFlags?: number;
  readonly packets?: number;
  readonly bytes?: number;
  readonly input?: number;
  readonly output?: number;
  readonly first?: number;
  readonly last?: number;
}

export interface Netflow5Options {
  readonly count?: number;
  readonly sequence?: number;
  readonly engine?: number;
  /** Milliseconds. */
  readonly uptime?: number;
  /** The whole sampling field with its mode bits. */
  readonly sampling?: number;
}

export function netflow5(records: readonly Netflow5Record[], options: Netflow5Options = {}): Uint8Array {
  const { count = records.length, sequence = 0, engine = 0, sampling = 0, uptime = 0 } = options;
  const times = [...uint(uptime, 4), ...uint(0, 8)];
  const header = [...uint(5, 2), ...uint(count, 2), ...times, ...uint(sequence, 4), ...uint(engine, 2)];
  const body = records.flatMap((record) => [
    ...ipv4(record.src),
    ...ipv4(record.dst),
    ...uint(0, 4),
    ...uint(record.input ?? 0, 2),
    ...uint(record.output ?? 0, 2),
    ...uint(record.packets ?? 1, 4),
    ...uint(record.bytes ?? 100, 4),
    ...uint(record.first ?? 0, 4),
    ...uint(record.last ?? 0, 4),
    ...uint(record.srcPort ?? 0, 2),
    ...uint(record.dstPort ?? 0, 2),
    0,
    record.tcpFlags ?? 0,
    record.protocol ?? 17,
    ...uint(0, 9),
  ]);
  return Uint8Array.from([...header, ...uint(sampling, 2), ...body]);
}

export interface SflowOptions {
  /** Bytes of the agent address: 4 or 16. */
  readonly agent?: readonly number[];
  readonly subAgent?: number;
  readonly sequence?: number;
  readonly samples?: number;
}

export function sflow(samples: readonly number[][], options: SflowOptions = {}): Uint8Array {
  const { agent = [192, 0, 2, 1], subAgent = 0, sequence = 1 } = options;
  return Uint8Array.from([
    ...uint(5, 4),
    ...uint(agent.length === 4 ? 1 : 2, 4),
    ...agent,
    ...uint(subAgent, 4),
    ...uint(sequence, 4),
    ...uint(0, 4),
    ...uint(options.samples ?? samples.length, 4),
    ...samples.flat(),
  ]);
}

/** A sample or a record: format (enterprise × 4096 + format), length, body. */
export function block(format: number, body: readonly number[], length = body.length): number[] {
  return [...uint(format, 4), ...uint(length, 4), ...body];
}

export interface SampleOptions {
  readonly rate?: number;
  readonly input?: number;
  readonly output?: number;
  /** ifIndex of the interface that was sampled. */
  readonly source?: number;
}

export function flowSample(records: readonly number[][], options: SampleOptions = {}): number[] {
  const { rate = 1000, input = 1, output = 2, source = 0 } = options;
  const header = [0, source, rate, 0, 0, input, output, records.length].flatMap((word) => uint(word, 4));
  return block(1, [...header, ...records.flat()]);
}

export function expandedFlowSample(records: readonly number[][], options: SampleOptions = {}): number[] {
  const { rate = 1000, input = 1, output = 2, source = 0 } = options;
  const header = [0, 0, source, rate, 0, 0, 0, input, 0, output, records.length].flatMap((word) => uint(word, 4));
  return block(3, [...header, ...records.flat()]);
}

/** `protocol` 1 Ethernet, 11 IPv4, 12 IPv6, 13 MPLS. Padded to four bytes, as XDR requires. */
export function rawHeader(header: readonly number[], frameBytes: number, protocol = 1): number[] {
  const padding = new Array<number>((4 - (header.length % 4)) % 4).fill(0);
  const fields = [protocol, frameBytes, 4, header.length].flatMap((word) => uint(word, 4));
  return block(1, [...fields, ...header, ...padding]);
}

/** `addresses` are those of the destination and the source, twelve bytes. */
export function ethernet(
  type: number,
  payload: readonly number[],
  tags: readonly number[] = [],
  addresses: readonly number[] = uint(0, 12),
): number[] {
  const tagBytes = tags.flatMap((tag) => [...uint(tag, 2), 0, 7]);
  return [...addresses, ...tagBytes, ...uint(type, 2), ...payload];
}

export interface Ipv4Options {
  readonly src: string;
  readonly dst: string;
  readonly protocol: number;
  readonly totalLength?: number;
  /** Three flag bits and the offset in units of eight bytes. */
  readonly fragmentField?: number;
  /** Bytes of IP options, a multiple of four. */
  readonly options?: readonly number[];
  /** The right one where it is not given. */
  readonly checksum?: number;
}

export function ipv4Packet(header: Ipv4Options, payload: readonly number[]): number[] {
  const options = header.options ?? [];
  const headerBytes = 20 + options.length;
  const bytes = [
    0x40 | (headerBytes / 4),
    0,
    ...uint(header.totalLength ?? headerBytes + payload.length, 2),
    ...uint(1, 2),
    ...uint(header.fragmentField ?? 0, 2),
    64,
    header.protocol,
    ...uint(0, 2),
    ...ipv4(header.src),
    ...ipv4(header.dst),
    ...options,
  ];
  bytes.splice(10, 2, ...uint(header.checksum ?? internetChecksum(bytes), 2));
  return [...bytes, ...payload];
}

/** The checksum of RFC 1071 over an even number of bytes in which its own two are zero. */
function internetChecksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i] * 256 + bytes[i + 1];
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

/** `next` is the protocol of the first header in the payload, which may be an extension header. */
export function ipv6Packet(
  src: readonly number[],
  dst: readonly number[],
  next: number,
  payload: readonly number[],
): number[] {
  return [...uint(0x60000000, 4), ...uint(payload.length, 2), next, 64, ...src, ...dst, ...payload];
}

export function udp(srcPort: number, dstPort: number): number[] {
  return [...uint(srcPort, 2), ...uint(dstPort, 2), ...uint(8, 2), ...uint(0, 2)];
}

export function tcp(srcPort: number, dstPort: number, flags: number): number[] {
  return [...uint(srcPort, 2), ...uint(dstPort, 2), ...uint(0, 8), 0x50, flags, ...uint(0, 6)];
}
