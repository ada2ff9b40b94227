/*
 * NetFlow v5: a header and up to 30 records of 48 bytes, IPv4 only. There is no RFC; Cisco documents the format.
 *
 *   header  0 version, 2 count, 4 sysUptime, 8 seconds, 12 nanoseconds, 16 flows sent before, 20 engine type,
 *           21 engine id, 22 sampling mode:2 interval:14
 *   record  0 source, 4 destination, 8 next hop, 12 input, 14 output, 16 packets, 20 bytes, 24 first, 28 last,
 *           32 source port, 34 destination port, 37 TCP flags, 38 protocol, 39 ToS
 */
import { type FlowBatch, SAMPLING_FROM_DEFAULT, SAMPLING_FROM_HEADER } from '../../flowBatch.ts';
import { IPV4_MAPPED_WORD } from '../../net/address.ts';
import type { DecodeContext } from '../decodeContext.ts';
import { markDoubtful } from '../doubtfulRows.ts';
import { NETFLOW5 } from '../exporter/protocol.ts';
import { LONGEST_UPTIME_SPAN } from './timeLoaders.ts';

const HEADER = 24;
const RECORD = 48;

/** Copies, because an imported constant is read and checked at every use. */
const MAPPED_WORD = IPV4_MAPPED_WORD;
const LONGEST_SPAN = LONGEST_UPTIME_SPAN;

/** The two mode bits above are ignored: a Juniper MX80 sends mode 0 with an interval of 1000. */
const SAMPLING_INTERVAL_BITS = 0x3fff;

/** Decodes a NetFlow v5 datagram. */
export function decodeNetflow5(context: DecodeContext): void {
  const { view, length, exporter } = context;
  if (length < HEADER) {
    exporter.fail('header_truncated', 0);
    return;
  }
  const promised = view.getUint16(2);
  const held = Math.floor((length - HEADER) / RECORD);
  if (promised > held) exporter.fail('datagram_truncated', HEADER + held * RECORD);
  const records = Math.min(promised, held);
  context.domain = exporter.domain(NETFLOW5, view.getUint16(20), context.now);
  context.exportTimeMs = view.getUint32(8) * 1000 + view.getUint32(12) / 1e6;
  context.uptimeMs = view.getUint32(4);
  context.sequence = view.getUint32(16);
  const { domain } = context;
  exporter.beginMessage(domain, context);
  domain.endMessage(promised);
  context.heldMs = domain.session.heldMs(context);
  const interval = view.getUint16(22) & SAMPLING_INTERVAL_BITS;
  const isBelieved = exporter.believesRate(domain, interval || 1, 0);
  if (!isBelieved) exporter.doubt(domain.recordRates.refusal, 1, interval);
  const firstRow = context.batch.end;
  context.appendNetflow5 ??= netflow5Appender(context.batch);
  context.appendNetflow5(context, records, isBelieved ? interval : 0);
  if (isBelieved || !domain.recordRates.isJump) return;
  for (let row = firstRow; row < context.batch.end; row++) markDoubtful(context.batch, row);
}

/**
 * Makes the function that appends the records of a datagram to the batch; `samplingInterval` 0 is not stated. It is made
 * once for each batch, of which a thread has one: V8 compiles the columns into the code of the only closure (see
 * `engine/flowCounter.ts`).
 */
function netflow5Appender(batch: FlowBatch): NonNullable<DecodeContext['appendNetflow5']> {
  const { src0, src1, src2, src3, dst0, dst1, dst2, dst3, srcPort, dstPort } = batch;
  const { ipProtocol, tcpFlags, fragment, sampledPackets, sampledBytes } = batch;
  const { samplingRate, samplingSource, durationMs, endAgoMs, inInterface, outInterface } = batch;

  function appendRecords(context: DecodeContext, records: number, samplingInterval: number): void {
    const { view, domain } = context;
    const uptime = view.getUint32(4);
    const source = samplingInterval > 0 ? SAMPLING_FROM_HEADER : SAMPLING_FROM_DEFAULT;
    let row = batch.end;
    for (let i = 0, at = HEADER; i < records; i++, at += RECORD, row++) {
      src0[row] = 0;
      src1[row] = 0;
      src2[row] = MAPPED_WORD;
      src3[row] = view.getUint32(at);
      dst0[row] = 0;
      dst1[row] = 0;
      dst2[row] = MAPPED_WORD;
      dst3[row] = view.getUint32(at + 4);
      inInterface[row] = view.getUint16(at + 12);
      outInterface[row] = view.getUint16(at + 14);
      sampledPackets[row] = view.getUint32(at + 16);
      sampledBytes[row] = view.getUint32(at + 20);
      const last = view.getUint32(at + 28);
      const duration = (last - view.getUint32(at + 24)) >>> 0;
      durationMs[row] = duration <= LONGEST_SPAN ? duration : 0;
      endAgoMs[row] = uptime - last;
      srcPort[row] = view.getUint16(at + 32);
      dstPort[row] = view.getUint16(at + 34);
      tcpFlags[row] = view.getUint8(at + 37);
      ipProtocol[row] = view.getUint8(at + 38);
      fragment[row] = 0;
      samplingRate[row] = samplingInterval;
      samplingSource[row] = source;
    }
    batch.clearFlagsAndDirections(batch.end, records);
    if (records > 0) {
      domain.clock.correct(batch, batch.end, records, context.now);
      domain.session.hasFlows = true;
    }
    batch.end = row;
  }

  return appendRecords;
}
