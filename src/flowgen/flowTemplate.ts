/*
 * Templates and the records they describe, for NetFlow v9 (RFC 3954 §5) and IPFIX (RFC 7011 §3), which lay both out
 * alike and differ in headers, set ids, option scopes and a few information elements.
 *
 *   set               template record        options template record (IPFIX; v9 counts bytes, not fields)
 *    0  set id         0  template id         0  template id     4  scope fields
 *    2  length         2  fields              2  fields          6  (element, length), scopes first
 *    4  records        4  (element, length)
 */
import type { ByteWriter } from './byteWriter.ts';
import type { FlowRecord } from './telemetryEncoder.ts';

/** One information element, and what a record holds in it. */
export interface TemplateField {
  readonly element: number;
  /** 4 or 16 for an address; 1, 2, 4 or 8 for a number. */
  readonly length: number;
  readonly write: (writer: ByteWriter, record: FlowRecord, moment: ExportMoment) => void;
}

/** When a datagram is made: by the wall clock and by the exporter's uptime, in milliseconds. */
export interface ExportMoment {
  readonly nowMs: number;
  readonly uptimeMs: number;
}

export interface FlowTemplate {
  readonly id: number;
  readonly fields: readonly TemplateField[];
  readonly recordBytes: number;
}

/** The template of each address family. */
export interface FlowTemplates {
  readonly ipv4: FlowTemplate;
  readonly ipv6: FlowTemplate;
}

export function templateOf(id: number, fields: readonly TemplateField[]): FlowTemplate {
  return { id, fields, recordBytes: fields.reduce((sum, field) => sum + field.length, 0) };
}

/** A field that holds a number of the record. */
export function numberField(
  element: number,
  length: 1 | 2 | 4 | 8,
  value: (record: FlowRecord, moment: ExportMoment) => number,
): TemplateField {
  return { element, length, write: (writer, record, moment) => writer.unsigned(length, value(record, moment)) };
}

export const SOURCE_IPV4: TemplateField = { element: 8, length: 4, write: (to, flow) => to.address(flow.src) };
export const DESTINATION_IPV4: TemplateField = { element: 12, length: 4, write: (to, flow) => to.address(flow.dst) };
export const SOURCE_IPV6: TemplateField = { element: 27, length: 16, write: (to, flow) => to.address(flow.src) };
export const DESTINATION_IPV6: TemplateField = { element: 28, length: 16, write: (to, flow) => to.address(flow.dst) };

/** fragmentOffset of a later fragment, in units of 8 bytes: the second of a datagram cut at an MTU of 1500. */
export const LATER_FRAGMENT_OFFSET = 185;

/** The fields with the same element in both protocols; packets and bytes as deltas. */
export const COMMON_FIELDS: readonly TemplateField[] = [
  numberField(7, 2, (flow) => flow.srcPort),
  numberField(4, 1, (flow) => flow.ipProtocol),
  numberField(6, 1, (flow) => flow.tcpFlags),
  numberField(88, 2, (flow) => (flow.fragment ? LATER_FRAGMENT_OFFSET : 0)),
  numberField(2, 8, (flow) => flow.packets),
  numberField(1, 8, (flow) => flow.bytes),
  numberField(10, 4, (flow) => flow.inInterface),
  numberField(14, 4, (flow) => flow.outInterface),
];

/** Writes a set: its header, what `writeRecords` writes, and padding to a multiple of four (RFC 7011 §3.3.1). */
export function writeSet(writer: ByteWriter, setId: number, writeRecords: () => void): void {
  const start = writer.position;
  writer.u16(setId);
  writer.u16(0);
  writeRecords();
  writer.align4();
  writer.patchU16(start + 2, writer.position - start);
}

export function writeTemplate(writer: ByteWriter, template: FlowTemplate): void {
  writer.u16(template.id);
  writer.u16(template.fields.length);
  writeElements(
    writer,
    template.fields.map((field) => [field.element, field.length]),
  );
}

/** Field specifiers: element (or v9 scope) and length of each. */
export function writeElements(writer: ByteWriter, elements: readonly (readonly [number, number])[]): void {
  for (const [element, length] of elements) {
    writer.u16(element);
    writer.u16(length);
  }
}

/**
 * Writes data sets with as many of the records from `first` on as fit; one set for each run of one address family.
 * Returns the index of the first record that did not fit.
 */
export function writeDataSets(
  writer: ByteWriter,
  templates: FlowTemplates,
  records: readonly FlowRecord[],
  first: number,
  moment: ExportMoment,
): number {
  const SET_HEADER_AND_PADDING = 4 + 3;
  let next = first;
  while (next < records.length) {
    const { version } = records[next].dst;
    const template = version === 4 ? templates.ipv4 : templates.ipv6;
    if (writer.room < SET_HEADER_AND_PADDING + template.recordBytes) break;
    writeSet(writer, template.id, () => {
      while (
        next < records.length &&
        records[next].dst.version === version &&
        writer.room >= template.recordBytes + 3
      ) {
        for (const field of template.fields) field.write(writer, records[next], moment);
        next++;
      }
    });
  }
  return next;
}
