/*
 * Datagrams of the NetFlow port: the version in the first two bytes selects the decoder. NetFlow v5 has its own file. A
 * NetFlow v9 datagram (RFC 3954) is a header, then sets of templates, options templates and data. An IPFIX message (RFC
 * 7011) is the same with another header. Over UDP an IPFIX datagram is one message, but a file of messages that is sent
 * as it is has several in one datagram, so the bytes after a message are read too.
 *
 *   header, NetFlow v9  0 version, 2 count, 4 sysUptime, 8 seconds, 12 datagrams sent before, 16 source id
 *   header, IPFIX       0 version, 2 length with this header, 4 export time, 8 data records sent before, 12 domain
 *   set                 0 id, 2 length with this header, 4 records or templates, then padding
 *
 * Only lengths are trusted, never the record count in the NetFlow v9 header: it counts records (Cisco), sets
 * (FortiGate) or something else (nProbe, pmacctd).
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { DecodeContext } from '../decodeContext.ts';
import { doubtCounters } from '../doubtfulRows.ts';
import { IPFIX, NETFLOW5, NETFLOW9, netflowProtocol } from '../exporter/protocol.ts';
import { markTotals } from '../flowTotals.ts';
import { decodeDataSet } from './dataSet.ts';
import { decodeNetflow5 } from './netflow5.ts';
import { readTemplateSet } from './templateSet.ts';

const NETFLOW9_HEADER = 20;
const IPFIX_HEADER = 16;
const IPFIX_VERSION = 10;
const SET_HEADER = 4;

/** Ids below are those of template sets, or reserved. */
const LOWEST_DATA_SET_ID = 256;

/** Counters of NetFlow v5 where the config says that they are totals. */
const NETFLOW5_TOTALS = { packetLimit: 2 ** 32, byteLimit: 2 ** 32, hasTimes: true };

/** What `decodeSets` returns where the template of a set is not known, and so not how many records the set holds. */
const UNKNOWN_RECORDS = -1;

/**
 * Decodes the context's datagram, NetFlow v5, v9 or IPFIX, into rows from `batch.end` on, and counts on the exporter
 * what happened. True where the datagram had no error; what was decoded before an error is kept. Rows whose sampling
 * rate the exporter does not state have rate 0 until `resolveSampling`.
 */
export function decodeNetflow(context: DecodeContext): boolean {
  const { view, length, exporter, batch } = context;
  if (length < 2) {
    exporter.fail('header_truncated', 0);
    return exporter.endDatagram();
  }
  const firstRow = batch.end;
  const protocol = netflowProtocol(view.getUint16(0));
  if (protocol === undefined) {
    exporter.fail('unsupported_version', 0);
    return exporter.endDatagram();
  }
  exporter.beginDatagram(protocol, context.now);
  switch (protocol) {
    case NETFLOW5:
      decodeNetflow5(context);
      break;
    case NETFLOW9:
      decodeNetflow9(context);
      decodeReadySets(context);
      break;
    case IPFIX:
      decodeIpfix(context);
      decodeReadySets(context);
      break;
  }
  if (protocol === NETFLOW5) {
    if (exporter.countersAreTotals) {
      markTotals(batch, firstRow);
      context.totals.subtract(batch, firstRow, exporter.number, context.exportTimeMs, NETFLOW5_TOTALS);
    }
    if (context.heldMs > 0) placeEarlier(batch, firstRow, context.heldMs);
    doubtCounters(batch, firstRow, exporter, true);
  }
  exporter.flows[protocol] += batch.end - firstRow;
  return exporter.endDatagram();
}

function decodeNetflow9(context: DecodeContext): void {
  const { view, length, exporter } = context;
  if (length < NETFLOW9_HEADER) {
    exporter.fail('header_truncated', 0);
    return;
  }
  const domain = exporter.domain(NETFLOW9, view.getUint32(16), context.now);
  context.domain = domain;
  context.uptimeMs = view.getUint32(4);
  context.exportTimeMs = view.getUint32(8) * 1000;
  context.sequence = view.getUint32(12);
  exporter.beginMessage(domain, context);
  context.heldMs = domain.session.heldMs(context);
  const firstRow = context.batch.end;
  decodeSets(context, NETFLOW9_HEADER, length);
  if (context.heldMs > 0) placeEarlier(context.batch, firstRow, context.heldMs);
  domain.endMessage(1);
}

/** Decodes all messages of the datagram. */
function decodeIpfix(context: DecodeContext): void {
  const { view, length, exporter } = context;
  if (length < IPFIX_HEADER) {
    exporter.fail('header_truncated', 0);
    return;
  }
  let at = 0;
  do {
    at = decodeMessage(context, at);
  } while (at + IPFIX_HEADER <= length && view.getUint16(at) === IPFIX_VERSION);
  if (!isZero(view, at, length)) exporter.fail('trailing_bytes', at);
}

