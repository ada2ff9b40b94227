/*
 * Drives the detection cycle: it passes on the threads' reports as they come, calls `tick` ten times a second, and
 * fetches from the threads the samples that the cycle asks for.
 */
import type { Clock } from '../clock.ts';
import type { AttackSample } from '../engine/attack.ts';
import type { HostReport } from '../engine/hostReport.ts';
import { messageOf } from '../errors.ts';
import type { DetectionCycle } from '../incidents/detectionCycle.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { Logger } from '../log.ts';
import type { Address } from '../net/address.ts';

/** How often expiries, rungs and retries are checked. */
const TICK_MS = 100;

export interface DetectionLoopOptions {
  readonly cycle: DetectionCycle;
  readonly pool: Pick<ReceiverPool, 'sample' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a step threw, which is a bug. The loop has already stopped. */
  readonly onFailure: (error: Error) => void;
}

export class DetectionLoop {
  readonly #options: DetectionLoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #isReviewing = false;

  constructor(options: DetectionLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.#watch();
    this.#timer = setInterval(() => {
      this.#run((cycle, now) => cycle.tick(now));
      this.#review();
    }, TICK_MS);
  }

  stop(): void {
    this.#running = false;
    clearInterval(this.#timer);
  }

  /** A report of thread `worker`, counted from 0. */
  receive(worker: number, report: HostReport): void {
    this.#run((cycle, now) => {
      const crossed = cycle.report(worker, report, now);
      if (crossed.length > 0) void this.#open(crossed);
      this.#watch();
    });
  }

  /** Opens the attacks, also without a sample where no thread answers in time. */
  async #open(targets: readonly Address[]): Promise<void> {
    const { pool, log } = this.#options;
    const samples = await pool.sample(targets).catch((error: unknown): AttackSample[] => {
      log.error({ error: messageOf(error) }, 'no sample could be taken; the attacks are opened without one');
      return [];
    });
    this.#run((cycle, now) => {
      cycle.open(targets, samples, now);
      this.#watch();
    });
  }

  /** Reviews active attacks. One review at a time; where the threads do not answer, the next one tries again. */
  #review(): void {
    if (this.#isReviewing) return;
    this.#run((cycle, now) => {
      const due = cycle.dueForReview(now);
      if (due.length === 0) return;
      this.#isReviewing = true;
      const reviewed = this.#options.pool.sample(due).then(
        (samples) => this.#run((current, later) => current.review(due, samples, later)),
        () => undefined,
      );
      void reviewed.finally(() => {
        this.#isReviewing = false;
      });
    });
  }

  #watch(): void {
    const { pool, cycle } = this.#options;
    pool.watch(cycle.watched());
  }

  #run(step: (cycle: DetectionCycle, now: number) => void): void {
    if (!this.#running) return;
    try {
      step(this.#options.cycle, this.#options.clock.now());
    } catch (error) {
      this.stop();
      this.#options.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
