/*
 * Decodes a data set whose template is known: flow records into rows of the batch (RFC 3954 §5.3, RFC 7011 §3.4.3),
 * options records into sampling rates.
 *
 * Records of fixed length, which nearly all are, lie at equal distances and are read column by column. Records with
 * fields of variable length, and records that carry a piece of a packet to parse, are read one by one with the same
 * loaders.
 */
import { BYTES_ARE_TOTAL, COUNTERS_ARE_TOTAL, PACKETS_ARE_TOTAL } from '../../flowBatch.ts';
import type { DecodeContext } from '../decodeContext.ts';
import { doubtCounters } from '../doubtfulRows.ts';
import { applyRates, rateOfTemplate } from '../exporter/samplingRates.ts';
import { type ColumnLoad, type FlowPlan, type FlowTemplate, NO_FIELD, type Template } from '../exporter/template.ts';
import { clearOptionalColumns, clearRows, clearTimes, writeReverseRow } from '../flowRows.ts';
import { markTotals } from '../flowTotals.ts';
import { FRAME_END_UNKNOWN } from '../ipHeaderFit.ts';
import { NOT_IP, readEthernet, readIp } from '../sampledPacket.ts';
import { decodeOptionsSet } from './optionsSet.ts';
import { locateFields, MAX_INTEGER_BYTES, RECORD_OVERRUN, readUnsigned } from './recordFields.ts';

/**
 * Decodes bytes [offset, end), without the set header, as records of the template. Returns the number of records, with
 * or without rows; errors are counted on the exporter.
 */
export function decodeDataSet(context: DecodeContext, template: Template, offset: number, end: number): number {
  // Fuzzed templates describe records of no bytes, of which any set holds infinitely many.
  if (template.recordBytes === 0) {
    context.exporter.fail('record_empty', offset);
    return 0;
  }
  if (offset < end && offset + template.recordBytes > end) {
    context.exporter.fail('record_overrun', offset);
    return 0;
  }
  if (template.kind === 'flow') return decodeFlowSet(context, template, offset, end);
  return decodeOptionsSet(context, template, offset, end);
}

function decodeFlowSet(context: DecodeContext, template: FlowTemplate, offset: number, end: number): number {
  const { exporter } = context;
  const firstRow = context.batch.end;
  context.misfits = 0;
  context.refusedRates = 0;
  const { plan } = template;
  const readsFrames = !plan.hasCounters && plan.frameSection !== NO_FIELD;
  const yieldsRows = readsFrames || (plan.hasCounters && plan.hasAddresses);
  let records: number;
  if (template.variable || readsFrames) {
    records = decodeOneByOne(context, template, offset, end, yieldsRows);
  } else {
    records = Math.floor((end - offset) / template.recordBytes);
    if (yieldsRows) decodeInColumns(context, template, offset, records);
  }
  if (yieldsRows) {
    if (context.batch.end > firstRow) context.domain.session.hasFlows = true;
    settleTotals(context, template, firstRow);
    doubtCounters(context.batch, firstRow, exporter, plan.hasPacketsAndBytes);
  }
  if (context.misfits > 0) exporter.doubt('field_width', context.misfits);
  if (context.refusedRates > 0)
    exporter.doubt(context.domain.recordRates.refusal, context.refusedRates, context.refusedRate);
  if (!yieldsRows) {
    if (plan.hasCounters) exporter.recordsWithoutAddresses += records;
    else exporter.recordsWithoutCounters += records;
  }
  return records;
}

/** Sets the rates that the exporter's options records state. */
function applyStatedRates(context: DecodeContext, template: FlowTemplate, row: number, count: number): void {
  const { batch } = context;
  const own = context.domain.sampling;
  const whole = context.exporter.wholeRates(context.domain);
  const rate = rateOfTemplate(own, whole, template, context.domain.templates.namingSampler > 0);
  applyRates(own, whole, rate, batch, row, count);
}

/** Makes differences of counters that are totals, and finds the time that records without times are of. */
function settleTotals(context: DecodeContext, template: FlowTemplate, firstRow: number): void {
  const { plan } = template;
  const { exporter, totals, batch, exportTimeMs } = context;
  if (exporter.countersAreTotals || plan.counters === 'totals') markTotals(batch, firstRow);
  else if (plan.bothMarks !== 0) useDeltas(context, template, firstRow);
  if (plan.counters === 'events') totals.subtractUpdates(batch, firstRow, exporter.number, exportTimeMs);
  else if (plan.counters !== 'deltas' || exporter.countersAreTotals)
    totals.subtract(batch, firstRow, exporter.number, exportTimeMs, plan);
  else if (!plan.hasTimes) totals.setDurations(batch, firstRow, exporter.number, exportTimeMs);
}

