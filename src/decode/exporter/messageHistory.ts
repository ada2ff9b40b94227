/*
 * What the headers of one transport session tell: sequence numbers and uptimes show what is missing and when the exporter
 * was restarted.
 *
 * A session is the source port of a sender (RFC 7011 §2): two exporters behind one address translation have the same
 * address and often the same domain, but not the same port.
 */

import { ReceiptClock } from './receiptClock.ts';
import type { SamplingRates } from './samplingRates.ts';

/** A number this little behind the expected one is a datagram that was overtaken. */
const REORDER_WINDOW = 1024;

/** A message whose number is at most so much ahead is of the same exporter: some messages were lost, or it counts wrongly. */
const FOLLOWS_WINDOW = 128;

/** Half of the 32-bit numbers are ahead, half behind. */
const HALF_RANGE = 0x8000_0000;

const UNKNOWN = -1;

/** An uptime falls by less where datagrams overtake each other, and boot times differ by less where a clock is adjusted. */
const TOLERANCE_MS = 10_000;

/** An export time before this is of an exporter without a clock, which begins in 1970 again when it is restarted. */
const CLOCK_IS_SET_MS = Date.UTC(2000);

/** An exporter with a shorter uptime was just started. */
const YOUNG_MS = 300_000;

/** An exporter that was just started has sent fewer records. */
const YOUNG_SEQUENCE = 65_536;

/** Whether two times of start are known and of different processes. */
export function areBootsDifferent(a: number, b: number): boolean {
  return Math.abs(a - b) > TOLERANCE_MS;
}

/** Whether two times of start are known and may be of one process. */
export function areBootsEqual(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE_MS;
}

/** Whether two sessions of one domain are known to be of two exporters, behind one address. */
export function areOfTwoExporters(a: MessageHistory, b: MessageHistory): boolean {
  return a.port !== b.port && (a.startsApart || b.startsApart || areBootsDifferent(a.bootMs, b.bootMs));
}

/**
 * The header of a message, and where and when it was received. It is one object for all messages: numbers that are handed
 * down one by one would be allocated.
 */
export interface MessageHeader {
  /** UDP source port. */
  readonly sourcePort: number;
  readonly sequence: number;
  /** Negative where it has none. */
  readonly uptimeMs: number;
  readonly exportTimeMs: number;
  /** Time of receipt, in clock milliseconds. */
  readonly now: number;
}

export class MessageHistory {
  /** UDP source port. */
  readonly port: number;
  /** The latest message of all sessions of the domain has the highest number. */
  lastMessage = 0;
  /** When the exporter was started, by its own clock; NaN where its headers have none, or 0. */
  bootMs = Number.NaN;
  /** The same before the last restart. */
  earlierBootMs = Number.NaN;
  /** The sampling rates that it stated; undefined where it stated none. */
  sampling: SamplingRates | undefined = undefined;
  /** Whether it counts from its own start, far behind another session of the domain: it is another exporter, or a new one. */
  startsApart = false;
  /** Whether any of its NetFlow or IPFIX records were decoded. */
  hasFlows = false;

  /** About the message that `take` took last. */
  isRestart = false;
  /** It goes on where the exporter was before what looked like a restart. */
  continuesEarlier = false;
  /** Something before it is missing. */
  isGap = false;
  /** Its sequence number is the expected one. */
  continues = false;
  /** Its sequence number is the expected one or a little ahead: who does not see the exporter's messages cannot know it. */
  follows = false;

  readonly #receiptClock = new ReceiptClock();
  #expected = UNKNOWN;
  #sequence = UNKNOWN;
  #uptimeMs = UNKNOWN;
  #exportTimeMs = UNKNOWN;
  #isOvertaken = false;
  /** What was expected before the last restart. */
  #earlierExpected = UNKNOWN;
  /** How often the exporter went on where it was before what looked like a restart. */
  #falseRestarts = 0;

  constructor(port: number) {
    this.port = port;
  }

  get expected(): number {
    return this.#expected;
  }

  /** For how many milliseconds the message was held before it was sent. */
  heldMs(header: MessageHeader): number {
    return this.#receiptClock.heldMs(header);
  }

