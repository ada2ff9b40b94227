/*
 * One exporter as ingest knows it: the state of decoding, the configured sampling rate, the metric label, and when it
 * last sent flows.
 */
import type { FlowTiming } from '../config/sections/flowTiming.ts';
import type { BoundaryConfig } from '../config/sections/sampling.ts';
import { ExporterState } from '../decode/exporter/exporterState.ts';
import { PROTOCOLS } from '../decode/exporter/protocol.ts';
import { type FlowBatch, SAMPLING_SOURCES } from '../flowBatch.ts';
import type { ActiveTimeout, FlowExporter } from '../flowExporter.ts';
import { type Address, formatAddress } from '../net/address.ts';
import { Boundary } from './boundary.ts';
import type { ExporterSnapshot } from './ingestSnapshot.ts';

/** An exporter whose data gave no flow for this long is blind. Templates and options are sent at least every minute. */
const BLIND_AFTER_MS = 60_000;

/** A record of a longer flow shows that the exporter holds flows, and does not report packets at once. */
const HELD_MS = 1500;

/** Whether it does is of interest after a restart only. */
const LOOK_FOR_HELD_MS = 60_000;

/** Of exporters that hold flows and whose active timeout is not known. */
const USUAL_ACTIVE_TIMEOUT_MS = 60_000;

const NEVER = Number.NEGATIVE_INFINITY;

export class Exporter implements FlowExporter {
  readonly address: Address;
  /** Canonical text of the address. */
  readonly text: string;
  readonly state: ExporterState;

  /** Its value of the `exporter` label. */
  label: string;
  /** Datagrams of each protocol that were counted under an earlier label, before a reload changed it. */
  readonly relabelledDatagrams = new Float64Array(PROTOCOLS.length);

  /** The configured rate, which wins over what the exporter states; 0 = none. */
  samplingOverride = 0;
  /** Where only flows count that cross its border. */
  boundary: Boundary | undefined = undefined;
  /** Flows that did not. */
  notAtBorder = 0;

  datagrams = 0;
  readonly relay: string | undefined;
  readonly firstSeenAt: number;
  lastSeenAt: number;
  #lastFlowAt = NEVER;
  #lastUndecodedAt = NEVER;
  /** The first datagram since the last flow whose template is missing. */
  #unreadableFrom: number | undefined;
  /** Of its first minute. */
  #longestFlowMs = 0;
  #recordsNotUsed = 0;
  #samplingRate = 0;
  #samplingSource = 0;

  /** `relay` is the sender, where that is another device. */
  constructor(address: Address, label: string, relay: string | undefined, now: number) {
    this.address = address;
    this.text = formatAddress(address);
    this.state = new ExporterState(this.text);
    this.label = label;
    this.relay = relay;
    this.firstSeenAt = now;
    this.lastSeenAt = now;
  }

  /** Takes what the config says of it; an override of 0 is none. */
  use(
    samplingOverride: number,
    maxStatedRate: number,
    timing: FlowTiming | undefined,
    boundary: BoundaryConfig | undefined,
  ): void {
    this.samplingOverride = samplingOverride;
    this.boundary = boundary && new Boundary(boundary);
    this.state.maxStatedRate = maxStatedRate;
    this.state.activeTimeout.configuredMs = timing?.activeTimeoutMs ?? 0;
    this.state.countersAreTotals = timing?.totals ?? false;
  }

  get activeTimeout(): ActiveTimeout {
    return this.state.activeTimeout;
  }

  /**
   * Records the result of a datagram: its rows are the current ones of the batch, `clean` is what the decoder returned.
   */
  recordDatagram(batch: FlowBatch, clean: boolean, now: number): void {
    this.datagrams++;
    this.lastSeenAt = now;
    if (batch.end > batch.start) {
      this.#lastFlowAt = now;
      this.#unreadableFrom = undefined;
      if (now - this.firstSeenAt < LOOK_FOR_HELD_MS) this.#longestFlowMs = longestFlowMs(batch, this.#longestFlowMs);
      this.#samplingRate = batch.samplingRate[batch.end - 1];
      this.#samplingSource = batch.samplingSource[batch.end - 1];
      return;
    }
    const { state } = this;
    const recordsNotUsed = state.recordsWithoutCounters + state.recordsWithoutAddresses;
    if (!clean || recordsNotUsed > this.#recordsNotUsed || state.awaitingTemplateSets > 0) this.#lastUndecodedAt = now;
    this.#recordsNotUsed = recordsNotUsed;
    if (state.awaitingTemplateSets > 0) this.#unreadableFrom ??= now;
  }

  /**
   * Since when its data cannot be read because templates are missing; undefined where it can, or where no data comes.
   */
  unreadableSince(now: number): number | undefined {
    return now - this.#lastUndecodedAt < BLIND_AFTER_MS ? this.#unreadableFrom : undefined;
  }

  /**
   * Within this time it reports at what rate a flow goes on; 0 where it reports packets at once. Where the start time of a
   * flow stays, its first record since Kapkan's start does not tell.
   */
  get reportsWithinMs(): number {
    if (this.#longestFlowMs <= HELD_MS) return 0;
    if (this.activeTimeout.ms > 0) return this.activeTimeout.ms;
    return (this.#longestFlowMs > 1.5 * USUAL_ACTIVE_TIMEOUT_MS ? 2 : 1) * USUAL_ACTIVE_TIMEOUT_MS;
  }

  snapshot(now: number): ExporterSnapshot {
    const { state } = this;
    const rate = this.#samplingRate;
    return {
      address: this.text,
      label: this.label,
      protocols: PROTOCOLS.filter((_, protocol) => state.datagrams[protocol] > 0),
      datagrams: this.datagrams,
      flows: state.flows.reduce((sum, flows) => sum + flows, 0),
      notAtBorder: this.notAtBorder,
      hasBorder: this.boundary !== undefined,
      duplicates: undefined,
      lastSeenAt: this.lastSeenAt,
      sampling: rate === 0 ? undefined : { rate, source: SAMPLING_SOURCES[this.#samplingSource] },
      sequenceGaps: state.sequenceGaps,
      decodeErrors: Object.fromEntries(state.decodeErrors),
      doubts: Object.fromEntries(state.doubts),
      lastDoubt: state.lastDoubt,
      activeTimeout: state.activeTimeout.known(),
      restarts: state.restarts,
      templates: state.templates,
      awaitingTemplate: state.awaitingTemplateSets,
      recordsWithoutCounters: state.recordsWithoutCounters,
      recordsWithoutAddresses: state.recordsWithoutAddresses,
      optionsRecords: state.optionsRecords,
      skippedSamples: state.skippedSamples,
      blind: this.#isBlind(now),
    };
  }

  #isBlind(now: number): boolean {
    const since = now - BLIND_AFTER_MS;
    return this.#lastUndecodedAt >= since && this.#lastFlowAt < since;
  }
}

function longestFlowMs({ durationMs, start, end }: FlowBatch, atLeast: number): number {
  let longest = atLeast;
  for (let row = start; row < end; row++) if (durationMs[row] > longest) longest = durationMs[row];
  return longest;
}