/**
 * Once two datagrams had deltas that are not zero, a zero beside a total is no traffic. Before, the total counts, because
 * some exporters always send zeros.
 */
function useDeltas({ batch, exporter, domain }: DecodeContext, template: FlowTemplate, firstRow: number): void {
  const { deltaUse, plan } = template;
  const { flowFlags, sampledPackets, sampledBytes } = batch;
  const datagram = exporter.datagrams[domain.protocol];
  for (let row = firstRow; row < batch.end && deltaUse.latest !== datagram; row++) {
    if ((plan.bothMarks & ~flowFlags[row]) === 0) continue;
    deltaUse.latest = datagram;
    deltaUse.datagrams++;
  }
  if (deltaUse.datagrams < 2) return;
  for (let row = firstRow; row < batch.end; row++) {
    const marks = flowFlags[row] & plan.bothMarks;
    if ((marks & PACKETS_ARE_TOTAL) !== 0) sampledPackets[row] = 0;
    if ((marks & BYTES_ARE_TOTAL) !== 0) sampledBytes[row] = 0;
    flowFlags[row] &= ~marks;
  }
}

function decodeInColumns(context: DecodeContext, template: FlowTemplate, offset: number, records: number): void {
  const { plan, offsets, lengths, recordBytes } = template;
  const { batch } = context;
  const { loads } = plan;
  const row = batch.end;
  const count = fitRows(context, plan, offset, records);
  context.row = row;
  context.count = count;
  context.stride = recordBytes;
  if (plan.loadsCommonColumns) clearOptionalColumns(batch, row, count);
  else clearRows(batch, row, count);
  if (!plan.loadsTimes) clearTimes(batch, row, count);
  for (let i = 0; i < loads.length; i++) {
    const { loader, field, field2 } = loads[i];
    const at = field === NO_FIELD ? NO_FIELD : offset + offsets[field];
    const at2 = field2 === NO_FIELD ? NO_FIELD : offset + offsets[field2];
    loader(context, at, lengths[field], at2, lengths[field2]);
  }
  applyStatedRates(context, template, row, count);
  batch.end += count;
  if (!hasReverse(plan)) return;
  const { reverse } = context;
  reverse.bytesAt = plan.reverseBytes === NO_FIELD ? NO_FIELD : offset + offsets[plan.reverseBytes];
  reverse.packetsAt = plan.reversePackets === NO_FIELD ? NO_FIELD : offset + offsets[plan.reversePackets];
  reverse.flagsAt = plan.reverseTcpFlags === NO_FIELD ? NO_FIELD : offset + offsets[plan.reverseTcpFlags];
  appendReverseRows(
    context,
    plan,
    lengths[plan.reverseBytes],
    lengths[plan.reversePackets],
    lengths[plan.reverseTcpFlags],
  );
}

function decodeOneByOne(
  context: DecodeContext,
  template: FlowTemplate,
  offset: number,
  end: number,
  yieldsRows: boolean,
): number {
  let records = 0;
  for (let at = offset; at + template.recordBytes <= end; records++) {
    const next = locateFields(context, template.lengths, at, end);
    if (next === RECORD_OVERRUN) {
      context.exporter.fail('record_overrun', at);
      break;
    }
    if (yieldsRows) decodeLocatedRecord(context, template, at);
    at = next;
  }
  return records;
}

/** Decodes the record whose fields `locateFields` has found. */
function decodeLocatedRecord(context: DecodeContext, template: FlowTemplate, at: number): void {
  const { exporter, batch, fieldSizes } = context;
  const { plan } = template;
  if (fitRows(context, plan, at, 1) === 0) return;
  const row = batch.end;
  context.row = row;
  context.count = 1;
  context.stride = 0;
  clearRows(batch, row, 1);
  clearTimes(batch, row, 1);
  for (let i = 0; i < plan.loads.length; i++) applyLocated(context, plan.loads[i]);
  if (!plan.hasCounters && !loadFrame(context, plan)) {
    exporter.recordsWithoutAddresses++;
    return;
  }
  applyStatedRates(context, template, row, 1);
  batch.end++;
  if (!hasReverse(plan)) return;
  const { reverse } = context;
  reverse.bytesAt = readableStart(context, plan.reverseBytes);
  reverse.packetsAt = readableStart(context, plan.reversePackets);
  reverse.flagsAt = readableStart(context, plan.reverseTcpFlags);
  appendReverseRows(
    context,
    plan,
    fieldSizes[plan.reverseBytes],
    fieldSizes[plan.reversePackets],
    fieldSizes[plan.reverseTcpFlags],
  );
}

