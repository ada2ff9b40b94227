/*
 * The loaders that move one field of many records into one column of the batch.
 *
 * A set is decoded column by column, not record by record. The loader and the width of its field were chosen when the
 * template was compiled, so each record costs a read, a store and an addition. The rows are zero when loading begins;
 * "fill" loaders, for elements of second choice, write only where the column is still zero.
 */
import {
  BYTES_ARE_TOTAL,
  DIRECTION_EGRESS,
  DIRECTION_INGRESS,
  FLOW_ENDED,
  FLOW_GOES_ON,
  PACKETS_ARE_TOTAL,
  SAMPLING_FROM_OPTIONS,
  SAMPLING_FROM_RECORD,
} from '../../flowBatch.ts';
import { IPV4_MAPPED_WORD } from '../../net/address.ts';
import { ICMP, ICMPV6 } from '../../net/protocolNumbers.ts';
import { markDoubtful } from '../doubtfulRows.ts';
import { isSamplingRate } from '../exporter/samplingRates.ts';
import type { RecordRun } from '../exporter/template.ts';
import { readUnsigned } from './recordFields.ts';

/** More-fragments among the flags of element 197: the third bit from the left. */
const MORE_FRAGMENTS = 0x20;

/** Source and destination IPv4 address. Both at once, so that the two addresses of a row are of one family. */
export function loadIpv4Pair(run: RecordRun, at: number, _size: number, at2: number): void {
  const { view, batch, row, count, stride } = run;
  const { src0, src1, src2, src3, dst0, dst1, dst2, dst3 } = batch;
  for (let i = row, p = at, q = at2; i < row + count; i++, p += stride, q += stride) {
    src0[i] = 0;
    src1[i] = 0;
    src2[i] = IPV4_MAPPED_WORD;
    src3[i] = at < 0 ? 0 : view.getUint32(p);
    dst0[i] = 0;
    dst1[i] = 0;
    dst2[i] = IPV4_MAPPED_WORD;
    dst3[i] = at2 < 0 ? 0 : view.getUint32(q);
  }
}

export function loadIpv6Pair(run: RecordRun, at: number, _size: number, at2: number): void {
  const { batch } = run;
  loadIpv6(batch.src0, batch.src1, batch.src2, batch.src3, run, at);
  loadIpv6(batch.dst0, batch.dst1, batch.dst2, batch.dst3, run, at2);
}

/** The four words of an address; zeros where the template lacks it. */
function loadIpv6(
  word0: Uint32Array,
  word1: Uint32Array,
  word2: Uint32Array,
  word3: Uint32Array,
  run: RecordRun,
  at: number,
): void {
  const { view, row, count, stride } = run;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    word0[i] = at < 0 ? 0 : view.getUint32(p);
    word1[i] = at < 0 ? 0 : view.getUint32(p + 4);
    word2[i] = at < 0 ? 0 : view.getUint32(p + 8);
    word3[i] = at < 0 ? 0 : view.getUint32(p + 12);
  }
}

/**
 * IPv6 addresses of a template that has IPv4 addresses too, where the record leaves the IPv4 pair zero (IOS XR,
 * Procera). Where both pairs are set, the IPv4 packet is inside the IPv6 packet, and its addresses are the hosts.
 */
export function fillIpv6Pair(run: RecordRun, at: number, _size: number, at2: number): void {
  const { view, batch, row, count, stride } = run;
  const { src0, src1, src2, src3, dst0, dst1, dst2, dst3 } = batch;
  for (let i = row, p = at, q = at2; i < row + count; i++, p += stride, q += stride) {
    const sourceSet = at >= 0 && !isZero(view, p);
    const destinationSet = at2 >= 0 && !isZero(view, q);
    if (src3[i] !== 0 || dst3[i] !== 0 || (!sourceSet && !destinationSet)) continue;
    src0[i] = sourceSet ? view.getUint32(p) : 0;
    src1[i] = sourceSet ? view.getUint32(p + 4) : 0;
    src2[i] = sourceSet ? view.getUint32(p + 8) : 0;
    src3[i] = sourceSet ? view.getUint32(p + 12) : 0;
    dst0[i] = destinationSet ? view.getUint32(q) : 0;
    dst1[i] = destinationSet ? view.getUint32(q + 4) : 0;
    dst2[i] = destinationSet ? view.getUint32(q + 8) : 0;
    dst3[i] = destinationSet ? view.getUint32(q + 12) : 0;
  }
}

