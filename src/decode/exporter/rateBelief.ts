/*
 * Which sampling rates are believed. A rate multiplies all that an exporter reports: too high a one makes attacks of
 * nothing, too low a one hides them, and one forged or broken options record is enough to state it.
 */
import { isSamplingRate } from './samplingRates.ts';

/**
 * A rate that grows or falls by this factor is believed only when it is stated again in another datagram, or where its
 * datagram follows those that the exporter sent.
 */
const JUMP = 4;

/** A first rate is believed at once only up to this. */
export const MOST_AT_FIRST = 100_000;

/** Statements that wait to be made again. The oldest gives way to one of another datagram. */
const MOST_PENDING = 64;

/** Rates below this with their bytes swapped are too small to be told from chance. */
const LEAST_SWAPPED = 32;

/** Routers that export flows sample at most one packet of so many. */
const MOST_CHOSEN = 65_536;

/** What is known when a rate is stated. */
export interface RateStatement {
  /** Tells what it is said of. */
  readonly name: string;
  readonly rate: number;
  /** Bytes of the field it was read from; 0 where it is computed of several. */
  readonly fieldBytes: number;
  /** The rate that is in use for the same; 0 where there is none. */
  readonly current: number;
  /** The datagram follows what the exporter sent before, so it is the exporter that sent it. */
  readonly follows: boolean;
  /** Of whom no flows were counted yet, so that a first rate changes nothing: of all, only of the session that states it. */
  readonly isFirstFor: 'all' | 'session' | 'nobody';
  /** Tells datagrams apart. */
  readonly datagram: number;
}

/**
 * `believed`; `of_session`: for the session that states it, but for others only when it is stated again; `jump`: when it is
 * stated again; `impossible`: it is no rate at all.
 */
export type RateVerdict = 'believed' | 'of_session' | 'jump' | 'impossible';

interface Pending {
  readonly rate: number;
  readonly datagram: number;
  readonly verdict: RateVerdict;
}

export class RateBelief {
  readonly #pending = new Map<string, Pending>();

  judge(statement: RateStatement, maxStatedRate: number): RateVerdict {
    const { name, rate, current, follows, isFirstFor, datagram } = statement;
    if (rate > maxStatedRate || areBytesSwapped(rate, statement.fieldBytes)) return 'impossible';
    const pending = this.#pending.get(name);
    if (pending?.rate === rate && pending.datagram === datagram) return pending.verdict;
    this.#pending.delete(name);
    const isJump = isFar(rate, Math.max(1, current));
    const mayBeFirst = rate <= MOST_AT_FIRST;
    const isFirst = mayBeFirst && current === 0 && isFirstFor === 'all';
    if (!isJump || follows || isFirst || pending?.rate === rate) return 'believed';
    if (!this.#makeRoom(datagram)) return 'jump';
    const verdict = mayBeFirst && isFirstFor === 'session' ? 'of_session' : 'jump';
    this.#pending.set(name, { rate, datagram, verdict });
    return verdict;
  }

  /** False where all that wait are of this datagram: it must not forget what it stated itself. */
  #makeRoom(datagram: number): boolean {
    if (this.#pending.size < MOST_PENDING) return true;
    for (const [name, oldest] of this.#pending) {
      if (oldest.datagram === datagram) return false;
      this.#pending.delete(name);
      break;
    }
    return true;
  }
}

/** Whether a rate is so far from another that one of them must be wrong, or was changed. */
export function isFar(rate: number, other: number): boolean {
  return rate > other * JUMP || rate * JUMP < other;
}

/**
 * Whether the rate makes sense only with its bytes in the other order: it is no number that people choose, but that one
 * is. MikroTik writes 1000 as 3,892,510,720, and in two bytes as 59,395. 4096 becomes 1,048,576, which people would choose
 * as well, but not for packets.
 */
export function areBytesSwapped(rate: number, fieldBytes: number): boolean {
  if ((fieldBytes !== 2 && fieldBytes !== 4) || (rate <= MOST_CHOSEN && isChosenByPeople(rate))) return false;
  const swapped = fieldBytes === 2 ? ((rate & 0xff) << 8) | (rate >>> 8) : swap32(rate);
  if (isChosenByPeople(rate) && swapped > MOST_CHOSEN) return false;
  return swapped >= LEAST_SWAPPED && isChosenByPeople(swapped);
}

function swap32(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

/** A power of two, or one of these and zeros. */
const CHOSEN: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 25, 75];

function isChosenByPeople(rate: number): boolean {
  if (!isSamplingRate(rate) || !Number.isInteger(rate)) return false;
  if (2 ** Math.round(Math.log2(rate)) === rate) return true;
  let digits = rate;
  while (digits % 10 === 0) digits /= 10;
  return CHOSEN.includes(digits);
}
