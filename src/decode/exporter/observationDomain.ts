/*
 * What decoding remembers of one observation domain of an exporter (RFC 7011 §2): its transport sessions, templates and
 * sampling rates. NetFlow v9 calls the domain source id, v5 engine, sFlow sub-agent.
 */
import { AnnouncedTemplates } from './announcedTemplates.ts';
import { ExportClock } from './exportClock.ts';
import { areBootsDifferent, areOfTwoExporters, type MessageHeader, MessageHistory } from './messageHistory.ts';
import { RecordRates } from './recordRates.ts';
import { NO_RATES, type RateScope, SamplingRates } from './samplingRates.ts';

/** Sessions that are remembered. A restarted exporter often has a new port, and a few send from a new one each time. */
const MOST_SESSIONS = 16;

export class ObservationDomain {
  /** Index into `PROTOCOLS`: the same number in two protocols is two domains. */
  readonly protocol: number;
  readonly id: number;
  readonly templates = new AnnouncedTemplates();
  readonly clock = new ExportClock();
  /** Rates that stand beside its traffic. */
  readonly recordRates = new RecordRates();
  /** When the exporter started (element 160), in milliseconds of its clock; 0 where it does not say. */
  systemInitMs = 0;
  lastSeenMs = 0;
  /** The session of the message that is being decoded. */
  session: MessageHistory;
  /** The latest such time that was believed, also from before a restart; one that was stated once, and when. */
  #knownInitMs = 0;
  #pendingInitMs = 0;
  #pendingInitAt = 0;
  readonly #sessions: MessageHistory[];
  /** The session that stated a sampling rate last. */
  #ratesFrom: MessageHistory | undefined = undefined;
  #messages = 0;
  /** The number after the latest message, of whatever session; negative where it is not known. */
  #expectedSequence = -1;

  constructor(protocol: number, id: number) {
    this.protocol = protocol;
    this.id = id;
    this.session = new MessageHistory(-1);
    this.#sessions = [];
  }

  /**
   * Its options say when the exporter started. Another time than the known one is believed when it is stated again in a
   * datagram received later: one may be forged, and all flows would seem to have ended long ago. Only after a restart a
   * later time is what is expected.
   */
  stateSystemInit(ms: number, now: number): void {
    const isKnown = !areBootsDifferent(ms, this.#knownInitMs);
    const isOfRestart = this.systemInitMs === 0 && ms > this.#knownInitMs;
    const isRepeated = ms === this.#pendingInitMs && now !== this.#pendingInitAt;
    if (isKnown || isOfRestart || isRepeated) {
      this.systemInitMs = ms;
      this.#knownInitMs = ms;
      this.#pendingInitMs = 0;
    } else if (ms !== this.#pendingInitMs) {
      this.#pendingInitMs = ms;
      this.#pendingInitAt = now;
    }
  }

  /** Takes the header of a message; see `MessageHistory.take`. */
  beginMessage(header: MessageHeader): MessageHistory {
    this.session = this.sessionOf(header.sourcePort);
    this.session.lastMessage = ++this.#messages;
    this.session.take(header, this.#expectedSequence);
    return this.session;
  }

  /** Ends the message; see `MessageHistory.finish`. */
  endMessage(next: number): void {
    this.session.finish(next);
    this.#expectedSequence = this.session.expected;
  }

  /**
   * The sampling rates for records of the current session: its own, else those that another session of the same exporter
   * stated.
   */
  get sampling(): SamplingRates {
    return this.ratesFor(this.session);
  }

  /** The same for records of any session. */
  ratesFor(session: MessageHistory): SamplingRates {
    if (session.sampling !== undefined) return session.sampling;
    const other = this.#ratesFrom;
    return other?.sampling === undefined || areOfTwoExporters(session, other) ? NO_RATES : other.sampling;
  }

  /** The rates that the session states, to add one. `servesOthers`: it holds for sessions that state none, too. */
  ratesStatedBy(session: MessageHistory, servesOthers: boolean): SamplingRates {
    session.sampling ??= new SamplingRates();
    if (servesOthers) this.#ratesFrom = session;
    return session.sampling;
  }

  /** How many sampling rates its sessions stated. */
  get samplingRates(): number {
    return this.#sessions.reduce((sum, { sampling }) => sum + (sampling?.size ?? 0), 0);
  }

  /** The session from this port. A new one takes the place of the one that was silent longest. */
  sessionOf(port: number): MessageHistory {
    if (this.session.port === port) return this.session;
    const known = this.#sessions.find((session) => session.port === port);
    if (known !== undefined) return known;
    const session = new MessageHistory(port);
    if (this.#sessions.length < MOST_SESSIONS) {
      this.#sessions.push(session);
      return session;
    }
    let oldest = 0;
    for (let i = 1; i < this.#sessions.length; i++) {
      if (this.#sessions[i].lastMessage < this.#sessions[oldest].lastMessage) oldest = i;
    }
    this.#sessions[oldest] = session;
    return session;
  }
}

/** A sampling rate in an options record. */
export interface StatedRate {
  /** The domain that it is said of, and the session that says it. */
  readonly domain: ObservationDomain;
  readonly session: MessageHistory;
  readonly scope: RateScope;
  /** Of a sampler, an interface or a template; 0 for everything. */
  readonly key: number;
  readonly rate: number;
  /** Bytes of the field that it was read from; 0 where it was computed. */
  readonly fieldBytes: number;
  /** Whether it is said of the whole exporter. */
  readonly ofWholeExporter: boolean;
}
