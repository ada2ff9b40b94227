/*
 * `kapkan decode FILE`: what Kapkan reads out of a capture of telemetry, flow by flow, to find out why an exporter does
 * not show. It runs the daemon's own decoders, but data may wait longer for its template.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CaptureError, type CaptureSummary } from '../capture/capturedPacket.ts';
import { readCapture } from '../capture/readCapture.ts';
import type { CaptureDatagram } from '../capture/udpReader.ts';
import { DecodeContext } from '../decode/decodeContext.ts';
import { doubtFlowRates } from '../decode/doubtfulRows.ts';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits, ExporterState } from '../decode/exporter/exporterState.ts';
import { netflowProtocol, PROTOCOLS, SFLOW5 } from '../decode/exporter/protocol.ts';
import { resolveSampling } from '../decode/flowRows.ts';
import { decodeNetflow } from '../decode/netflow/decodeNetflow.ts';
import { decodeSflow, sflowAgentAddress } from '../decode/sflow/decodeSflow.ts';
import { FlowBatch, SAMPLING_SOURCES } from '../flowBatch.ts';
import { formatAddress, formatWords } from '../net/address.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, numberFlag, onlyOperand, UsageError, withUsage } from './command.ts';

const USAGE = `Usage: kapkan decode FILE [--netflow-port N] [--sflow-port N]

Prints what Kapkan reads out of a capture (pcap or pcapng) of NetFlow v5/v9, IPFIX and sFlow datagrams: one JSON object
a line on stdout for each flow, packets and bytes as on the wire before sampling; a summary on stderr.

  --netflow-port N   UDP port of NetFlow and IPFIX (2055)
  --sflow-port N     UDP port of sFlow (6343)

Example:
  tcpdump -w capture.pcap -c 10000 udp port 2055
  kapkan decode capture.pcap | head
`;

const DEFAULT_NETFLOW_PORT = '2055';
const DEFAULT_SFLOW_PORT = '6343';

/** Data may wait for its template until the end of the file. */
const OFFLINE_LIMITS: DecodeLimits = {
  ...DEFAULT_DECODE_LIMITS,
  awaitingSets: 1_000_000,
  awaitingBytes: 0x2000_0000,
};

/** One time for all datagrams: no data set grows too old, and none is spread over the time it waited. */
const NOW = 0;

/** Larger than any UDP payload. */
const DATAGRAM_BYTES = 65_536;

/** Characters handed to stdout at once. */
const CHUNK_CHARACTERS = 65_536;

interface Ports {
  readonly netflow: number;
  readonly sflow: number;
}

/** Exit code 0 when the file could be read, however little of it could be decoded; 1 when not; 2 for wrong usage. */
export async function decodeCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        'netflow-port': { type: 'string', default: DEFAULT_NETFLOW_PORT },
        'sflow-port': { type: 'string', default: DEFAULT_SFLOW_PORT },
      },
    });
    const file = onlyOperand('a capture file', positionals);
    const portRange = { min: 1, max: 65_535, whole: true };
    const ports = {
      netflow: numberFlag('--netflow-port', values['netflow-port'], portRange),
      sflow: numberFlag('--sflow-port', values['sflow-port'], portRange),
    };
    if (ports.netflow === ports.sflow) throw new UsageError('--netflow-port and --sflow-port must differ');
    return decodeFile(file, ports, io);
  });
}

async function decodeFile(file: string, ports: Ports, io: CommandIo): Promise<number> {
  const session = new DecodeSession(ports);
  try {
    const { datagrams, summary } = readCapture(await readFile(file));
    let chunk = '';
    for (const datagram of datagrams) {
      chunk += session.decode(datagram);
      if (chunk.length < CHUNK_CHARACTERS) continue;
      if (!(await writeAll(io.stdout, chunk))) return EXIT_DONE;
      chunk = '';
    }
    if (!(await writeAll(io.stdout, chunk))) return EXIT_DONE;
    io.stderr.write(session.summary(file, summary));
    return EXIT_DONE;
  } catch (error) {
    const problem = error instanceof CaptureError ? error.message : fileProblem(error);
    if (problem === undefined) throw error;
    io.stderr.write(`kapkan: ${file}: ${problem}\n`);
    return EXIT_FAILED;
  }
}

/** Writes and waits until there is room again. False where the reader has gone, as `| head` does. */
function writeAll(stream: NodeJS.WritableStream, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    if (!stream.writable) {
      resolve(false);
      return;
    }
    // A failed write calls back first and emits `error` after that, so the listener stays for it.
    const onError = (): void => resolve(false);
    stream.once('error', onError);
    stream.write(text, (error) => {
      if (error) return;
      stream.removeListener('error', onError);
      resolve(true);
    });
  });
}

