/*
 * sFlow version 5 (sflow.org, sflow_version_5.txt): samples of packets and interface counters from an agent.
 *
 *   datagram         0 version, 4 kind of agent address (1 IPv4, 2 IPv6), 8 agent address, then sub-agent, sequence,
 *                    uptime, number of samples, samples
 *   sample, record   0 enterprise:20 format:12, 4 length of what follows
 *   flow sample      0 sequence, 4 source kind:8 index:24, 8 rate, 12 pool, 16 drops, 20 input,
 *                    24 output, 28 number of records
 *   expanded sample  0 sequence, 4 source (two words), 12 rate, 16 pool, 20 drops, 24 input and 32 output (format and
 *                    value each), 40 number of records
 */
import { DIRECTION_EGRESS, SAMPLING_FROM_DEFAULT, SAMPLING_FROM_RECORD } from '../../flowBatch.ts';
import { type Address, addressOfWords, IPV4_MAPPED_WORD } from '../../net/address.ts';
import type { DecodeContext } from '../decodeContext.ts';
import { markDoubtful } from '../doubtfulRows.ts';
import { SFLOW5 } from '../exporter/protocol.ts';
import { clearRows, clearTimes } from '../flowRows.ts';
import { readSampledPacket } from './sflowRecords.ts';

const VERSION = 5;
const AGENT_IPV4 = 1;
const AGENT_IPV6 = 2;

/** Version and kind of address; the agent address follows. */
const ADDRESS_AT = 8;
/** Sub-agent, sequence number, uptime and number of samples, after the agent address. */
const REST_OF_HEADER = 16;
const SAMPLE_HEADER = 8;

/** Enterprise 0, formats of samples. */
const FLOW_SAMPLE = 1;
const EXPANDED_FLOW_SAMPLE = 3;

const FLOW_SAMPLE_HEADER = 32;
const EXPANDED_FLOW_SAMPLE_HEADER = 44;

/** The largest IP packet in a frame with every tag there is. Offloading makes frames of 64 KiB; none is larger. */
const MOST_FRAME_BYTES = 65_535 + 64;

/** The upper two bits of an interface number are a format: 0 is an ifIndex, the others are discards and multicasts. */
const INTERFACE_FORMAT_SHIFT = 30;
/** An ifIndex of this value stands for the device itself. */
const INTERNAL_INTERFACE = 0x3fff_ffff;

/** The kind of a source that is an ifIndex. In a compact sample the kind is the upper byte of the number. */
const SOURCE_IFINDEX = 0;
const COMPACT_SOURCE_MASK = 0x00ff_ffff;

/**
 * Reads the agent of a datagram as four words, as in `Address`. The agent is the exporter, whatever address the datagram
 * was sent from: a collector may relay several agents. False where the first `length` bytes of the view are not an
 * sFlow v5 header.
 */
export function readSflowAgent(view: DataView, length: number, words: Uint32Array): boolean {
  if (!hasHeader(view, length) || view.getUint32(0) !== VERSION) return false;
  const isIpv4 = view.getUint32(4) === AGENT_IPV4;
  words[0] = isIpv4 ? 0 : view.getUint32(ADDRESS_AT);
  words[1] = isIpv4 ? 0 : view.getUint32(ADDRESS_AT + 4);
  words[2] = isIpv4 ? IPV4_MAPPED_WORD : view.getUint32(ADDRESS_AT + 8);
  words[3] = view.getUint32(isIpv4 ? ADDRESS_AT : ADDRESS_AT + 12);
  return true;
}

/** The same as an address; undefined instead of false. */
export function sflowAgentAddress(view: DataView, length: number): Address | undefined {
  const words = new Uint32Array(4);
  return readSflowAgent(view, length, words) ? addressOfWords(words[0], words[1], words[2], words[3]) : undefined;
}

/**
 * Decodes the context's datagram, sFlow, into rows from `batch.end` on, one for each sampled IP packet, and counts on
 * the exporter what happened. True where the datagram had no error; what was decoded before an error is kept.
 */
export function decodeSflow(context: DecodeContext): boolean {
  const { view, length, exporter, batch } = context;
  if (length < 4) {
    exporter.fail('header_truncated', 0);
    return exporter.endDatagram();
  }
  if (view.getUint32(0) !== VERSION) {
    exporter.fail('unsupported_version', 0);
    return exporter.endDatagram();
  }
  exporter.beginDatagram(SFLOW5, context.now);
  const firstRow = batch.end;
  if (hasHeader(view, length)) decodeSamples(context);
  else exporter.fail(length < ADDRESS_AT || isAgentKind(view.getUint32(4)) ? 'header_truncated' : 'agent_address', 4);
  exporter.flows[SFLOW5] += batch.end - firstRow;
  return exporter.endDatagram();
}

function isAgentKind(kind: number): boolean {
  return kind === AGENT_IPV4 || kind === AGENT_IPV6;
}

/** Whether the datagram has a complete header with an agent address of a known kind. */
function hasHeader(view: DataView, length: number): boolean {
  return length >= ADDRESS_AT && isAgentKind(view.getUint32(4)) && length >= headerBytes(view);
}