function isZero(view: DataView, at: number): boolean {
  return (view.getUint32(at) | view.getUint32(at + 4) | view.getUint32(at + 8) | view.getUint32(at + 12)) === 0;
}

export function loadPackets(run: RecordRun, at: number, size: number): void {
  loadCounter(run.batch.sampledPackets, run, at, size);
}

export function loadBytes(run: RecordRun, at: number, size: number): void {
  loadCounter(run.batch.sampledBytes, run, at, size);
}

export function fillPackets(run: RecordRun, at: number, size: number): void {
  fillColumn(run.batch.sampledPackets, run, at, size);
}

export function fillBytes(run: RecordRun, at: number, size: number): void {
  fillColumn(run.batch.sampledBytes, run, at, size);
}

/** A total beside deltas: it counts where there is no delta, and is marked as a total. */
export function fillTotalPackets(run: RecordRun, at: number, size: number): void {
  fillTotals(run.batch.sampledPackets, PACKETS_ARE_TOTAL, run, at, size);
}

export function fillTotalBytes(run: RecordRun, at: number, size: number): void {
  fillTotals(run.batch.sampledBytes, BYTES_ARE_TOTAL, run, at, size);
}

function fillTotals(column: Float64Array, mark: number, run: RecordRun, at: number, size: number): void {
  const { view, batch, row, count, stride } = run;
  const { flowFlags } = batch;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    if (column[i] !== 0) continue;
    column[i] = readUnsigned(view, p, size);
    flowFlags[i] |= mark;
  }
  batch.hasFlagsOrDirections = true;
}

export function loadProtocol(run: RecordRun, at: number, size: number): void {
  if (size === 1) loadLowByte(run.batch.ipProtocol, run, at, size);
  else loadColumn(run.batch.ipProtocol, run, at, size);
}

/** Mostly one or two bytes. The flags of RFC 9293 are the low eight bits. */
export function loadTcpFlags(run: RecordRun, at: number, size: number): void {
  loadLowByte(run.batch.tcpFlags, run, at, size);
}

export function loadSourcePort(run: RecordRun, at: number, size: number): void {
  loadUint16(run.batch.srcPort, run, at, size);
}

export function loadDestinationPort(run: RecordRun, at: number, size: number): void {
  loadUint16(run.batch.dstPort, run, at, size);
}

export function fillSourcePort(run: RecordRun, at: number, size: number): void {
  fillColumn(run.batch.srcPort, run, at, size);
}

export function fillDestinationPort(run: RecordRun, at: number, size: number): void {
  fillColumn(run.batch.dstPort, run, at, size);
}

export function loadInInterface(run: RecordRun, at: number, size: number): void {
  loadUint32(run.batch.inInterface, run, at, size);
}

export function loadOutInterface(run: RecordRun, at: number, size: number): void {
  loadUint32(run.batch.outInterface, run, at, size);
}

export function fillInInterface(run: RecordRun, at: number, size: number): void {
  fillColumn(run.batch.inInterface, run, at, size);
}

export function fillOutInterface(run: RecordRun, at: number, size: number): void {
  fillColumn(run.batch.outInterface, run, at, size);
}

/**
 * ICMP type × 256 + code into the destination port of ICMP rows. softflowd and others send the element for every
 * protocol; some leave it zero and send the value in the port, as NetFlow v5 does. So a zero changes nothing.
 */
export function loadIcmpTypeCode(run: RecordRun, at: number, size: number): void {
  const { view, batch, row, count, stride } = run;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    if (batch.ipProtocol[i] !== ICMP && batch.ipProtocol[i] !== ICMPV6) continue;
    const typeCode = readUnsigned(view, p, size);
    if (typeCode !== 0 && typeCode <= 0xffff) batch.dstPort[i] = typeCode;
  }
}

