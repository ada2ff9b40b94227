/*
 * IPFIX (RFC 7011). States its sampling rate as a selector that the flow records refer to (RFC 5477 §8.2: elements 302
 * and 304 to 306), flow times as absolute milliseconds, and ICMP type and code in an element of their own.
 *
 *   header, 16 bytes
 *    0  version = 10               4  export time, seconds     12  observation domain
 *    2  length of the message      8  data records sent before
 */
import { isIcmp } from '../net/protocolNumbers.ts';
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
import { type FlowRecord, MAX_DATAGRAM_BYTES, type TelemetryEncoder, TemplateTimer } from './telemetryEncoder.ts';

const OBSERVATION_DOMAIN = 1;
const TEMPLATE_SET = 2;
const OPTIONS_TEMPLATE_SET = 3;
const OPTIONS_ID = 258;
const SELECTOR_ID = 7;

/** selectorId, which is the scope, then selectorAlgorithm, samplingPacketInterval and samplingPacketSpace. */
const OPTION_FIELDS = [
  [302, 4],
  [304, 2],
  [305, 4],
  [306, 4],
] as const;

const IPFIX_FIELDS: readonly TemplateField[] = [
  ...COMMON_FIELDS,
  numberField(11, 2, (flow) => (isIcmp(flow.ipProtocol) ? 0 : flow.dstPort)),
  // flowStartMilliseconds and flowEndMilliseconds.
  numberField(152, 8, (flow, moment) => Math.floor(moment.nowMs) - flow.endAgoMs - flow.durationMs),
  numberField(153, 8, (flow, moment) => Math.floor(moment.nowMs) - flow.endAgoMs),
  numberField(302, 4, () => SELECTOR_ID),
];

const icmpTypeAndCode = (flow: FlowRecord): number => (isIcmp(flow.ipProtocol) ? flow.dstPort : 0);

const TEMPLATES: FlowTemplates = {
  ipv4: templateOf(256, [SOURCE_IPV4, DESTINATION_IPV4, ...IPFIX_FIELDS, numberField(32, 2, icmpTypeAndCode)]),
  ipv6: templateOf(257, [SOURCE_IPV6, DESTINATION_IPV6, ...IPFIX_FIELDS, numberField(139, 2, icmpTypeAndCode)]),
};

export class IpfixEncoder implements TelemetryEncoder {
  readonly #sampling: number;
  readonly #templates: FlowTemplates;
  readonly #templateTimer = new TemplateTimer();
  #dataRecordsSent = 0;

  constructor(sampling: number, templates = TEMPLATES) {
    this.#sampling = sampling;
    this.#templates = templates;
  }

  encode(records: readonly FlowRecord[], nowMs: number): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    const moment = { nowMs, uptimeMs: 0 };
    for (let next = 0; next < records.length; ) {
      const writer = new ByteWriter(MAX_DATAGRAM_BYTES);
      this.#writeHeader(writer, nowMs);
      const optionRecords = this.#templateTimer.due(nowMs) ? this.#writeTemplates(writer) : 0;
      const first = next;
      next = writeDataSets(writer, this.#templates, records, first, moment);
      this.#dataRecordsSent = (this.#dataRecordsSent + optionRecords + next - first) >>> 0;
      writer.patchU16(2, writer.position);
      datagrams.push(writer.written());
    }
    return datagrams;
  }

  #writeHeader(writer: ByteWriter, nowMs: number): void {
    writer.u16(10);
    writer.u16(0);
    writer.u32(Math.floor(nowMs / 1_000));
    writer.u32(this.#dataRecordsSent);
    writer.u32(OBSERVATION_DOMAIN);
  }

  /** Returns the number of data records, which templates are not (RFC 7011 §3.1). */
  #writeTemplates(writer: ByteWriter): number {
    writeSet(writer, TEMPLATE_SET, () => {
      writeTemplate(writer, this.#templates.ipv4);
      writeTemplate(writer, this.#templates.ipv6);
    });
    writeSet(writer, OPTIONS_TEMPLATE_SET, () => {
      const scopeFields = 1;
      writer.u16(OPTIONS_ID);
      writer.u16(OPTION_FIELDS.length);
      writer.u16(scopeFields);
      writeElements(writer, OPTION_FIELDS);
    });
    writeSet(writer, OPTIONS_ID, () => {
      writer.u32(SELECTOR_ID);
      // Systematic count-based sampling: one packet taken, sampling − 1 skipped.
      writer.u16(1);
      writer.u32(1);
      writer.u32(this.#sampling - 1);
    });
    return 1;
  }
}
