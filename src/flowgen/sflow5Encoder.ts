/*
 * sFlow version 5 (sflow.org, sFlow Version 5): flow samples, each with the raw header of one packet. All fields are
 * 32 bits wide (XDR).
 *
 *   datagram                     flow sample                     raw packet header record
 *    0  version = 5               0  format = 1, length           0  format = 1, length
 *    4  agent: type, address      8  sequence                     8  header protocol, 1 = Ethernet
 *       sub-agent                12  source: class, index        12  frame length
 *       datagram sequence        16  sampling rate               16  bytes stripped from the frame
 *       uptime, ms               20  sample pool                 20  bytes of header, then these
 *       samples                  24  drops
 *                                28  input, output interface
 *                                36  records
 */
import type { Address } from '../net/address.ts';
import { ByteWriter } from './byteWriter.ts';
import { ETHERNET_BYTES, packetHeader, SAMPLED_HEADER_BYTES } from './packetHeader.ts';
import { ExporterUptime, type FlowRecord, MAX_DATAGRAM_BYTES, type TelemetryEncoder } from './telemetryEncoder.ts';

const FLOW_SAMPLE = 1;
const RAW_PACKET_HEADER = 1;
const HEADER_PROTOCOL_ETHERNET = 1;
const LARGEST_SAMPLE_BYTES = 64 + SAMPLED_HEADER_BYTES;

/** 36 bytes of header before an IPv6 agent's samples. */
const SAMPLES_PER_DATAGRAM = Math.floor((MAX_DATAGRAM_BYTES - 40) / LARGEST_SAMPLE_BYTES);

export class Sflow5Encoder implements TelemetryEncoder {
  readonly #sampling: number;
  readonly #agent: Address;
  readonly #uptime = new ExporterUptime();
  #datagramsSent = 0;
  #samplesSent = 0;

  constructor(sampling: number, agent: Address) {
    this.#sampling = sampling;
    this.#agent = agent;
  }

  /** A sample is one packet, so a record of several packets becomes as many samples. */
  encode(records: readonly FlowRecord[], nowMs: number): Uint8Array[] {
    const samples = records.flatMap((record) => new Array<FlowRecord>(record.packets).fill(record));
    const datagrams: Uint8Array[] = [];
    for (let first = 0; first < samples.length; first += SAMPLES_PER_DATAGRAM) {
      datagrams.push(this.#datagram(samples.slice(first, first + SAMPLES_PER_DATAGRAM), nowMs));
    }
    return datagrams;
  }

  #datagram(samples: readonly FlowRecord[], nowMs: number): Uint8Array {
    const writer = new ByteWriter(MAX_DATAGRAM_BYTES);
    const subAgent = 0;
    writer.u32(5);
    writer.u32(this.#agent.version === 4 ? 1 : 2);
    writer.address(this.#agent);
    writer.u32(subAgent);
    writer.u32(++this.#datagramsSent);
    writer.u32(this.#uptime.at(nowMs));
    writer.u32(samples.length);
    for (const sample of samples) this.#writeSample(writer, sample);
    return writer.written();
  }

  #writeSample(writer: ByteWriter, flow: FlowRecord): void {
    this.#samplesSent++;
    const drops = 0;
    const records = 1;
    writer.u32(FLOW_SAMPLE);
    const lengthAt = writer.position;
    writer.u32(0);
    writer.u32(this.#samplesSent);
    writer.u32(flow.inInterface);
    writer.u32(this.#sampling);
    writer.u32(this.#samplesSent * this.#sampling);
    writer.u32(drops);
    writer.u32(flow.inInterface);
    writer.u32(flow.outInterface);
    writer.u32(records);
    writeRawHeader(writer, flow);
    writer.patchU32(lengthAt, writer.position - lengthAt - 4);
  }
}

function writeRawHeader(writer: ByteWriter, flow: FlowRecord): void {
  const ipBytes = Math.round(flow.bytes / flow.packets);
  const header = packetHeader(flow, ipBytes);
  const stripped = 0;
  writer.u32(RAW_PACKET_HEADER);
  const lengthAt = writer.position;
  writer.u32(0);
  writer.u32(HEADER_PROTOCOL_ETHERNET);
  writer.u32(ETHERNET_BYTES + ipBytes);
  writer.u32(stripped);
  writer.u32(header.length);
  writer.bytes(header);
  writer.align4();
  writer.patchU32(lengthAt, writer.position - lengthAt - 4);
}