function applyLocated(context: DecodeContext, load: ColumnLoad): void {
  const { fieldStarts, fieldSizes } = context;
  const { loader, field, field2, minBytes, maxBytes } = load;
  if (field !== NO_FIELD && (fieldSizes[field] < minBytes || fieldSizes[field] > maxBytes)) return;
  if (field2 !== NO_FIELD && (fieldSizes[field2] < minBytes || fieldSizes[field2] > maxBytes)) return;
  const at = field === NO_FIELD ? NO_FIELD : fieldStarts[field];
  const at2 = field2 === NO_FIELD ? NO_FIELD : fieldStarts[field2];
  loader(context, at, fieldSizes[field], at2, fieldSizes[field2]);
}

/**
 * Fills the row from a record that is one sampled packet: its counters, and its addresses where the record has no
 * fields for them. False where there is no IP packet in it.
 */
function loadFrame(context: DecodeContext, plan: FlowPlan): boolean {
  const { view, batch, row, fieldStarts, fieldSizes } = context;
  const start = fieldStarts[plan.frameSection];
  const section = fieldSizes[plan.frameSection];
  const frameSizeAt = readableStart(context, plan.frameSize);
  const frameBytes = frameSizeAt === NO_FIELD ? 0 : readUnsigned(view, frameSizeAt, fieldSizes[plan.frameSize]);
  let bytes = section;
  if (!plan.hasAddresses) {
    const end = start + section;
    const frameEnd = frameBytes === 0 ? FRAME_END_UNKNOWN : Math.max(start + frameBytes, end);
    bytes = plan.frameIsEthernet ? readEthernet(context, start, end, frameEnd) : readIp(context, start, end);
    if (bytes === NOT_IP) return false;
  }
  batch.sampledPackets[row] = 1;
  batch.sampledBytes[row] = frameBytes > 0 ? frameBytes : bytes;
  return true;
}

/** Where an integer field of the located record begins; `NO_FIELD` where the record has none that can be read. */
function readableStart(context: DecodeContext, field: number): number {
  const { fieldStarts, fieldSizes } = context;
  if (field === NO_FIELD || fieldSizes[field] === 0 || fieldSizes[field] > MAX_INTEGER_BYTES) return NO_FIELD;
  return fieldStarts[field];
}

/** How many of the records have room in the batch, their reverse rows included. */
function fitRows(context: DecodeContext, plan: FlowPlan, at: number, records: number): number {
  const { room } = context.batch;
  const recordRoom = hasReverse(plan) ? Math.floor(room / 2) : room;
  if (records <= recordRoom) return records;
  context.exporter.fail('flow_limit', at);
  return recordRoom;
}

function hasReverse(plan: FlowPlan): boolean {
  return plan.reverseBytes !== NO_FIELD || plan.reversePackets !== NO_FIELD;
}

/**
 * Appends a row for every row of the run whose record counted something in the reverse direction. Where a biflow (RFC
 * 5103) counted nothing else since its last record, the row of the other direction gives way: no flow is in it.
 */
function appendReverseRows(
  context: DecodeContext,
  plan: FlowPlan,
  bytesSize: number,
  packetsSize: number,
  flagsSize: number,
): void {
  const { view, batch, row, count, stride } = context;
  const { bytesAt, packetsAt, flagsAt } = context.reverse;
  for (let i = 0; i < count; i++) {
    const bytes = bytesAt === NO_FIELD ? 0 : readUnsigned(view, bytesAt + i * stride, bytesSize);
    const packets = packetsAt === NO_FIELD ? 0 : readUnsigned(view, packetsAt + i * stride, packetsSize);
    if (bytes === 0 && packets === 0) continue;
    const isOnlyReverse = plan.isBiflow && batch.sampledPackets[row + i] === 0 && batch.sampledBytes[row + i] === 0;
    const to = isOnlyReverse ? row + i : batch.end;
    writeReverseRow(batch, row + i, to, packets, bytes);
    if (plan.counters === 'mixed')
      batch.flowFlags[to] = (batch.flowFlags[to] & ~COUNTERS_ARE_TOTAL) | plan.reverseMarks;
    if (flagsAt !== NO_FIELD) batch.tcpFlags[to] = readUnsigned(view, flagsAt + i * stride, flagsSize) & 0xff;
    if (!isOnlyReverse) batch.end++;
  }
}
