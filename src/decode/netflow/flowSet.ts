/*
 * Decodes a data set of flow records into rows of the batch (RFC 3954 §5.3, RFC 7011 §3.4.3).
 *
 * Records of fixed length, nearly all there are, lie at even distances and are read in columns. Records with fields
 * of variable length, and records that carry a piece of a packet to parse, are read one by one with the same loaders.
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { ExporterState } from '../exporter/exporterState.ts';
import type { ObservationDomain } from '../exporter/observationDomain.ts';
import { type ColumnLoad, type FlowPlan, type FlowTemplate, NO_FIELD, type RecordRun } from '../exporter/template.ts';
import { clearOptionalColumns, clearRows, writeReverseRow } from '../flowRows.ts';
import { NOT_IP, readEthernet, readIp } from '../sampledPacket.ts';
import { fieldSizes, fieldStarts, locateFields, RECORD_OVERRUN } from './recordFields.ts';
import { MAX_INTEGER_BYTES, readUnsigned } from './unsigned.ts';

/** The run in hand: one object for all sets, so that a datagram allocates nothing. */
let sharedRun: RecordRun | undefined;

/**
 * Decodes bytes [offset, end) as records of the template and appends their rows. The number of records, rows or not;
 * faults are counted on the exporter.
 */
export function decodeFlowSet(
  exporter: ExporterState,
  domain: ObservationDomain,
  template: FlowTemplate,
  view: DataView,
  offset: number,
  end: number,
  batch: FlowBatch,
): number {
  const { plan } = template;
  const readsFrames = !plan.hasCounters && plan.frameSection !== NO_FIELD;
  const yieldsRows = readsFrames || (plan.hasCounters && plan.hasAddresses);
  const run = runOf(view, batch, domain);
  let records: number;
  if (template.variable || readsFrames) {
    records = decodeOneByOne(exporter, run, template, offset, end, yieldsRows);
  } else {
    records = Math.floor((end - offset) / template.recordBytes);
    if (yieldsRows) decodeInColumns(exporter, run, template, offset, records);
  }
  if (!yieldsRows) {
    if (plan.hasCounters) exporter.recordsWithoutAddresses += records;
    else exporter.recordsWithoutCounters += records;
  }
  return records;
}

function runOf(view: DataView, batch: FlowBatch, domain: ObservationDomain): RecordRun {
  sharedRun ??= { view, batch, sampling: domain.sampling, row: 0, count: 0, stride: 0 };
  sharedRun.view = view;
  sharedRun.batch = batch;
  sharedRun.sampling = domain.sampling;
  return sharedRun;
}

function decodeInColumns(
  exporter: ExporterState,
  run: RecordRun,
  template: FlowTemplate,
  offset: number,
  records: number,
): void {
  const { plan, offsets, lengths, recordBytes } = template;
  const { batch } = run;
  run.row = batch.end;
  run.count = fitRows(exporter, plan, batch, offset, records);
  run.stride = recordBytes;
  const clear = plan.loadsCommonColumns ? clearOptionalColumns : clearRows;
  clear(batch, run.row, run.count);
  for (let i = 0; i < plan.loads.length; i++) {
    const { loader, field, field2 } = plan.loads[i];
    const at = field === NO_FIELD ? NO_FIELD : offset + offsets[field];
    const at2 = field2 === NO_FIELD ? NO_FIELD : offset + offsets[field2];
    loader(run, at, lengths[field], at2, lengths[field2]);
  }
  run.sampling.applyTo(batch, run.row, run.count, plan.namesSampler);
  batch.end += run.count;
  if (!hasReverse(plan)) return;
  const bytesAt = plan.reverseBytes === NO_FIELD ? NO_FIELD : offset + offsets[plan.reverseBytes];
  const packetsAt = plan.reversePackets === NO_FIELD ? NO_FIELD : offset + offsets[plan.reversePackets];
  appendReverseRows(run, bytesAt, lengths[plan.reverseBytes], packetsAt, lengths[plan.reversePackets]);
}

function decodeOneByOne(
  exporter: ExporterState,
  run: RecordRun,
  template: FlowTemplate,
  offset: number,
  end: number,
  yieldsRows: boolean,
): number {
  let records = 0;
  for (let at = offset; at + template.recordBytes <= end; records++) {
    const next = locateFields(template, run.view, at, end);
    if (next === RECORD_OVERRUN) {
      exporter.fail('record_overrun', at);
      break;
    }
    if (yieldsRows) decodeLocatedRecord(exporter, run, template.plan, at);
    at = next;
  }
  return records;
}

