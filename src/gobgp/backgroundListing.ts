/*
 * A listing that may take long, run beside the passes so that no announcement waits for it. One runs at a time; asked
 * for while one is under way, another follows it, because that one may have missed what changed since it began.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface BackgroundListingOptions {
  /** Returns whether it found anything new. */
  readonly list: () => Promise<boolean>;
  readonly onChange: () => void;
  /** The listing failed; the next one may not. */
  readonly onError: (error: unknown) => void;
  /** After a listing it rests for this many times as long as that took. */
  readonly restFactor: number;
}

/** Worth waiting for again. */
const FAST_MS = 100;

export class BackgroundListing {
  readonly #options: BackgroundListingOptions;
  #running: Promise<void> | undefined;
  #isDue = false;
  #earliestAt = 0;
  /** The last one took longer than somebody waited for it. */
  #isSlow = false;
  #stopped = false;

  constructor(options: BackgroundListingOptions) {
    this.#options = options;
  }

  /** Asks for a listing. Waits for its end, but not longer than this, and not at all where the last one was slower. */
  async run(patienceMs: number): Promise<void> {
    this.#isDue = true;
    this.#running ??= this.#work();
    if (this.#isSlow) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#isSlow = true;
        resolve();
      }, patienceMs);
    });
    await Promise.race([this.#running, patience]);
    clearTimeout(timer);
  }

  /** Ignores what is still under way. */
  stop(): void {
    this.#stopped = true;
    this.#isDue = false;
  }

  async #work(): Promise<void> {
    while (this.#isDue) {
      const restMs = this.#earliestAt - performance.now();
      if (restMs > 0) await sleep(restMs, undefined, { ref: false });
      if (this.#isDue) await this.#listOnce();
    }
    this.#running = undefined;
  }

  async #listOnce(): Promise<void> {
    const { list, onChange, onError, restFactor } = this.#options;
    this.#isDue = false;
    const startedAt = performance.now();
    try {
      const changed = await list();
      if (changed && !this.#stopped) onChange();
    } catch (error) {
      if (!this.#stopped) onError(error);
    }
    const tookMs = performance.now() - startedAt;
    if (tookMs < FAST_MS) this.#isSlow = false;
    this.#earliestAt = startedAt + tookMs * (1 + restFactor);
  }
}