/** The same from two elements, of which each is a byte, whatever its width. The code may be missing. */
export function loadIcmpTypeAndCode(run: RecordRun, at: number, size: number, at2: number, size2: number): void {
  const { view, batch, row, count, stride } = run;
  for (let i = 0; i < count; i++) {
    if (batch.ipProtocol[row + i] !== ICMP && batch.ipProtocol[row + i] !== ICMPV6) continue;
    const code = at2 < 0 ? 0 : view.getUint8(at2 + i * stride + size2 - 1);
    const typeCode = view.getUint8(at + i * stride + size - 1) * 256 + code;
    if (typeCode !== 0) batch.dstPort[row + i] = typeCode;
  }
}

export function loadFragmentOffset(run: RecordRun, at: number, size: number): void {
  const { view, batch, row, count, stride } = run;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    if (readUnsigned(view, p, size) > 0) batch.fragment[i] = 1;
  }
}

export function loadFragmentFlags(run: RecordRun, at: number, size: number): void {
  const { view, batch, row, count, stride } = run;
  for (let i = row, p = at + size - 1; i < row + count; i++, p += stride) {
    if ((view.getUint8(p) & MORE_FRAGMENTS) !== 0) batch.fragment[i] = 1;
  }
}

/** Element 136 (RFC 5102 §5.11.3): 2 is the active timeout, after which the flow goes on; the others end it. */
export function loadFlowEndReason(run: RecordRun, at: number, size: number): void {
  const { view, batch, row, count, stride } = run;
  batch.hasFlagsOrDirections = true;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    const reason = readUnsigned(view, p, size);
    if (reason === 2) batch.flowFlags[i] = FLOW_GOES_ON;
    else if (reason >= 1 && reason <= 5) batch.flowFlags[i] = FLOW_ENDED;
  }
}

/** Element 233 (Cisco NSEL): 2 deletes the flow, 5 updates it. */
export function loadFirewallEvent(run: RecordRun, at: number, size: number): void {
  const { view, batch, row, count, stride } = run;
  batch.hasFlagsOrDirections = true;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    const event = readUnsigned(view, p, size);
    if (event === 5) batch.flowFlags[i] = FLOW_GOES_ON;
    else if (event === 2) batch.flowFlags[i] = FLOW_ENDED;
  }
}

/** Element 61: 0 is ingress, 1 is egress. */
export function loadDirection(run: RecordRun, at: number, size: number): void {
  const { view, batch, row, count, stride } = run;
  batch.hasFlagsOrDirections = true;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    const direction = readUnsigned(view, p, size);
    if (direction <= 1) batch.direction[i] = direction === 0 ? DIRECTION_INGRESS : DIRECTION_EGRESS;
  }
}

/** Element 36, in seconds: the same in all records. */
export function loadActiveTimeout({ view, count, activeTimeout, now }: RecordRun, at: number, size: number): void {
  if (count > 0) activeTimeout.state(readUnsigned(view, at, size), now);
}

/** A rate in the record itself, element 34 or 50. H3C and CESNET send 0 for unsampled flows. */
export function loadSamplingInterval(run: RecordRun, at: number, size: number): void {
  const { view, row, count, stride } = run;
  for (let i = row, p = at; i < row + count; i++, p += stride) stateRate(run, i, readUnsigned(view, p, size), size);
}

/** How many packets are taken and how many skipped, in turn (305 and 306). */
export function loadSamplingSpace(run: RecordRun, at: number, size: number, at2: number, size2: number): void {
  for (let i = 0; i < run.count; i++) {
    const taken = readUnsigned(run.view, at + i * run.stride, size);
    const skipped = readUnsigned(run.view, at2 + i * run.stride, size2);
    stateRate(run, run.row + i, (taken + skipped) / taken, 0);
  }
}

