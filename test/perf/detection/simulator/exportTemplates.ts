/*
 * The templates of exporters that state times and counters in different ways, for the encoders of NetFlow v9 and IPFIX.
 */
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
} from '../../../../src/flowgen/flowTemplate.ts';
import type { FlowRecord } from '../../../../src/flowgen/telemetryEncoder.ts';

/** In which elements a record has its times. `start`: no end, so that the export is taken for it. */
export type Times = 'uptime' | 'milliseconds' | 'seconds' | 'deltas' | 'start';

/** Whether counters are those of the record or all since the start of the flow. */
export type Counters = 'deltas' | 'totals';

export interface RecordFormat {
  readonly times: Times;
  readonly counters: Counters;
  /** Whether records have flowEndReason. */
  readonly statesEndReason: boolean;
  /** Seconds in flowActiveTimeout; 0 = records do not have it. */
  readonly statedTimeout: number;
}

/** What the record of a simulated exporter has beside the common fields. */
export interface ExportedRecord extends FlowRecord {
  readonly endReason: number;
}

/** The selector to which the options of the IPFIX encoder give its sampling rate. */
const SELECTOR_ID = 7;

/** packetDeltaCount and octetDeltaCount to packetTotalCount and octetTotalCount. */
const TOTAL_OF_DELTA = new Map([
  [2, 86],
  [1, 85],
]);

const MICROSECONDS = 1000;

const TIME_FIELDS: Readonly<Record<Times, readonly TemplateField[]>> = {
  uptime: [
    numberField(22, 4, (flow, { uptimeMs }) => uptimeMs - flow.endAgoMs - flow.durationMs),
    numberField(21, 4, (flow, { uptimeMs }) => uptimeMs - flow.endAgoMs),
  ],
  milliseconds: [
    numberField(152, 8, (flow, { nowMs }) => nowMs - flow.endAgoMs - flow.durationMs),
    numberField(153, 8, (flow, { nowMs }) => nowMs - flow.endAgoMs),
  ],
  seconds: [
    numberField(150, 4, (flow, { nowMs }) => Math.floor((nowMs - flow.endAgoMs - flow.durationMs) / 1000)),
    numberField(151, 4, (flow, { nowMs }) => Math.floor((nowMs - flow.endAgoMs) / 1000)),
  ],
  // Before the export time in the header, which has whole seconds.
  deltas: [
    numberField(158, 4, (flow, { nowMs }) => beforeHeaderMs(flow.endAgoMs + flow.durationMs, nowMs) * MICROSECONDS),
    numberField(159, 4, (flow, { nowMs }) => beforeHeaderMs(flow.endAgoMs, nowMs) * MICROSECONDS),
  ],
  start: [numberField(152, 8, (flow, { nowMs }) => nowMs - flow.endAgoMs - flow.durationMs)],
};

const END_REASON: TemplateField = {
  element: 136,
  length: 1,
  write: (writer, record) => writer.u8((record as ExportedRecord).endReason),
};

/** For IPFIX with `selector`, so that its sampling options apply to the records. */
export function templatesFor(format: RecordFormat, protocol: 'netflow9' | 'ipfix'): FlowTemplates {
  const fields = [
    ...COMMON_FIELDS.map((field) => ({
      ...field,
      element: format.counters === 'totals' ? (TOTAL_OF_DELTA.get(field.element) ?? field.element) : field.element,
    })),
    numberField(11, 2, (flow) => flow.dstPort),
    ...TIME_FIELDS[format.times],
    ...(format.statesEndReason ? [END_REASON] : []),
    ...(format.statedTimeout > 0 ? [numberField(36, 2, () => format.statedTimeout)] : []),
    ...(protocol === 'ipfix' ? [numberField(302, 4, () => SELECTOR_ID)] : []),
  ];
  return {
    ipv4: templateOf(256, [SOURCE_IPV4, DESTINATION_IPV4, ...fields]),
    ipv6: templateOf(257, [SOURCE_IPV6, DESTINATION_IPV6, ...fields]),
  };
}

function beforeHeaderMs(agoMs: number, nowMs: number): number {
  return Math.max(0, agoMs - (nowMs % 1000));
}
