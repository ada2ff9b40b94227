/*
 * Damps a ban that comes and goes. Where the upstream drops what is blackholed, no telemetry of the attack arrives
 * while the route is up: the ban ends by the hysteresis, the attack is back, and so on. Each time an attack is back
 * soon after its ban ended, the next ban is held for twice as long, at most for its own TTL after the attack was last
 * seen. That a held ban ends is a probe: the attack is either over, or will be held longer.
 */
import type { Ban } from './ban.ts';
import { holdMs } from './banPlan.ts';

/** An attack is back when it is found again so soon after its ban ended; a longer hysteresis counts instead. */
const SOON_MS = 30_000;

/** Targets remembered; the oldest are forgotten. */
const MAX_TARGETS = 10_000;

interface History {
  /** How often the attack was back, without a pause. */
  returns: number;
  /** When the last ban ended because the attack was quiet; undefined while one is active. */
  endedAt: number | undefined;
  /** Its attack is quiet, and the ban is held until then; undefined where it is not. */
  heldUntil: number | undefined;
}

export class FlapDamping {
  readonly #byTarget = new Map<string, History>();

  /** An automatic ban began. */
  began(ban: Ban): void {
    const history = this.#byTarget.get(ban.targetText);
    const { endedAt = Number.NEGATIVE_INFINITY, returns = 0 } = history ?? {};
    const isBack = ban.startedAt - endedAt <= Math.max(SOON_MS, hysteresisMs(ban));
    this.#byTarget.delete(ban.targetText);
    this.#byTarget.set(ban.targetText, { returns: isBack ? returns + 1 : 0, endedAt: undefined, heldUntil: undefined });
    if (this.#byTarget.size <= MAX_TARGETS) return;
    for (const oldest of this.#byTarget.keys()) {
      this.#byTarget.delete(oldest);
      return;
    }
  }

  /** The attack of an automatic ban was quiet for the hysteresis. Answers whether the ban is held all the same. */
  holds(ban: Ban, now: number): boolean {
    const history = this.#byTarget.get(ban.targetText);
    if (history === undefined || history.returns === 0) return false;
    const until = Math.min(ban.startedAt + hysteresisMs(ban) * 2 ** history.returns, ban.expiresAt);
    if (now >= until) return false;
    history.heldUntil = until;
    return true;
  }

  /** The attack of a ban that was held is back. */
  seen(ban: Ban): void {
    const history = this.#byTarget.get(ban.targetText);
    if (history !== undefined) history.heldUntil = undefined;
  }

  /** Whether a held ban has been held for long enough. */
  isProbeDue(ban: Ban, now: number): boolean {
    const heldUntil = this.#byTarget.get(ban.targetText)?.heldUntil;
    return heldUntil !== undefined && now >= heldUntil;
  }

  /**
   * The ban ends because its attack is quiet. Answers what to say of that; undefined where the attack was never back.
   */
  ended(ban: Ban, now: number): string | undefined {
    const history = this.#byTarget.get(ban.targetText);
    if (history === undefined) return undefined;
    history.endedAt = now;
    history.heldUntil = undefined;
    if (history.returns === 0) return undefined;
    const soonMs = Math.max(SOON_MS, hysteresisMs(ban));
    const nextMs = Math.min(hysteresisMs(ban) * 2 ** (history.returns + 1), holdMs(ban.plan));
    const times = history.returns === 1 ? 'once' : `${history.returns} times`;
    const probe = `withdrawn as a probe: if it is back within ${soonMs / 1000} s, it is held for ${nextMs / 1000} s`;
    return `the attack ended, after it had been back ${times}; ${probe}`;
  }

  clockStepped(deltaMs: number): void {
    for (const history of this.#byTarget.values()) {
      if (history.endedAt !== undefined) history.endedAt += deltaMs;
      if (history.heldUntil !== undefined) history.heldUntil += deltaMs;
    }
  }
}

function hysteresisMs(ban: Ban): number {
  return ban.plan.unbanHysteresisSeconds * 1000;
}