function headerBytes(view: DataView): number {
  return ADDRESS_AT + (view.getUint32(4) === AGENT_IPV4 ? 4 : 16) + REST_OF_HEADER;
}

function decodeSamples(context: DecodeContext): void {
  const { view, length, exporter } = context;
  let at = headerBytes(view);
  const samples = view.getUint32(at - 4);
  const domain = exporter.domain(SFLOW5, view.getUint32(at - 16), context.now);
  context.domain = domain;
  // A relay sends the datagrams of one agent from any port.
  context.sourcePort = 0;
  context.sequence = view.getUint32(at - 12);
  context.uptimeMs = view.getUint32(at - 8);
  context.exportTimeMs = context.now;
  exporter.beginMessage(domain, context);
  domain.endMessage(1);
  for (let i = 0; i < samples; i++) {
    if (at + SAMPLE_HEADER > length) {
      exporter.fail('datagram_truncated', at);
      return;
    }
    const body = at + SAMPLE_HEADER;
    const end = body + view.getUint32(at + 4);
    if (end > length) {
      exporter.fail('sample_truncated', at);
      return;
    }
    decodeSample(context, view.getUint32(at), body, end);
    at = end;
  }
}

function decodeSample(context: DecodeContext, format: number, at: number, end: number): void {
  const { view, exporter } = context;
  switch (format) {
    case FLOW_SAMPLE:
      if (at + FLOW_SAMPLE_HEADER > end) {
        exporter.fail('sample_truncated', at);
        return;
      }
      beginRow(context, view.getUint32(at + 8), compactInterface(view, at + 20), compactInterface(view, at + 24));
      noteSource(context, view.getUint8(at + 4), view.getUint32(at + 4) & COMPACT_SOURCE_MASK);
      finishRow(context, at + FLOW_SAMPLE_HEADER, end);
      return;
    case EXPANDED_FLOW_SAMPLE:
      if (at + EXPANDED_FLOW_SAMPLE_HEADER > end) {
        exporter.fail('sample_truncated', at);
        return;
      }
      beginRow(context, view.getUint32(at + 12), expandedInterface(view, at + 24), expandedInterface(view, at + 32));
      noteSource(context, view.getUint32(at + 4), view.getUint32(at + 8));
      finishRow(context, at + EXPANDED_FLOW_SAMPLE_HEADER, end);
      return;
    default:
      // Interface counters, discarded packets and vendors' own samples.
      exporter.skippedSamples++;
  }
}

/** Begins the row at `batch.end` for a sample of one packet. `rate` 0 is not stated. */
function beginRow(context: DecodeContext, rate: number, inInterface: number, outInterface: number): void {
  const { batch, exporter, domain } = context;
  // Fast interfaces are sampled at any power of two, so the order of the bytes is not looked at.
  const isBelieved = exporter.believesRate(domain, rate || 1, 0);
  if (!isBelieved) exporter.doubt(domain.recordRates.refusal, 1, rate);
  const row = batch.end;
  context.row = row;
  clearRows(batch, row, 1);
  clearTimes(batch, row, 1);
  if (!isBelieved && domain.recordRates.isJump) markDoubtful(batch, row);
  batch.sampledPackets[row] = 1;
  batch.samplingRate[row] = isBelieved ? rate : 0;
  batch.samplingSource[row] = isBelieved && rate > 0 ? SAMPLING_FROM_RECORD : SAMPLING_FROM_DEFAULT;
  batch.inInterface[row] = inInterface;
  batch.outInterface[row] = outInterface;
}

/**
 * The source of a sample is the interface that was sampled. Where it is the one that the packet left through, the packet
 * was observed at egress; at ingress nothing is written, because most samples are.
 */
function noteSource({ batch }: DecodeContext, kind: number, index: number): void {
  const row = batch.end;
  if (index !== batch.outInterface[row] || index === batch.inInterface[row]) return;
  if (kind !== SOURCE_IFINDEX || index === 0) return;
  batch.direction[row] = DIRECTION_EGRESS;
  batch.hasFlagsOrDirections = true;
}

/** Keeps the row where the sample's records hold an IP packet. */
function finishRow(context: DecodeContext, recordsAt: number, end: number): void {
  const { view, exporter, batch } = context;
  const bytes = readSampledPacket(context, recordsAt, end, view.getUint32(recordsAt - 4));
  if (bytes === 0) {
    exporter.recordsWithoutAddresses++;
    return;
  }
  batch.sampledBytes[batch.end] = bytes;
  if (bytes > MOST_FRAME_BYTES) {
    exporter.doubt('frame_length', 1, bytes);
    markDoubtful(batch, batch.end);
  }
  batch.end++;
}

/** The ifIndex, or 0 where the number means something else (discarded, several, the device itself). */
function compactInterface(view: DataView, at: number): number {
  const number = view.getUint32(at);
  return number >>> INTERFACE_FORMAT_SHIFT === 0 && number !== INTERNAL_INTERFACE ? number : 0;
}

function expandedInterface(view: DataView, at: number): number {
  return view.getUint32(at) === 0 ? view.getUint32(at + 4) : 0;
}