/** How many packets are taken, out of how many (309 and 310). */
export function loadSamplingPopulation(run: RecordRun, at: number, size: number, at2: number, size2: number): void {
  for (let i = 0; i < run.count; i++) {
    const taken = readUnsigned(run.view, at + i * run.stride, size);
    const population = readUnsigned(run.view, at2 + i * run.stride, size2);
    stateRate(run, run.row + i, population / taken, taken === 1 ? size2 : 0);
  }
}

/** The sampler that took the record; its rate comes from the domain's options records. */
export function loadSampler(run: RecordRun, at: number, size: number): void {
  const { view, batch, row, count, stride } = run;
  let lastSampler = -1;
  let rate = 0;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    const sampler = readUnsigned(view, p, size);
    if (sampler !== lastSampler) {
      lastSampler = sampler;
      rate = run.rateOfSampler(sampler);
    }
    if (rate === 0 || batch.samplingRate[i] !== 0) continue;
    batch.samplingRate[i] = rate;
    batch.samplingSource[i] = SAMPLING_FROM_OPTIONS;
  }
}

/** A rate of 0 is none; one that is beyond belief is left out and counted. */
function stateRate(run: RecordRun, row: number, rate: number, fieldBytes: number): void {
  const { batch } = run;
  if (batch.samplingRate[row] !== 0 || !isSamplingRate(rate)) return;
  if (!run.believesRate(rate, fieldBytes)) {
    if (run.doubtsRecord) markDoubtful(batch, row);
    run.refusedRates++;
    run.refusedRate = rate;
    return;
  }
  batch.samplingRate[row] = rate;
  batch.samplingSource[row] = SAMPLING_FROM_RECORD;
}

function loadCounter(column: Float64Array, run: RecordRun, at: number, size: number): void {
  const { view, row, count, stride } = run;
  if (size === 4) {
    for (let i = row, p = at; i < row + count; i++, p += stride) column[i] = view.getUint32(p);
  } else if (size === 8) {
    for (let i = row, p = at; i < row + count; i++, p += stride) {
      column[i] = view.getUint32(p) * 0x1_0000_0000 + view.getUint32(p + 4);
    }
  } else {
    for (let i = row, p = at; i < row + count; i++, p += stride) column[i] = readUnsigned(view, p, size);
  }
}

function loadLowByte(column: Uint8Array, run: RecordRun, at: number, size: number): void {
  const { view, row, count, stride } = run;
  for (let i = row, p = at + size - 1; i < row + count; i++, p += stride) column[i] = view.getUint8(p);
}

function loadUint16(column: Uint16Array, run: RecordRun, at: number, size: number): void {
  const { view, row, count, stride } = run;
  if (size !== 2) {
    loadColumn(column, run, at, size);
    return;
  }
  for (let i = row, p = at; i < row + count; i++, p += stride) column[i] = view.getUint16(p);
}

function loadUint32(column: Uint32Array, run: RecordRun, at: number, size: number): void {
  const { view, row, count, stride } = run;
  if (size === 4) {
    for (let i = row, p = at; i < row + count; i++, p += stride) column[i] = view.getUint32(p);
  } else if (size === 2) {
    for (let i = row, p = at; i < row + count; i++, p += stride) column[i] = view.getUint16(p);
  } else {
    loadColumn(column, run, at, size);
  }
}

type IntegerColumn = Float64Array | Uint32Array | Uint16Array | Uint8Array;

/** Writes values of any width where the column is zero. */
function fillColumn(column: IntegerColumn, run: RecordRun, at: number, size: number): void {
  const { view, row, count, stride } = run;
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    if (column[i] === 0) store(column, i, readUnsigned(view, p, size), run);
  }
}

/** Writes values of any width. */
function loadColumn(column: IntegerColumn, run: RecordRun, at: number, size: number): void {
  const { view, row, count, stride } = run;
  for (let i = row, p = at; i < row + count; i++, p += stride) store(column, i, readUnsigned(view, p, size), run);
}

/** A value that does not fit is left out and counted. */
function store(column: IntegerColumn, row: number, value: number, run: RecordRun): void {
  column[row] = value;
  if (column[row] === value) return;
  column[row] = 0;
  run.misfits++;
}