/** Decodes the record whose fields `locateFields` has found. */
function decodeLocatedRecord(exporter: ExporterState, run: RecordRun, plan: FlowPlan, at: number): void {
  const { batch } = run;
  if (fitRows(exporter, plan, batch, at, 1) === 0) return;
  const row = batch.end;
  run.row = row;
  run.count = 1;
  run.stride = 0;
  clearRows(batch, row, 1);
  for (let i = 0; i < plan.loads.length; i++) applyLocated(run, plan.loads[i]);
  if (!plan.hasCounters && !loadFrame(run, plan)) {
    exporter.recordsWithoutAddresses++;
    return;
  }
  run.sampling.applyTo(batch, row, 1, plan.namesSampler);
  batch.end++;
  if (!hasReverse(plan)) return;
  const bytesAt = readableStart(plan.reverseBytes);
  const packetsAt = readableStart(plan.reversePackets);
  appendReverseRows(run, bytesAt, fieldSizes[plan.reverseBytes], packetsAt, fieldSizes[plan.reversePackets]);
}

function applyLocated(run: RecordRun, load: ColumnLoad): void {
  const { loader, field, field2, minBytes, maxBytes } = load;
  if (field !== NO_FIELD && (fieldSizes[field] < minBytes || fieldSizes[field] > maxBytes)) return;
  if (field2 !== NO_FIELD && (fieldSizes[field2] < minBytes || fieldSizes[field2] > maxBytes)) return;
  const at = field === NO_FIELD ? NO_FIELD : fieldStarts[field];
  const at2 = field2 === NO_FIELD ? NO_FIELD : fieldStarts[field2];
  loader(run, at, fieldSizes[field], at2, fieldSizes[field2]);
}

/**
 * One record is one sampled packet: the row's counters, and its ends where the record has no fields for them. False
 * where there is no IP packet in it.
 */
function loadFrame(run: RecordRun, plan: FlowPlan): boolean {
  const { view, batch, row } = run;
  const start = fieldStarts[plan.frameSection];
  const section = fieldSizes[plan.frameSection];
  let bytes = section;
  if (!plan.hasAddresses) {
    const read = plan.frameIsEthernet ? readEthernet : readIp;
    bytes = read(view, start, start + section, batch, row);
    if (bytes === NOT_IP) return false;
  }
  const frameSizeAt = readableStart(plan.frameSize);
  const frameBytes = frameSizeAt === NO_FIELD ? 0 : readUnsigned(view, frameSizeAt, fieldSizes[plan.frameSize]);
  batch.sampledPackets[row] = 1;
  batch.sampledBytes[row] = frameBytes > 0 ? frameBytes : bytes;
  return true;
}

/** Where an integer field of the located record begins; `NO_FIELD` where the record has none that can be read. */
function readableStart(field: number): number {
  if (field === NO_FIELD || fieldSizes[field] === 0 || fieldSizes[field] > MAX_INTEGER_BYTES) return NO_FIELD;
  return fieldStarts[field];
}

/** How many of the records have room in the batch, reverse rows reckoned in. */
function fitRows(exporter: ExporterState, plan: FlowPlan, batch: FlowBatch, at: number, records: number): number {
  const room = hasReverse(plan) ? Math.floor(batch.room / 2) : batch.room;
  if (records <= room) return records;
  exporter.fail('flow_limit', at);
  return room;
}

function hasReverse(plan: FlowPlan): boolean {
  return plan.reverseBytes !== NO_FIELD || plan.reversePackets !== NO_FIELD;
}

/** Adds a row for every row of the run whose record counted something in the other direction. */
function appendReverseRows(
  run: RecordRun,
  bytesAt: number,
  bytesSize: number,
  packetsAt: number,
  packetsSize: number,
): void {
  const { view, batch, row, count, stride } = run;
  for (let i = 0; i < count; i++) {
    const bytes = bytesAt === NO_FIELD ? 0 : readUnsigned(view, bytesAt + i * stride, bytesSize);
    const packets = packetsAt === NO_FIELD ? 0 : readUnsigned(view, packetsAt + i * stride, packetsSize);
    if (bytes === 0 && packets === 0) continue;
    writeReverseRow(batch, row + i, batch.end, packets, bytes);
    batch.end++;
  }
}
