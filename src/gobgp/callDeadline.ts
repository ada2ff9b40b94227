/*
 * The deadline of a call: how long the daemon may say nothing. It runs by a timer of its own, because gRPC's deadlines
 * are times of day, and the wall clock may be set while a call is under way.
 */
export class CallDeadline {
  readonly #timer: NodeJS.Timeout;
  #hasPassed = false;

  /** `onPassed` is to cancel the call. */
  constructor(timeoutMs: number, onPassed: () => void) {
    this.#timer = setTimeout(() => {
      this.#hasPassed = true;
      onPassed();
    }, timeoutMs);
  }

  get hasPassed(): boolean {
    return this.#hasPassed;
  }

  /** Something was received: the time starts again. */
  renew(): void {
    this.#timer.refresh();
  }

  /** The call is over. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
