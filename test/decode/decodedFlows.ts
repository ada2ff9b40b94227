/*
 * Runs datagrams through the decoders as a receiving thread does, and shows the rows as objects.
 */
import { DecodeContext } from '../../src/decode/decodeContext.ts';
import { type DecodeLimits, ExporterState } from '../../src/decode/exporter/exporterState.ts';
import { decodeNetflow } from '../../src/decode/netflow/decodeNetflow.ts';
import { decodeSflow } from '../../src/decode/sflow/decodeSflow.ts';
import { FlowBatch, SAMPLING_SOURCES } from '../../src/flowBatch.ts';
import { formatWords } from '../../src/net/address.ts';

export interface DecodedFlow {
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly protocol: number;
  readonly tcpFlags: number;
  readonly fragment: number;
  readonly packets: number;
  readonly bytes: number;
  readonly samplingRate: number;
  readonly samplingSource: string;
  readonly durationMs: number;
  readonly inInterface: number;
  readonly outInterface: number;
}

/** The rows of the current datagram. */
export function flowsOf(batch: FlowBatch): DecodedFlow[] {
  const flows: DecodedFlow[] = [];
  for (let row = batch.start; row < batch.end; row++) {
    flows.push({
      src: formatWords(batch.src0[row], batch.src1[row], batch.src2[row], batch.src3[row]),
      dst: formatWords(batch.dst0[row], batch.dst1[row], batch.dst2[row], batch.dst3[row]),
      srcPort: batch.srcPort[row],
      dstPort: batch.dstPort[row],
      protocol: batch.ipProtocol[row],
      tcpFlags: batch.tcpFlags[row],
      fragment: batch.fragment[row],
      packets: batch.sampledPackets[row],
      bytes: batch.sampledBytes[row],
      samplingRate: batch.samplingRate[row],
      samplingSource: SAMPLING_SOURCES[batch.samplingSource[row]],
      durationMs: batch.durationMs[row],
      inInterface: batch.inInterface[row],
      outInterface: batch.outInterface[row],
    });
  }
  return flows;
}

/** One exporter, one batch, and the one view that all datagrams are copied into, as in a receiving thread. */
export class DecodeBench {
  readonly exporter: ExporterState;
  readonly batch = new FlowBatch(0);
  readonly #context = new DecodeContext(this.batch);
  clean = true;
  readonly #bytes = new Uint8Array(65_536).fill(0xa5);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(limits?: DecodeLimits) {
    this.exporter = new ExporterState('192.0.2.1', limits);
    // Rows hold values of earlier rounds of the ring; none of them may stay in a decoded row.
    const { batch } = this;
    for (const column of [batch.src0, batch.src1, batch.src2, batch.src3, batch.durationMs]) column.fill(77);
    for (const column of [batch.dst0, batch.dst1, batch.dst2, batch.dst3]) column.fill(77);
    for (const column of [batch.srcPort, batch.dstPort, batch.inInterface, batch.outInterface]) column.fill(77);
    for (const column of [batch.ipProtocol, batch.tcpFlags, batch.fragment, batch.samplingSource]) column.fill(1);
    for (const column of [batch.sampledPackets, batch.sampledBytes, batch.samplingRate]) column.fill(77);
  }

  netflow(datagram: Uint8Array, now = 0, port = 0): DecodedFlow[] {
    return this.#run(decodeNetflow, datagram, now, port);
  }

  sflow(datagram: Uint8Array, now = 0): DecodedFlow[] {
    return this.#run(decodeSflow, datagram, now, 0);
  }

  /** Errors by reason, as a plain object. */
  get errors(): Record<string, number> {
    return Object.fromEntries(this.exporter.decodeErrors);
  }

  #run(decode: typeof decodeNetflow, datagram: Uint8Array, now: number, port: number): DecodedFlow[] {
    this.#bytes.set(datagram);
    this.batch.beginDatagram();
    this.#context.begin(this.#view, datagram.length, this.exporter, now, port);
    this.clean = decode(this.#context);
    return flowsOf(this.batch);
  }
}
