/*
 * NetFlow version 9 (RFC 3954). States its sampling rate for the whole exporter in options data, elements 34 and 35,
 * as Cisco's routers do.
 *
 *   header, 20 bytes
 *    0  version = 9                8  seconds              16  source id
 *    2  records of any kind       12  datagram sequence
 *    4  uptime, ms
 */
import { ByteWriter } from './byteWriter.ts';
import {
  COMMON_FIELDS,
  DESTINATION_IPV4,
  DESTINATION_IPV6,
  type FlowTemplates,
  numberField,
  SOURCE_IPV4,
  SOURCE_IPV6,
  type TemplateField,
  templateOf,
  writeDataSets,
  writeElements,
  writeSet,
  writeTemplate,
} from './flowTemplate.ts';
import {
  ExporterUptime,
  type FlowRecord,
  MAX_DATAGRAM_BYTES,
  type TelemetryEncoder,
  TemplateTimer,
} from './telemetryEncoder.ts';

const SOURCE_ID = 1;
const TEMPLATE_SET = 0;
const OPTIONS_TEMPLATE_SET = 1;
const OPTIONS_ID = 258;

/** The scope is the whole exporter ("system", RFC 3954 §6.1). */
const SCOPE_FIELDS = [[1, 4]] as const;

/** samplingInterval and samplingAlgorithm. */
const OPTION_FIELDS = [
  [34, 4],
  [35, 1],
] as const;

const NETFLOW9_FIELDS: readonly TemplateField[] = [
  ...COMMON_FIELDS,
  numberField(11, 2, (flow) => flow.dstPort),
  // firstSwitched and lastSwitched, in uptime.
  numberField(22, 4, (flow, moment) => moment.uptimeMs - flow.endAgoMs - flow.durationMs),
  numberField(21, 4, (flow, moment) => moment.uptimeMs - flow.endAgoMs),
];

const TEMPLATES: FlowTemplates = {
  ipv4: templateOf(256, [SOURCE_IPV4, DESTINATION_IPV4, ...NETFLOW9_FIELDS]),
  ipv6: templateOf(257, [SOURCE_IPV6, DESTINATION_IPV6, ...NETFLOW9_FIELDS]),
};

export class Netflow9Encoder implements TelemetryEncoder {
  readonly #sampling: number;
  readonly #uptime: ExporterUptime;
  readonly #templates: FlowTemplates;
  readonly #templateTimer = new TemplateTimer();
  #datagramsSent = 0;

  constructor(sampling: number, uptime = new ExporterUptime(), templates = TEMPLATES) {
    this.#sampling = sampling;
    this.#uptime = uptime;
    this.#templates = templates;
  }

  encode(records: readonly FlowRecord[], nowMs: number): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    const moment = { nowMs, uptimeMs: this.#uptime.at(nowMs) };
    for (let next = 0; next < records.length; ) {
      const writer = new ByteWriter(MAX_DATAGRAM_BYTES);
      this.#writeHeader(writer, moment.uptimeMs, nowMs);
      const otherRecords = this.#templateTimer.due(nowMs) ? this.#writeTemplates(writer) : 0;
      const first = next;
      next = writeDataSets(writer, this.#templates, records, first, moment);
      writer.patchU16(2, otherRecords + next - first);
      datagrams.push(writer.written());
    }
    return datagrams;
  }

  #writeHeader(writer: ByteWriter, uptimeMs: number, nowMs: number): void {
    writer.u16(9);
    writer.u16(0);
    writer.u32(uptimeMs);
    writer.u32(Math.floor(nowMs / 1_000));
    writer.u32(this.#datagramsSent);
    writer.u32(SOURCE_ID);
    this.#datagramsSent = (this.#datagramsSent + 1) >>> 0;
  }

  /** Returns the number of records: three templates and one of options data. */
  #writeTemplates(writer: ByteWriter): number {
    writeSet(writer, TEMPLATE_SET, () => {
      writeTemplate(writer, this.#templates.ipv4);
      writeTemplate(writer, this.#templates.ipv6);
    });
    writeSet(writer, OPTIONS_TEMPLATE_SET, () => {
      writer.u16(OPTIONS_ID);
      writer.u16(SCOPE_FIELDS.length * 4);
      writer.u16(OPTION_FIELDS.length * 4);
      writeElements(writer, [...SCOPE_FIELDS, ...OPTION_FIELDS]);
    });
    writeSet(writer, OPTIONS_ID, () => {
      writer.u32(SOURCE_ID);
      writer.u32(this.#sampling);
      // samplingAlgorithm 1: deterministic.
      writer.u8(1);
    });
    return 4;
  }
}
