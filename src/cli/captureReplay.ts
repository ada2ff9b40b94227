/*
 * What would have happened, had Kapkan seen the telemetry of a capture: the receiver, the detector and the controller of
 * the daemon, in one thread, by the capture's own clock. Nothing is announced, stored or sent, and the same capture and
 * config always give the same answer.
 */
import type { Config } from '../config/config.ts';
import type { CaptureDatagram } from '../decode/capture.ts';
import type { Attack } from '../engine/attack.ts';
import { samplesOf } from '../engine/attackSample.ts';
import { Detector } from '../engine/detector.ts';
import { type EnginePlan, planOf } from '../engine/enginePlan.ts';
import type { IngestSnapshot } from '../ingest/ingestSnapshot.ts';
import { Receiver, receiverSettingsOf } from '../ingest/receiver.ts';
import type { TelemetryKind } from '../ingest/udpListener.ts';
import { type Announcer, NO_EVIDENCE } from '../mitigation/announcer.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { BanStore } from '../mitigation/banStore.ts';
import { MitigationController } from '../mitigation/controller.ts';
import type { GuardVerdict } from '../mitigation/guards.ts';
import type { MitigationEvent } from '../mitigation/mitigationEvent.ts';
import { formatAddress } from '../net/address.ts';

/** As often as the daemon's receiving threads. */
const TICK_MS = 100;

/** A silence longer than this is skipped: every window is empty by then, and a damaged clock may claim decades. */
const LONGEST_SILENCE_MS = 3_600_000;

/** Any seed serves: nobody attacks the hash table of a replay. */
const HASH_SEED = 0;

/** An attack as it was when it ended, or at the end of the capture, and what the safety rules said of banning it. */
export interface ReplayedAttack {
  attack: Attack;
  /** Of every guard, when the attack was found. */
  readonly verdicts: readonly GuardVerdict[];
  /** What was decided about it, oldest first. */
  readonly decisions: MitigationEvent[];
}

export class CaptureReplay {
  readonly #config: Config;
  readonly #plan: EnginePlan;
  readonly #detector: Detector;
  readonly #controller: MitigationController;
  readonly #attacks = new Map<string, ReplayedAttack>();
  readonly #events: MitigationEvent[] = [];
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
    this.#detector = new Detector(this.#plan, newId);
    this.#controller = new MitigationController({
      config: this.#config,
      store: NO_STORE,
      announcer: NO_GOBGP,
      dryRunAnnouncer: NO_GOBGP,
      newId,
      onEvent: (event) => this.#events.push(event),
    });
  }

  /** Datagrams in the order of the capture; where its clock steps back, time stands still. */
  receive(datagram: CaptureDatagram): void {
    const kind = this.#kindOf(datagram);
    if (kind === undefined) {
      this.#otherDatagrams++;
      return;
    }
    const receiver = this.#receiver ?? this.#begin(datagram.timeMs);
    this.#telemetryDatagrams++;
    this.#advanceTo(Math.max(datagram.timeMs, this.#now));
    receiver.receive(kind, datagram.payload, formatAddress(datagram.src), this.#now);
  }

  /** The capture is over. One more tick judges its last datagrams; what comes after nobody knows. */
  finish(): void {
    if (this.#receiver !== undefined) this.#tick(this.#receiver, Math.max(this.#nextTickMs, this.#now));
  }

  get config(): Config {
    return this.#config;
  }

  /** In the order in which they were found. */
  attacks(): ReplayedAttack[] {
    return [...this.#attacks.values()];
  }

  bans(): Ban[] {
    return this.#controller.bans();
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
    return this.#receiver?.snapshot(this.#now);
  }

  #begin(timeMs: number): Receiver {
    this.#firstMs = timeMs;
    this.#now = timeMs;
    this.#nextTickMs = timeMs + TICK_MS;
    this.#controller.restore(timeMs);
    this.#receiver = new Receiver(receiverSettingsOf(this.#config, this.#plan), timeMs);
    return this.#receiver;
  }

  #advanceTo(timeMs: number): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    const silentFrom = this.#now;
    while (this.#nextTickMs <= timeMs && this.#nextTickMs - silentFrom < LONGEST_SILENCE_MS) {
      this.#tick(receiver, this.#nextTickMs);
      this.#nextTickMs += TICK_MS;
    }
    if (this.#nextTickMs <= timeMs) this.#nextTickMs = timeMs + TICK_MS;
    this.#now = timeMs;
  }

  #tick(receiver: Receiver, now: number): void {
    this.#detector.report(0, receiver.tick(now));
    const { seen, ended, crossed } = this.#detector.advance(now);
    this.#controller.batch(now, () => {
      for (const attack of seen) this.#controller.attackSeen(attack.id, now);
      for (const attack of ended) {
        this.#keep(attack);
        this.#controller.attackEnded(attack.id, now);
      }
    });
    if (crossed.length > 0) {
      const samples = samplesOf([receiver.sample(crossed, now)], crossed, this.#plan.samples.flowsPerAttack);
      for (const attack of this.#detector.open(crossed, samples, now)) this.#open(attack, now);
    }
    this.#controller.tick(now);
    receiver.watch(this.#detector.watched());
    this.#fileDecisions();
  }

  #open(attack: Attack, now: number): void {
    const { verdicts } = this.#controller.explain(attack.target, now, attack).judgement;
    this.#attacks.set(attack.id, { attack, verdicts, decisions: [] });
    this.#controller.attackOpened(attack, now);
  }

  #keep(attack: Attack): void {
    const known = this.#attacks.get(attack.id);
    if (known !== undefined) known.attack = attack;
  }

  #fileDecisions(): void {
    for (const event of this.#events.splice(0)) {
      const attackId = 'ban' in event ? event.ban.attackId : undefined;
      if (attackId !== undefined) this.#attacks.get(attackId)?.decisions.push(event);
    }
  }

  /** What goes to a listener's port is what that listener takes; elsewhere the version in the first bytes tells. */
  #kindOf({ dstPort, payload }: CaptureDatagram): TelemetryKind | undefined {
    const { netflow, sflow } = this.#config.listen;
    if (netflow.some(({ port }) => port === dstPort)) return 'netflow';
    if (sflow.some(({ port }) => port === dstPort)) return 'sflow';
    return kindByVersion(payload);
  }
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
  keepStartsFor: () => undefined,
};

/** Nothing is announced, and no peer can be asked what it would hear. */
const NO_GOBGP: Announcer = {
  setWanted: () => undefined,
  evidence: () => NO_EVIDENCE,
  audience: () => 'unknown',
  counts: () => ({ unicast: 0, flowspec: 0 }),
};