/** The exporters of one capture and what became of its datagrams. */
class DecodeSession {
  readonly #ports: Ports;
  readonly #datagram = new Uint8Array(DATAGRAM_BYTES);
  readonly #view = new DataView(this.#datagram.buffer);
  readonly #batch = new FlowBatch(0);
  readonly #context = new DecodeContext(this.#batch);
  readonly #exporters = new Map<string, ExporterState>();
  #otherPorts = 0;
  #flows = 0;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Decodes a datagram; its flows, one JSON object a line. */
  decode(datagram: CaptureDatagram): string {
    const { payload, dstPort } = datagram;
    if (dstPort !== this.#ports.netflow && dstPort !== this.#ports.sflow) {
      this.#otherPorts++;
      return '';
    }
    this.#datagram.set(payload);
    this.#batch.beginDatagram();
    const isSflow = dstPort === this.#ports.sflow;
    const agent = isSflow ? sflowAgentAddress(this.#view, payload.length) : undefined;
    const exporter = this.#exporter(formatAddress(agent ?? datagram.src));
    this.#context.begin(this.#view, payload.length, exporter, NOW, datagram.srcPort);
    if (isSflow) decodeSflow(this.#context);
    else decodeNetflow(this.#context);
    resolveSampling(this.#batch, 0, 1);
    doubtFlowRates(this.#batch, exporter);
    this.#flows += this.#batch.end - this.#batch.start;
    const protocol = isSflow ? SFLOW5 : netflowProtocol(this.#view.getUint16(0));
    return protocol === undefined ? '' : this.#lines(exporter.address, PROTOCOLS[protocol]);
  }

  /** What explains missing flows. */
  summary(file: string, capture: CaptureSummary): string {
    const exporters = [...this.#exporters.values()];
    const sum = (count: (exporter: ExporterState) => number): number =>
      exporters.reduce((total, exporter) => total + count(exporter), 0);
    const lines = [
      `${file}: ${capture.packets} packets, ${capture.datagrams} UDP datagrams, ${exporters.length} exporters`,
      `  flows: ${this.#flows}`,
      `  records without counters: ${sum((exporter) => exporter.recordsWithoutCounters)}`,
      `  records without addresses: ${sum((exporter) => exporter.recordsWithoutAddresses)}`,
      `  options records: ${sum((exporter) => exporter.optionsRecords)}`,
      `  sFlow samples without a packet: ${sum((exporter) => exporter.skippedSamples)}`,
      `  datagrams with errors: ${sum((exporter) => exporter.decodeErrorDatagrams)}`,
      ...this.#errorLines(exporters),
      ...doubtLines(exporters),
      ...this.#missingTemplateLines(exporters),
      ...captureLines(capture),
    ];
    if (this.#otherPorts > 0) lines.push(`  datagrams to other UDP ports: ${this.#otherPorts}`);
    return `${lines.join('\n')}\n`;
  }

  #exporter(address: string): ExporterState {
    let exporter = this.#exporters.get(address);
    if (exporter === undefined) {
      exporter = new ExporterState(address, OFFLINE_LIMITS);
      this.#exporters.set(address, exporter);
    }
    return exporter;
  }

  #lines(exporter: string, protocol: string): string {
    const batch = this.#batch;
    let lines = '';
    for (let row = batch.start; row < batch.end; row++) {
      const flow = {
        exporter,
        protocol,
        src: formatWords(batch.src0[row], batch.src1[row], batch.src2[row], batch.src3[row]),
        dst: formatWords(batch.dst0[row], batch.dst1[row], batch.dst2[row], batch.dst3[row]),
        src_port: batch.srcPort[row],
        dst_port: batch.dstPort[row],
        ip_proto: batch.ipProtocol[row],
        tcp_flags: batch.tcpFlags[row],
        packets: batch.sampledPackets[row],
        bytes: batch.sampledBytes[row],
        sampling_rate: batch.samplingRate[row],
        sampling_source: SAMPLING_SOURCES[batch.samplingSource[row]],
        fragment: batch.fragment[row] === 1,
        in_if: batch.inInterface[row],
        out_if: batch.outInterface[row],
        duration_ms: batch.durationMs[row],
      };
      lines += `${JSON.stringify(flow)}\n`;
    }
    return lines;
  }

  #errorLines(exporters: readonly ExporterState[]): string[] {
    const lines: string[] = [];
    for (const exporter of exporters) {
      for (const [reason, count] of exporter.decodeErrors) lines.push(`    ${exporter.address} ${reason}: ${count}`);
    }
    return lines;
  }

  #missingTemplateLines(exporters: readonly ExporterState[]): string[] {
    const lines: string[] = [];
    for (const exporter of exporters) {
      for (const { protocol, domain, templateId, sets } of exporter.missingTemplates()) {
        const where = `${exporter.address} ${PROTOCOLS[protocol]} domain ${domain}`;
        lines.push(`    ${where}: template ${templateId} never came, ${sets} data sets wait for it`);
      }
    }
    return lines.length === 0 ? lines : ['  templates still missing:', ...lines];
  }
}

/** What the daemon would not believe either, by exporter and reason. */
function doubtLines(exporters: readonly ExporterState[]): string[] {
  const lines = exporters.flatMap(({ address, doubts }) =>
    [...doubts].map(([reason, count]) => `    ${address} ${reason}: ${count}`),
  );
  return lines.length === 0 ? [] : ['  not believed:', ...lines];
}

function captureLines(capture: CaptureSummary): string[] {
  const lines: string[] = [];
  if (capture.notUdp > 0) lines.push(`  packets that are not UDP over IP: ${capture.notUdp}`);
  if (capture.cutShort > 0) lines.push(`  datagrams cut short by the snap length: ${capture.cutShort}`);
  if (capture.incompleteFragments > 0) lines.push(`  datagrams with fragments missing: ${capture.incompleteFragments}`);
  if (capture.truncated !== undefined) lines.push(`  the capture is cut off: ${capture.truncated}`);
  return lines;
}

/** Why a file cannot be read, by the code of the operating system. */
const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
  EISDIR: 'it is a directory, not a file',
  EMFILE: 'too many files are open',
  EIO: 'the disk cannot read it',
};

/** Why a file that the user named cannot be read, in plain words; undefined for any other error. */
export function fileProblem(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  return `${FILE_PROBLEMS[code] ?? 'it cannot be read'} (${code})`;
}
