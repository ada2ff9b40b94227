/*
 * What Kapkan would have done with the telemetry of a capture: the receiver and the detection cycle of the
 * daemon, in one thread, by the capture's own clock. Nothing is announced, stored or sent, and the same capture and
 * config always give the same answer.
 */
import type { CaptureDatagram } from '../capture/udpReader.ts';
import type { Config } from '../config/config.ts';
import type { Attack } from '../engine/attack.ts';
import { samplesOf } from '../engine/attackSample.ts';
import { type EnginePlan, planOf } from '../engine/enginePlan.ts';
import { DetectionCycle } from '../incidents/detectionCycle.ts';
import { type BanIncidentEvent, type IncidentEvent, isAttackEvent } from '../incidents/incidentEvent.ts';
import type { TelemetryKind } from '../ingest/datagramBatch.ts';
import { type IngestSnapshot, mergeSnapshots } from '../ingest/ingestSnapshot.ts';
import { Receiver } from '../ingest/receiver.ts';
import { receiverSettingsOf } from '../ingest/receiverSettings.ts';
import { type Announcer, NO_EVIDENCE } from '../mitigation/announcer.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { BanStore } from '../mitigation/banStore.ts';
import type { GuardVerdict } from '../mitigation/guards.ts';
import { formatAddress } from '../net/address.ts';

/** As often as the daemon's receiving threads. */
const TICK_MS = 100;

/** In a silence longer than `IDLE_SILENCE_MS` only timers run, which are counted in seconds. */
const SLOW_TICK_MS = 1000;

/**
 * A silence is skipped after this long, once no attack and no ban is left: every window is empty by then. A damaged
 * clock may claim decades, and may do so again with each datagram.
 */
const IDLE_SILENCE_MS = 2 * 60_000;

/** With an attack or a ban left, a silence is skipped after this long. */
const LONGEST_SILENCE_MS = 3_600_000;

/** The year 2200. Above it a tick would be lost in the rounding of the number. */
const LATEST_TIME_MS = 7_258_118_400_000;

/** Any seed will do: the hash table of a replay is not attacked. */
const HASH_SEED = 0;

/** An attack that was found in the capture. */
export interface ReplayedAttack {
  /** As it was when it ended, or is at the end of the capture. */
  attack: Attack;
  /** The newest ban that answers it. */
  ban: Ban | undefined;
  /** What every guard said when the attack was found. */
  verdicts: readonly GuardVerdict[];
  /** What was decided about it, oldest first. */
  readonly decisions: BanIncidentEvent[];
}

export class CaptureReplay {
  readonly #config: Config;
  readonly #plan: EnginePlan;
  readonly #cycle: DetectionCycle;
  /** By the id of the attack. */
  readonly #attacks = new Map<string, ReplayedAttack>();
  #receiver: Receiver | undefined;
  #firstMs = 0;
  #now = 0;
  #nextTickMs = 0;
  #telemetryDatagrams = 0;
  #otherDatagrams = 0;

