/*
 * From the threads' reports to decisions: the main thread's side of detection. It drives the detector in its order,
 * fetches the samples it asks for, and hands the controller what was found, the findings of one look in one batch, so
 * that a thousand attacks at once are one transaction.
 */
import type { Clock } from '../clock.ts';
import type { Attack, AttackSample } from '../engine/attack.ts';
import type { Detector, Findings } from '../engine/detector.ts';
import type { HostReport } from '../engine/hostReport.ts';
import { messageOf } from '../errors.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { Logger } from '../log.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { MitigationController } from '../mitigation/controller.ts';
import type { Address } from '../net/address.ts';
import type { HistoryFeed } from './historyFeed.ts';
import type { NotificationFeed } from './notificationFeed.ts';

/** The controller's own pace: expiries, rungs, retries. */
const TICK_MS = 100;

export interface AttackLoopOptions {
  readonly detector: Detector;
  readonly controller: MitigationController;
  readonly pool: Pick<ReceiverPool, 'sample' | 'watch'>;
  readonly feed: Pick<NotificationFeed, 'adopt' | 'opened' | 'ended'>;
  readonly history: Pick<HistoryFeed, 'attackStarted' | 'attackResumed' | 'attackEnded'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** An invariant broke: nothing more should be decided. */
  readonly onFailure: (error: Error) => void;
}

export class AttackLoop {
  readonly #options: AttackLoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(options: AttackLoopOptions) {
    this.#options = options;
  }

  /** Goes on with the attacks whose bans outlived the last run, so that each ends by its hysteresis like any other. */
  adopt(bans: readonly Ban[]): void {
    const { detector, controller, pool, feed, history, clock } = this.#options;
    const now = clock.now();
    for (const ban of bans) {
      const { attackId, target, metric, rate, threshold, startedAt } = ban;
      if (attackId === undefined || metric === undefined || rate === undefined || threshold === undefined) continue;
      const attack = detector.resume({ id: attackId, target, metric, rate, threshold, startedAt }, now);
      if (attack === undefined) continue;
      feed.adopt(attack, ban);
      history.attackResumed(attack, ban);
      controller.attackOpened(attack, now);
    }
    pool.watch(detector.watched());
  }

  start(): void {
    this.#running = true;
    this.#timer = setInterval(
      () => this.#guard(() => this.#options.controller.tick(this.#options.clock.now())),
      TICK_MS,
    );
  }

  stop(): void {
    this.#running = false;
    clearInterval(this.#timer);
  }

  /** A report of thread `worker`, counted from 0. */
  receive(worker: number, report: HostReport): void {
    this.#guard(() => {
      const { detector, clock, pool } = this.#options;
      const now = clock.now();
      detector.report(worker, report);
      const findings = detector.advance(now);
      this.#decide(findings, now);
      if (findings.crossed.length > 0) void this.#open(findings.crossed);
      pool.watch(detector.watched());
    });
  }

  #decide({ seen, ended }: Findings, now: number): void {
    if (seen.length === 0 && ended.length === 0) return;
    const { controller, feed } = this.#options;
    controller.batch(now, () => {
      for (const attack of seen) controller.attackSeen(attack.id, now);
      for (const attack of ended) this.#end(attack, now);
    });
    feed.ended(ended, now);
  }

  #end(attack: Attack, now: number): void {
    const seconds = Math.round((now - attack.startedAt) / 1000);
    this.#options.log.info({ attack: attack.id, target: attack.targetText, seconds }, 'attack ended');
    this.#options.history.attackEnded(attack);
    this.#options.controller.attackEnded(attack.id, now);
  }

  /** Without a sample, where no thread answers in time, the attack opens all the same. */
  async #open(targets: readonly Address[]): Promise<void> {
    const { detector, controller, pool, feed, history, clock, log } = this.#options;
    const samples = await pool.sample(targets).catch((error: unknown): AttackSample[] => {
      log.error({ error: messageOf(error) }, 'no sample could be taken, attacks are answered without one');
      return [];
    });
    this.#guard(() => {
      const now = clock.now();
      const attacks = detector.open(targets, samples, now);
      for (const attack of attacks) {
        this.#logAttack(attack);
        history.attackStarted(attack);
      }
      feed.opened(attacks, now, () => {
        controller.batch(now, () => {
          for (const attack of attacks) controller.attackOpened(attack, now);
        });
      });
      pool.watch(detector.watched());
    });
  }

  #logAttack({ id, targetText, classification, reason }: Attack): void {
    this.#options.log.warn({ attack: id, target: targetText, type: classification.type, reason }, 'attack started');
  }

  /** What throws here is a bug of ours: better to end, with the routes left in GoBGP, than to decide on broken state. */
  #guard(work: () => void): void {
    if (!this.#running) return;
    try {
      work();
    } catch (error) {
      this.stop();
      this.#options.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