/** Decodes the message at `at`, as far as the datagram holds it. Returns where the next one would begin. */
function decodeMessage(context: DecodeContext, at: number): number {
  const { view, length, exporter } = context;
  let end = at + view.getUint16(at + 2);
  if (end > length || end < at + IPFIX_HEADER) {
    exporter.fail('datagram_truncated', at);
    end = length;
  }
  const domain = exporter.domain(IPFIX, view.getUint32(at + 12), context.now);
  context.domain = domain;
  context.uptimeMs = -1;
  context.exportTimeMs = view.getUint32(at + 4) * 1000;
  context.sequence = view.getUint32(at + 8);
  exporter.beginMessage(domain, context);
  context.heldMs = domain.session.heldMs(context);
  const firstRow = context.batch.end;
  const records = decodeSets(context, at + IPFIX_HEADER, end);
  if (context.heldMs > 0) placeEarlier(context.batch, firstRow, context.heldMs);
  domain.endMessage(records);
  return end;
}

function isZero(view: DataView, offset: number, end: number): boolean {
  for (let i = offset; i < end; i++) {
    if (view.getUint8(i) !== 0) return false;
  }
  return true;
}

/**
 * Decodes bytes [offset, end): first the templates and options, which some exporters put behind the data that needs them,
 * then the flows. The number of data records, options records included, or `UNKNOWN_RECORDS`.
 */
function decodeSets(context: DecodeContext, offset: number, end: number): number {
  const { view, exporter, domain } = context;
  const templateSetId = domain.protocol === IPFIX ? 2 : 0;
  let records = 0;
  let lastEnd = offset;
  for (let at = offset; at + SET_HEADER <= end; at = lastEnd) {
    const id = view.getUint16(at);
    const length = view.getUint16(at + 2);
    // Zero bytes after the last set are padding: Palo Alto fills every datagram to full size, ACI to a boundary.
    if (id === 0 && length === 0) break;
    if (length < SET_HEADER) {
      exporter.fail('set_length', at);
      break;
    }
    if (at + length > end) exporter.fail('set_length', at);
    const body = at + SET_HEADER;
    lastEnd = Math.min(at + length, end);
    if (id >= LOWEST_DATA_SET_ID) {
      const template = domain.templates.find(id, domain.session);
      if (template?.kind === 'options') records += decodeDataSet(context, template, body, lastEnd);
    } else if (id === templateSetId) {
      readTemplateSet(context, 'flow', body, lastEnd);
    } else if (id === templateSetId + 1) {
      readTemplateSet(context, 'options', body, lastEnd);
    } else {
      exporter.fail('set_id_reserved', at);
    }
  }
  const flowRecords = decodeFlowSets(context, offset, lastEnd);
  return flowRecords === UNKNOWN_RECORDS ? UNKNOWN_RECORDS : records + flowRecords;
}

/** Decodes the flows of the sets in bytes [offset, end), whose lengths have been checked. */
function decodeFlowSets(context: DecodeContext, offset: number, end: number): number {
  const { view, exporter, domain } = context;
  let records = 0;
  let allKnown = true;
  for (let at = offset; at < end; ) {
    const templateId = view.getUint16(at);
    const body = at + SET_HEADER;
    at = Math.min(at + view.getUint16(at + 2), end);
    if (templateId < LOWEST_DATA_SET_ID) continue;
    const template = domain.templates.find(templateId, domain.session);
    if (template === undefined) {
      allKnown = false;
      const { session } = domain;
      const { exportTimeMs, uptimeMs, heldMs } = context;
      exporter.await({ domain, session, templateId, exportTimeMs, uptimeMs, heldMs }, view, body, at);
    } else if (template.kind === 'flow') {
      records += decodeDataSet(context, template, body, at);
    }
  }
  return allKnown ? records : UNKNOWN_RECORDS;
}

/**
 * Decodes the data sets whose template has arrived, at the end of the datagram that brought it, so that the sampling rate
 * beside it is known. Their traffic counts when they were received: together at one moment it would look like an attack.
 */
function decodeReadySets(context: DecodeContext): void {
  const ready = context.exporter.takeReadySets();
  if (ready.length === 0) return;
  const { view, batch, now } = context;
  batch.holdsBacklog = true;
  for (const { set, template } of ready) {
    const firstRow = batch.end;
    context.view = set.view;
    context.domain = set.domain;
    context.domain.session = set.session;
    context.exportTimeMs = set.exportTimeMs;
    context.uptimeMs = set.uptimeMs;
    decodeDataSet(context, template, 0, set.view.byteLength);
    placeEarlier(batch, firstRow, set.heldMs + Math.max(0, now - set.receivedAtMs));
  }
  context.view = view;
}

/** The traffic of rows from `firstRow` on passed so much earlier than their header says. */
function placeEarlier(batch: FlowBatch, firstRow: number, ms: number): void {
  for (let row = firstRow; row < batch.end; row++) batch.endAgoMs[row] = batch.endAgoOf(row) + ms;
}