  constructor(config: Config) {
    // Whatever the file says, a replay is dry-run.
    this.#config = { ...config, dryRun: true };
    this.#plan = planOf(config, 1, HASH_SEED);
    let ids = 0;
    const newId = (): string => `replay-${++ids}`;
    this.#cycle = new DetectionCycle({
      config: this.#config,
      plan: this.#plan,
      store: NO_STORE,
      announcer: NO_GOBGP,
      dryRunAnnouncer: NO_GOBGP,
      newId,
      onEvent: (event) => this.#take(event),
      // The step that failed throws as well, which ends the replay.
      onFailure: () => undefined,
    });
  }

  /** Datagrams in the order of the capture; where its clock steps back or cannot be meant, time stands still. */
  receive(datagram: CaptureDatagram): void {
    const kind = this.#kindOf(datagram);
    if (kind === undefined) {
      this.#otherDatagrams++;
      return;
    }
    const receiver = this.#receiver ?? this.#begin(isTime(datagram.timeMs) ? datagram.timeMs : 0);
    this.#telemetryDatagrams++;
    if (isTime(datagram.timeMs)) this.#advanceTo(Math.max(datagram.timeMs, this.#now));
    receiver.receive(kind, datagram.payload, formatAddress(datagram.src), this.#now, datagram.srcPort);
  }

  /** The capture is over. One more tick judges its last datagrams; what happened after them is not known. */
  finish(): void {
    if (this.#receiver !== undefined) this.#tick(this.#receiver, Math.max(this.#nextTickMs, this.#now));
  }

  get config(): Config {
    return this.#config;
  }

  /** In the order in which they were found. */
  attacks(): ReplayedAttack[] {
    for (const { attack, ban } of this.#cycle.incidents.active()) {
      const known = this.#attacks.get(attack.id);
      if (known !== undefined) Object.assign(known, { attack, ban });
    }
    return [...this.#attacks.values()];
  }

  /** First and last telemetry datagram, epoch milliseconds; both 0 where there was none. */
  span(): { readonly firstMs: number; readonly lastMs: number } {
    return { firstMs: this.#firstMs, lastMs: this.#now };
  }

  datagrams(): { readonly telemetry: number; readonly other: number } {
    return { telemetry: this.#telemetryDatagrams, other: this.#otherDatagrams };
  }

  /** Undefined where there was no telemetry. */
  ingest(): IngestSnapshot | undefined {
    return this.#receiver && mergeSnapshots([this.#receiver.snapshot(this.#now)]);
  }

  #begin(timeMs: number): Receiver {
    this.#firstMs = timeMs;
    this.#now = timeMs;
    this.#nextTickMs = timeMs + TICK_MS;
    this.#cycle.restore(timeMs);
    this.#receiver = new Receiver(receiverSettingsOf(this.#config, this.#plan), timeMs);
    return this.#receiver;
  }

  #advanceTo(timeMs: number): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    const silentFrom = this.#now;
    while (this.#nextTickMs <= timeMs && this.#nextTickMs - silentFrom < this.#silenceToPlayMs()) {
      this.#tick(receiver, this.#nextTickMs);
      this.#nextTickMs += this.#nextTickMs - silentFrom < IDLE_SILENCE_MS ? TICK_MS : SLOW_TICK_MS;
    }
    if (this.#nextTickMs <= timeMs || this.#nextTickMs > timeMs + TICK_MS) this.#nextTickMs = timeMs + TICK_MS;
    this.#now = timeMs;
  }

  #silenceToPlayMs(): number {
    const { incidents, controller } = this.#cycle;
    const isIdle = incidents.active().length === 0 && controller.activeBans().length === 0;
    return isIdle ? IDLE_SILENCE_MS : LONGEST_SILENCE_MS;
  }

  #tick(receiver: Receiver, now: number): void {
    const crossed = this.#cycle.report(0, receiver.tick(now), now);
    if (crossed.length > 0) {
      const samples = samplesOf([receiver.sample(crossed, now)], crossed, this.#plan.samples.flowsPerAttack);
      this.#cycle.open(crossed, samples, now);
    }
    const due = this.#cycle.dueForReview(now);
    if (due.length > 0) {
      const samples = samplesOf([receiver.sample(due, now)], due, this.#plan.samples.flowsPerAttack);
      this.#cycle.review(due, samples, now);
    }
    this.#cycle.tick(now);
    receiver.watch(this.#cycle.watched());
  }

  #take(event: IncidentEvent): void {
    if (!('attack' in event) || event.attack === undefined) return;
    const { attack, ban } = event;
    const known = this.#attacks.get(attack.id) ?? this.#enter(attack, event.at);
    Object.assign(known, { attack, ban });
    if (isAttackEvent(event)) return;
    // The guards were asked before the ban existed; what they say of it now counts the ban itself.
    if (known.decisions.length === 0 && 'verdicts' in event) known.verdicts = event.verdicts;
    known.decisions.push(event);
  }

  #enter(attack: Attack, at: number): ReplayedAttack {
    const { verdicts } = this.#cycle.controller.explain(attack.target, at, attack).judgement;
    const entered = { attack, ban: undefined, verdicts, decisions: [] };
    this.#attacks.set(attack.id, entered);
    return entered;
  }

  /** A datagram to a listener's port is of that listener's kind; for others the version in the first bytes decides. */
  #kindOf({ dstPort, payload }: CaptureDatagram): TelemetryKind | undefined {
    const { netflow, sflow } = this.#config.listen;
    if (netflow.some(({ port }) => port === dstPort)) return 'netflow';
    if (sflow.some(({ port }) => port === dstPort)) return 'sflow';
    return kindByVersion(payload);
  }
}

/** Whether a capture's clock, in epoch milliseconds, may be right. */
function isTime(ms: number): boolean {
  return ms >= 0 && ms <= LATEST_TIME_MS;
}

/** NetFlow and IPFIX begin with their version in 16 bits, sFlow in 32. */
function kindByVersion(payload: Uint8Array): TelemetryKind | undefined {
  if (payload.length < 4 || payload[0] !== 0) return undefined;
  if (payload[1] === 5 || payload[1] === 9 || payload[1] === 10) return 'netflow';
  return payload[1] === 0 && payload[2] === 0 && payload[3] === 5 ? 'sflow' : undefined;
}

/** A replay begins with no bans and leaves none behind. */
const NO_STORE: BanStore = {
  save: () => undefined,
  loadActive: () => [],
  loadEnded: () => [],
  loadStarts: () => [],
  loadLeftAlone: () => [],
  saveLeftAlone: () => undefined,
  keepStartsFor: () => undefined,
};

/** Nothing is announced, and no peer can be asked what it would hear. */
const NO_GOBGP: Announcer = {
  setWanted: () => undefined,
  evidence: () => NO_EVIDENCE,
  audience: () => 'unknown',
  counts: () => ({ unicast: 0, flowspec: 0 }),
};