  /**
   * Takes the header of a message. `expectedOfDomain` is the number that would follow the latest message of the domain,
   * from whatever port; negative where that is not known.
   */
  take({ sequence, uptimeMs, exportTimeMs }: MessageHeader, expectedOfDomain: number): void {
    const expected = this.#expected;
    const bootMs = uptimeMs <= 0 ? Number.NaN : exportTimeMs - uptimeMs;
    const behind = expected === UNKNOWN ? 0 : (expected - sequence) >>> 0;
    this.continues = sequence === expected || sequence === expectedOfDomain;
    this.follows = this.continues || this.#isLittleAhead(sequence, expectedOfDomain);
    if (this.#sequence === UNKNOWN) this.startsApart = uptimeMs < 0 && isYoung(sequence, expectedOfDomain);
    this.continuesEarlier = this.#isOfEarlier(sequence, bootMs);
    if (this.continuesEarlier) this.#falseRestarts++;
    // Where it happens again, several processes send from one port, and none of them restarts when the next one sends.
    this.isRestart = this.#falseRestarts < 2 && this.#showsRestart(sequence, uptimeMs, exportTimeMs);
    this.#isOvertaken = !this.isRestart && !this.continues && behind !== 0 && behind <= REORDER_WINDOW;
    this.isGap =
      !this.isRestart && !this.#isOvertaken && !this.continues && expected !== UNKNOWN && behind > HALF_RANGE;
    if (this.isRestart) {
      this.#earlierExpected = expected;
      this.earlierBootMs = this.bootMs;
    }
    if (!this.#isOvertaken) this.#sequence = sequence;
    // An exporter that counts nothing seems to be overtaken all the time.
    else if (exportTimeMs < this.#exportTimeMs) return;
    this.bootMs = bootMs;
    this.#uptimeMs = uptimeMs;
    this.#exportTimeMs = exportTimeMs;
  }

  /**
   * Ends the message. `next` is by how much it advances the sequence, negative where that cannot be known: its flows
   * (NetFlow v5), its data records (IPFIX, RFC 7011 §3.1), or 1 (NetFlow v9, RFC 3954 §5.1, and sFlow).
   */
  finish(next: number): void {
    if (this.#isOvertaken) return;
    this.#expected = next < 0 ? UNKNOWN : (this.#sequence + next) >>> 0;
  }

  /** Ahead of the message before, too: some exporters count other things than the protocol says. */
  #isLittleAhead(sequence: number, expectedOfDomain: number): boolean {
    const isAhead = (of: number): boolean => of >= 0 && (sequence - of) >>> 0 <= FOLLOWS_WINDOW;
    const isAfterLast = sequence !== this.#sequence && isAhead(this.#sequence);
    return isAfterLast || isAhead(this.#expected) || isAhead(expectedOfDomain);
  }

  #showsRestart(sequence: number, uptimeMs: number, exportTimeMs: number): boolean {
    if (this.#sequence === UNKNOWN || this.continues) return false;
    // A datagram from before the one before it.
    if (exportTimeMs > CLOCK_IS_SET_MS && exportTimeMs < this.#exportTimeMs - TOLERANCE_MS) return false;
    if (uptimeMs < 0) return isYoung(sequence, this.#sequence);
    // As a signed number, because the uptime begins at 0 again after 50 days.
    const fell = ((uptimeMs - this.#uptimeMs) | 0) < -TOLERANCE_MS;
    const sequenceFell = (this.#sequence - sequence) >>> 0 < HALF_RANGE;
    return fell && (sequenceFell || uptimeMs < YOUNG_MS);
  }

  /** Whether the message goes on where the exporter was before what looked like a restart. */
  #isOfEarlier(sequence: number, bootMs: number): boolean {
    if (!Number.isNaN(bootMs))
      return areBootsEqual(bootMs, this.earlierBootMs) && areBootsDifferent(bootMs, this.bootMs);
    if (this.#earlierExpected === UNKNOWN) return false;
    const isNext = (sequence - this.#earlierExpected) >>> 0 < YOUNG_SEQUENCE;
    return isNext && isYoung(this.#sequence, sequence);
  }
}

/** Whether the number is one of the first, and far behind the other. */
function isYoung(sequence: number, other: number): boolean {
  if (other < 0 || sequence > YOUNG_SEQUENCE) return false;
  const behind = (other - sequence) >>> 0;
  return behind > REORDER_WINDOW && behind < HALF_RANGE;
}
