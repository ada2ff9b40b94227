/*
 * Compares what Kapkan saw of a host with the truth.
 *
 * An attack must be found where the true rate over the configured window was at least 1.08 times the limit for a window
 * and three seconds. On a host that never reached its limit, any attack is a false alarm. Between the two either is right.
 */
import type { SeenAttack } from './kapkanUnderTest.ts';
import { BIN_MS } from './trafficSeries.ts';

const MUST_FIND_LEVEL = 1.08;
const MUST_FIND_EXTRA_MS = 3000;

/** Bins have 100 ms, ticks too: a release may seem early by so much. */
const EARLY_SLACK_MS = 1000;

/** What is true of a host, by bins of `BIN_MS` since the scenario began. */
export interface HostTruth {
  /** Mean rate over the window that ends with the bin, as a multiple of the limit; of several limits, the most. */
  readonly levels: Float64Array;
  readonly momentaryLevels: Float64Array;
  /** When the records that were received first showed a rate over the limit; undefined where they never did. */
  readonly firstShownMs: number | undefined;
  /** When they last showed a later one. */
  readonly lastShownMs: number | undefined;
}

export interface HostVerdict {
  readonly truth: 'attack' | 'quiet' | 'either';
  readonly found: boolean;
  /** Attacks where there was nothing to find yet, or at all. */
  readonly falseAlarms: readonly SeenAttack[];
  /** Attacks after the first on a host with one flood. */
  readonly reopened: number;
  /** Whether an attack ended before the flood had been over for the hysteresis. */
  readonly endedEarly: boolean;
  /** Seconds from the first packet over the limit to detection. */
  readonly detectionSeconds: number | undefined;
  /** Seconds from the first record that showed it to detection. */
  readonly afterShownSeconds: number | undefined;
  /** Seconds of the attack beyond the end of the flood and the hysteresis; undefined where it did not end. */
  readonly releaseSeconds: number | undefined;
  /** The same, where the last record that shows the flood is taken for its end. */
  readonly releaseAfterShownSeconds: number | undefined;
  readonly unreleased: boolean;
}

/** Times of attacks are milliseconds since the scenario began. */
export function judgeHost(
  truth: HostTruth,
  attacks: readonly SeenAttack[],
  windowMs: number,
  hysteresisMs: number,
): HostVerdict {
  const { levels, firstShownMs, lastShownMs } = truth;
  const firstOver = levels.findIndex((level) => level >= 1);
  const isAttack = longestRunMs(levels, MUST_FIND_LEVEL) >= windowMs + MUST_FIND_EXTRA_MS;
  const onset = firstOver < 0 ? Number.POSITIVE_INFINITY : onsetMs(truth, firstOver, windowMs);
  const early = attacks.filter(({ startedAt }) => startedAt < onset);
  const after = attacks.filter(({ startedAt }) => startedAt >= onset);
  const first = isAttack ? after[0] : undefined;
  const overUntil = (levels.findLastIndex((level) => level >= 1) + 1) * BIN_MS;
  const endedAt = after.at(-1)?.endedAt;
  const allowedMs = overUntil + hysteresisMs;
  const seconds = (ms: number | undefined, since: number | undefined): number | undefined =>
    ms === undefined || since === undefined ? undefined : (ms - since) / 1000;
  return {
    truth: isAttack ? 'attack' : firstOver < 0 ? 'quiet' : 'either',
    found: first !== undefined,
    falseAlarms: early,
    reopened: Math.max(0, after.length - 1),
    endedEarly: after.some((attack) => endsEarly(attack, levels, hysteresisMs)),
    detectionSeconds: seconds(first?.startedAt, onset),
    afterShownSeconds: seconds(first?.startedAt, firstShownMs),
    releaseSeconds: first && seconds(endedAt, allowedMs),
    releaseAfterShownSeconds: first && seconds(endedAt, Math.max(overUntil, lastShownMs ?? 0) + hysteresisMs),
    unreleased: first !== undefined && endedAt === undefined,
  };
}

function longestRunMs(levels: Float64Array, least: number): number {
  let longest = 0;
  let run = 0;
  for (const level of levels) {
    run = level >= least ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest * BIN_MS;
}

/** When the traffic that brought the window over the limit first was over it for a moment. */
function onsetMs({ momentaryLevels }: HostTruth, firstOver: number, windowMs: number): number {
  let bin = Math.max(0, firstOver - windowMs / BIN_MS + 1);
  while (bin < firstOver && momentaryLevels[bin] < 1) bin++;
  return bin * BIN_MS;
}

/** Whether a window over the limit ended less than the hysteresis before the attack ended, or later. */
function endsEarly({ endedAt }: SeenAttack, levels: Float64Array, hysteresisMs: number): boolean {
  if (endedAt === undefined) return false;
  const from = Math.max(0, Math.ceil((endedAt - hysteresisMs + EARLY_SLACK_MS) / BIN_MS));
  const until = Math.floor(endedAt / BIN_MS);
  return levels.subarray(from, until).some((level) => level >= 1);
}
