/*
 * What a capture decodes to, flows and counters, in the format of test/fixtures/golden. Run as a program it writes
 * those files again; explain every change in them.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readCapture } from '../../src/capture/readCapture.ts';
import { DecodeContext } from '../../src/decode/decodeContext.ts';
import { ExporterState } from '../../src/decode/exporter/exporterState.ts';
import { PROTOCOLS } from '../../src/decode/exporter/protocol.ts';
import { decodeNetflow } from '../../src/decode/netflow/decodeNetflow.ts';
import { decodeSflow, sflowAgentAddress } from '../../src/decode/sflow/decodeSflow.ts';
import { FlowBatch } from '../../src/flowBatch.ts';
import { formatAddress } from '../../src/net/address.ts';
import { type DecodedFlow, flowsOf } from './decodedFlows.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures');
const SFLOW_PORT = 6343;

/** Of captures with more flows only a digest, the totals and the first few flows are kept. */
const MOST_FLOWS_KEPT = 500;
const FIRST_FLOWS_KEPT = 20;

/** Counters of one exporter; those that are zero are left out. */
type ExporterResult = Record<string, unknown>;

export interface CaptureResult {
  readonly flowCount: number;
  readonly totals: { readonly packets: number; readonly bytes: number };
  /** SHA-256 over all flows. */
  readonly digest: string;
  readonly exporters: Record<string, ExporterResult>;
  /** Columns of a flow, in the order of `FLOW_COLUMNS`. */
  readonly flows: readonly unknown[][];
}

const FLOW_COLUMNS = [
  'src',
  'dst',
  'srcPort',
  'dstPort',
  'protocol',
  'tcpFlags',
  'fragment',
  'packets',
  'bytes',
  'samplingRate',
  'samplingSource',
  'durationMs',
  'inInterface',
  'outInterface',
] as const satisfies readonly (keyof DecodedFlow)[];

/** Names of the captures, `ix-pflow.netflow` and the like. */
export function captureNames(): string[] {
  return globSync('*.pcap', { cwd: path.join(FIXTURES, 'captures') })
    .map((file) => path.basename(file, '.pcap'))
    .sort();
}

export function captureBytes(name: string): Uint8Array {
  return readFileSync(path.join(FIXTURES, 'captures', `${name}.pcap`));
}

export function goldenText(name: string): string {
  return readFileSync(goldenPath(name), 'utf8');
}

function goldenPath(name: string): string {
  return path.join(FIXTURES, 'golden', `${name}.json`);
}

/** Decodes a capture, sFlow by agent. All datagrams have the same time, so that the result does not depend on it. */
export function decodeCapture(bytes: Uint8Array): CaptureResult {
  const exporters = new Map<string, ExporterState>();
  const batch = new FlowBatch(0);
  const context = new DecodeContext(batch);
  const buffer = new Uint8Array(65_536);
  const view = new DataView(buffer.buffer);
  const flows: unknown[][] = [];
  const totals = { packets: 0, bytes: 0 };
  for (const { src, srcPort, dstPort, payload } of readCapture(bytes).datagrams) {
    buffer.set(payload);
    const isSflow = dstPort === SFLOW_PORT;
    const agent = isSflow ? sflowAgentAddress(view, payload.length) : undefined;
    const address = formatAddress(agent ?? src);
    const exporter = exporters.get(address) ?? new ExporterState(address);
    exporters.set(address, exporter);
    batch.beginDatagram();
    context.begin(view, payload.length, exporter, 0, srcPort);
    (isSflow ? decodeSflow : decodeNetflow)(context);
    for (const flow of flowsOf(batch)) {
      totals.packets += flow.packets;
      totals.bytes += flow.bytes;
      flows.push(FLOW_COLUMNS.map((column) => flow[column]));
    }
  }
  return {
    flowCount: flows.length,
    totals,
    digest: createHash('sha256').update(JSON.stringify(flows)).digest('hex'),
    exporters: Object.fromEntries([...exporters].map(([address, exporter]) => [address, exporterResult(exporter)])),
    flows: flows.slice(0, flows.length > MOST_FLOWS_KEPT ? FIRST_FLOWS_KEPT : MOST_FLOWS_KEPT),
  };
}

function exporterResult(exporter: ExporterState): ExporterResult {
  const byProtocol = (counts: Float64Array): Record<string, number> =>
    Object.fromEntries(PROTOCOLS.map((name, i) => [name, counts[i]] as const).filter(([, count]) => count > 0));
  const { recordsWithoutCounters, recordsWithoutAddresses, optionsRecords, skippedSamples } = exporter;
  const { sequenceGaps, templates, decodeErrorDatagrams } = exporter;
  const numbers = {
    recordsWithoutCounters,
    recordsWithoutAddresses,
    optionsRecords,
    skippedSamples,
    sequenceGaps,
    templates,
    decodeErrorDatagrams,
  };
  const result: ExporterResult = { datagrams: byProtocol(exporter.datagrams), flows: byProtocol(exporter.flows) };
  for (const [name, count] of Object.entries(numbers)) if (count > 0) result[name] = count;
  if (exporter.decodeErrors.size > 0) result.decodeErrors = Object.fromEntries(exporter.decodeErrors);
  const missing = exporter.missingTemplates();
  if (missing.length > 0) {
    result.missingTemplates = missing.map(({ domain, templateId, sets }) => ({ domain, templateId, sets }));
  }
  return result;
}

/** A result as text with one exporter or one flow on each line, so that a diff shows every change. */
export function formatResult(result: CaptureResult): string {
  const { flowCount, totals, digest, exporters, flows } = result;
  const exporterLines = Object.entries(exporters).map(
    ([address, counts]) => `  "${address}": ${JSON.stringify(counts)}`,
  );
  const flowLines = flows.map((flow) => `  ${JSON.stringify(flow)}`);
  return `{
"flowCount": ${flowCount},
"totals": ${JSON.stringify(totals)},
"digest": "${digest}",
"exporters": {
${exporterLines.join(',\n')}
},
"flows": [
${flowLines.join(',\n')}
]
}
`;
}

if (import.meta.main) {
  for (const name of captureNames()) writeFileSync(goldenPath(name), formatResult(decodeCapture(captureBytes(name))));
}
