/*
 * NetFlow version 5 (Cisco, NetFlow Export Datagram Format): fixed records, IPv4 only, at most 30 a datagram.
 *
 *   header, 24 bytes                          record, 48 bytes
 *    0  version = 5       16  flow sequence    0  source address     16  packets      32  source port
 *    2  records           20  engine type      4  destination        20  bytes        34  destination port
 *    4  uptime, ms        21  engine id        8  next hop           24  first, ms    37  TCP flags
 *    8  seconds           22  sampling mode   12  input interface    28  last, ms     38  IP protocol
 *   12  nanoseconds           and rate        14  output interface   36 and 39 to 47: zero here
 */
import { ByteWriter } from './byteWriter.ts';
import { ExporterUptime, type FlowRecord, type TelemetryEncoder } from './telemetryEncoder.ts';

const HEADER_BYTES = 24;
const RECORD_BYTES = 48;
const RECORDS_PER_DATAGRAM = 30;

/** Sampling mode 1 (packet interval), in the two bits above the rate. */
const SAMPLING_MODE = 1 << 14;

/** The rate has fourteen bits. */
export const MAX_NETFLOW5_SAMPLING = 0x3fff;

export class Netflow5Encoder implements TelemetryEncoder {
  readonly #sampling: number;
  readonly #uptime: ExporterUptime;
  #flowsSent = 0;

  /** `sampling`: 1 to 16383. */
  constructor(sampling: number, uptime = new ExporterUptime()) {
    if (sampling > MAX_NETFLOW5_SAMPLING) {
      throw new Error(`Cannot encode NetFlow v5: sampling must be at most ${MAX_NETFLOW5_SAMPLING}, got ${sampling}`);
    }
    this.#sampling = sampling;
    this.#uptime = uptime;
  }

  encode(records: readonly FlowRecord[], nowMs: number): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    for (let first = 0; first < records.length; first += RECORDS_PER_DATAGRAM) {
      datagrams.push(this.#datagram(records.slice(first, first + RECORDS_PER_DATAGRAM), nowMs));
    }
    return datagrams;
  }

  #datagram(records: readonly FlowRecord[], nowMs: number): Uint8Array {
    const uptimeMs = this.#uptime.at(nowMs);
    const writer = new ByteWriter(HEADER_BYTES + records.length * RECORD_BYTES);
    writer.u16(5);
    writer.u16(records.length);
    writer.u32(uptimeMs);
    writer.u32(Math.floor(nowMs / 1_000));
    writer.u32(Math.floor(nowMs % 1_000) * 1_000_000);
    writer.u32(this.#flowsSent);
    writer.u16(0);
    writer.u16(SAMPLING_MODE | this.#sampling);
    for (const record of records) writeRecord(writer, record, uptimeMs);
    this.#flowsSent = (this.#flowsSent + records.length) >>> 0;
    return writer.written();
  }
}

function writeRecord(writer: ByteWriter, record: FlowRecord, uptimeMs: number): void {
  if (record.dst.version !== 4) throw new Error('Cannot encode NetFlow v5: addresses must be IPv4');
  writer.address(record.src);
  writer.address(record.dst);
  writer.zeros(4);
  writer.u16(record.inInterface);
  writer.u16(record.outInterface);
  writer.u32(record.packets);
  writer.u32(record.bytes);
  writer.u32(uptimeMs - record.endAgoMs - record.durationMs);
  writer.u32(uptimeMs - record.endAgoMs);
  writer.u16(record.srcPort);
  writer.u16(record.dstPort);
  writer.u8(0);
  writer.u8(record.tcpFlags);
  writer.u8(record.ipProtocol);
  writer.zeros(9);
}
