/*
 * DecodeContext: the datagram that is being decoded, its exporter, and the batch that its flows go to. Each receiving
 * thread has one, and hands it down through the decoders, so that a datagram allocates nothing.
 */
import type { FlowBatch } from '../flowBatch.ts';
import type { ActiveTimeout } from '../flowExporter.ts';
import type { ExportClock } from './exporter/exportClock.ts';
import type { ExporterState } from './exporter/exporterState.ts';
import type { MessageHeader } from './exporter/messageHistory.ts';
import type { ObservationDomain } from './exporter/observationDomain.ts';
import type { RecordRun } from './exporter/template.ts';
import { FlowTotals } from './flowTotals.ts';

/** More fields than a template set in the largest datagram can define, at four bytes each. */
const MAX_FIELDS = 16_384;

export class DecodeContext implements RecordRun, MessageHeader {
  /** Decoders append rows at `batch.end`. */
  readonly batch: FlowBatch;

  /** The datagram: bytes [0, length) of the view. A set that waited for its template has a view of its own. */
  view: DataView = new DataView(new ArrayBuffer(0));
  length = 0;
  exporter!: ExporterState;
  /** UDP port that it was sent from. */
  sourcePort = 0;
  /** Time of receipt in milliseconds. */
  now = 0;

  /** The domain of the message in the datagram. Set by the decoder that reads the header. */
  domain!: ObservationDomain;

  /** Times in the header of the message; see `RecordRun`. */
  exportTimeMs = 0;
  uptimeMs = -1;
  sequence = 0;
  /** For how long the message was held between its export and its receipt, in milliseconds. */
  heldMs = 0;
  /** See `RecordRun`. */
  misfits = 0;
  refusedRates = 0;
  refusedRate = 0;

  /** The records that are being decoded, one every `stride` bytes, and their rows [row, row + count) of the batch. */
  row = 0;
  count = 0;
  stride = 0;

  /** Where the fields of the reverse direction begin in the first of the records; -1 where they lack one. */
  readonly reverse = { bytesAt: -1, packetsAt: -1, flagsAt: -1 };

  /** Of all exporters of the thread. */
  readonly totals = new FlowTotals();
  /** Made with the first datagram of NetFlow v5. */
  appendNetflow5: ((context: DecodeContext, records: number, samplingInterval: number) => void) | undefined;

  /** First byte and size of each field of the record that `locateFields` found last. */
  readonly fieldStarts = new Int32Array(MAX_FIELDS);
  readonly fieldSizes = new Int32Array(MAX_FIELDS);

  constructor(batch: FlowBatch) {
    this.batch = batch;
  }

  /** Takes the next datagram. `batch.beginDatagram` has been called for it. */
  begin(view: DataView, length: number, exporter: ExporterState, now: number, sourcePort = 0): void {
    this.view = view;
    this.length = length;
    this.exporter = exporter;
    this.sourcePort = sourcePort;
    this.now = now;
  }

  get clock(): ExportClock {
    return this.domain.clock;
  }

  get systemInitMs(): number {
    return this.domain.systemInitMs;
  }

  set systemInitMs(ms: number) {
    this.domain.systemInitMs = ms;
  }

  believesRate(rate: number, fieldBytes: number): boolean {
    return this.exporter.believesRate(this.domain, rate, fieldBytes);
  }

  get doubtsRecord(): boolean {
    return this.domain.recordRates.isJump;
  }

  get activeTimeout(): ActiveTimeout {
    return this.exporter.activeTimeout;
  }

  rateOfSampler(sampler: number): number {
    const own = this.domain.sampling.rateOf('sampler', sampler);
    return own || this.exporter.wholeRates(this.domain).rateOf('sampler', sampler);
  }
}
