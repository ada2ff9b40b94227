/*
 * ExporterState: everything that decoding remembers of one exporter, and its counters.
 *
 * Counters are plain fields that ingest reads when asked. All tables are bounded by `DecodeLimits`; each has a reason
 * in `DECODE_ERROR_REASONS` under which it counts what does not fit.
 */
import { ActiveTimeout } from '../../flowExporter.ts';
import type { AnnouncedTemplates } from './announcedTemplates.ts';
import { type AwaitingLimits, AwaitingSets, type DataSetHeader, type ReadySet } from './awaitingSets.ts';
import type { DecodeErrorReason } from './decodeErrors.ts';
import type { DoubtReason } from './doubts.ts';
import {
  AWAITING_SET_BYTES,
  DOMAIN_BYTES,
  MemoryBudget,
  SAMPLING_RATE_BYTES,
  TEMPLATE_BYTES,
  TEMPLATE_FIELD_BYTES,
} from './memoryBudget.ts';
import { areOfTwoExporters, type MessageHeader, type MessageHistory } from './messageHistory.ts';
import { ObservationDomain, type StatedRate } from './observationDomain.ts';
import { IPFIX, NETFLOW9, PROTOCOLS } from './protocol.ts';
import { RateBelief } from './rateBelief.ts';
import { isSamplingRate, NO_RATES, type RateScope, SamplingRates } from './samplingRates.ts';
import type { Template } from './template.ts';

/**
 * How much decoding remembers of one exporter. Anybody can send UDP datagrams in an exporter's name, so every table has
 * a limit, and a hostile sender can make one exporter take a few megabytes at most.
 */
export interface DecodeLimits extends AwaitingLimits {
  /** Observation domains: those of IPFIX, v9 source ids, v5 engines and sFlow sub-agents together. */
  readonly domains: number;
  /** Templates over all domains. The most that were seen from one exporter are 30, from a Cisco ASA. */
  readonly templates: number;
  /** Bytes of all template records. This bounds the memory, since a template may have one field or thousands. */
  readonly templateBytes: number;
  /** Sampling rates over all domains, samplers and interfaces. */
  readonly samplingRates: number;
}

export const DEFAULT_DECODE_LIMITS: DecodeLimits = {
  domains: 256,
  templates: 1024,
  templateBytes: 131_072,
  samplingRates: 4096,
  awaitingSets: 512,
  awaitingBytes: 131_072,
  awaitingMs: 10_000,
};

const NONE_READY: readonly ReadySet[] = [];

/** An exporter is new for so long: what a session of it states first is believed of its own flows. */
const NEW_EXPORTER_MS = 60_000;

/** The same for rates that stand beside the traffic: they are in every datagram, so they are all known soon. */
const NEW_TRAFFIC_MS = 5000;

/** A template that data waits for. */
export interface MissingTemplate {
  /** Index into `PROTOCOLS`. */
  readonly protocol: number;
  readonly domain: number;
  readonly templateId: number;
  /** Data sets that wait for it. */
  readonly sets: number;
}

/** Tells exporters apart in tables that they share. */
let exporters = 0;

export class ExporterState {
  readonly address: string;
  readonly number = exporters++;
  readonly limits: DecodeLimits;

  /** By index into `PROTOCOLS`. Datagrams of an unknown version are counted in `decodeErrors` only. */
  readonly datagrams = new Float64Array(PROTOCOLS.length);
  readonly flows = new Float64Array(PROTOCOLS.length);
  readonly decodeErrors = new Map<DecodeErrorReason, number>();
  /** What was not believed, by reason, and the latest such value. */
  readonly doubts = new Map<DoubtReason, number>();
  lastDoubt: { readonly reason: DoubtReason; readonly value: number } | undefined = undefined;
  /** Datagrams with at least one error; each counts once. */
  decodeErrorDatagrams = 0;
  /** The latest error: its reason, and the byte of its datagram where it was found. */
  lastError: DecodeErrorReason | undefined = undefined;
  lastErrorOffset = 0;
  /** How often a sequence number showed that something before it is missing. */
  sequenceGaps = 0;
  /** How often its headers showed that it was restarted. */
  restarts = 0;
  recordsWithoutCounters = 0;
  recordsWithoutAddresses = 0;
  optionsRecords = 0;
  /** sFlow counter and discarded-packet samples. */
  skippedSamples = 0;
  readonly activeTimeout = new ActiveTimeout();
  /** The highest sampling rate that it is believed to state, from the config. */
  maxStatedRate = 10_000_000;
  /** Whether all its counters are since the flow began, by the config. */
  countersAreTotals = false;
  /** The rates that it states of itself as a whole, and who did so last. */
  readonly #wholeRates = new SamplingRates();
  #wholeRatesFrom: { readonly domain: ObservationDomain; readonly session: MessageHistory } | undefined = undefined;
  readonly #awaiting: AwaitingSets;
  readonly #rateBelief = new RateBelief();
  readonly #domains: ObservationDomain[] = [];
  #recentDomain: ObservationDomain | undefined = undefined;
  #budget: MemoryBudget;
  /** Its part of the budget's bytes. */
  #chargedBytes = 0;
  /** Number and time of the current datagram. */
  #datagram = 0;
  #firstSeenMs = Number.NaN;
  #now = 0;
  #datagramHasErrors = false;

  constructor(address: string, limits: DecodeLimits = DEFAULT_DECODE_LIMITS, budget = new MemoryBudget()) {
    this.address = address;
    this.limits = limits;
    this.#awaiting = new AwaitingSets(limits);
    this.#budget = budget;
  }

  /** Templates known now, options templates included. */
  get templates(): number {
    return this.#sumOfTemplates(({ count }) => count);
  }

  /** Data sets that are waiting for their template now. */
  get awaitingTemplateSets(): number {
    return this.#awaiting.size;
  }

  /** Bytes of the data sets that are waiting. */
  get awaitingBytes(): number {
    return this.#awaiting.bytes;
  }

  /** Counts what it remembers in another budget from now on, whether there is room or not. */
  moveTo(budget: MemoryBudget): void {
    this.#budget.usedBytes -= this.#chargedBytes;
    this.#budget = budget;
    this.#budget.usedBytes += this.#chargedBytes;
  }

  /** Gives back its part of the budget. It must not be used afterwards. */
  release(): void {
    this.#budget.usedBytes -= this.#chargedBytes;
    this.#chargedBytes = 0;
  }

  /** Keeps bytes [offset, end) of the datagram until the template arrives. Counted where there is no room for them. */
  await(header: DataSetHeader, view: DataView, offset: number, end: number): void {
    const hasRoom = this.#budget.hasRoom(AWAITING_SET_BYTES + end - offset);
    if (!hasRoom || !this.#awaiting.keep(header, view, offset, end, this.#now)) this.drop('awaiting_limit', 1);
    this.#charge();
  }

  /** Removes the data sets that have their template now, and drops those that have waited too long. */
  takeReadySets(): readonly ReadySet[] {
    if (this.#awaiting.size === 0) return NONE_READY;
    const expired = this.#awaiting.expire(this.#now);
    if (expired > 0) this.drop('template_missing', expired);
    const ready = this.#awaiting.mayBeReady ? this.#awaiting.takeReady(this.#expectsRate) : [];
    this.#charge();
    return ready;
  }

  /** The templates that data sets are waiting for now. */
  missingTemplates(): MissingTemplate[] {
    const missing = new Map<string, MissingTemplate>();
    for (const { domain, templateId } of this.#awaiting.all()) {
      const key = `${domain.protocol}/${domain.id}/${templateId}`;
      const sets = (missing.get(key)?.sets ?? 0) + 1;
      missing.set(key, { protocol: domain.protocol, domain: domain.id, templateId, sets });
    }
    return [...missing.values()];
  }

  /** Counts a datagram of the protocol, an index into `PROTOCOLS`, received at `now`. */
  beginDatagram(protocol: number, now: number): void {
    this.datagrams[protocol]++;
    this.#datagram++;
    this.#now = now;
    if (Number.isNaN(this.#firstSeenMs)) this.#firstSeenMs = now;
  }

  /** Ends the current datagram. True where it had no error. */
  endDatagram(): boolean {
    const clean = !this.#datagramHasErrors;
    if (!clean) this.decodeErrorDatagrams++;
    this.#datagramHasErrors = false;
    return clean;
  }

  /** Counts an error of the current datagram, found at this byte of it. */
  fail(reason: DecodeErrorReason, offset: number): void {
    this.#datagramHasErrors = true;
    this.lastError = reason;
    this.lastErrorOffset = offset;
    this.drop(reason, 1);
  }

  /** Counts what is lost for a reason other than an error of the current datagram. */
  drop(reason: DecodeErrorReason, count: number): void {
    this.decodeErrors.set(reason, (this.decodeErrors.get(reason) ?? 0) + count);
  }

  /** Counts what is not believed. `value` is what was stated, where there is one. */
  doubt(reason: DoubtReason, count = 1, value = Number.NaN): void {
    this.doubts.set(reason, (this.doubts.get(reason) ?? 0) + count);
    if (this.lastDoubt?.reason !== reason || this.lastDoubt.value !== value) this.lastDoubt = { reason, value };
  }

  /** The domain of this number. A new one takes the place of the least recently seen where the table is full. */
  domain(protocol: number, id: number, now: number): ObservationDomain {
    let domain = this.#recentDomain;
    if (domain === undefined || domain.id !== id || domain.protocol !== protocol) {
      domain = this.#findDomain(protocol, id) ?? this.#addDomain(protocol, id);
      this.#recentDomain = domain;
    }
    domain.lastSeenMs = now;
    return domain;
  }

  /**
   * Takes the header of a message; see `MessageHistory.take`. A restarted exporter may use its template
   * ids for other layouts (RFC 3954 §9), so its templates are forgotten.
   */
  beginMessage(domain: ObservationDomain, header: MessageHeader): void {
    const session = domain.beginMessage(header);
    if (session.isGap) this.sequenceGaps++;
    if (session.continuesEarlier) {
      domain.templates.restoreForgotten();
      this.#awaiting.mayBeReady = true;
      this.#charge();
    }
    if (!session.isRestart) return;
    this.restarts++;
    domain.templates.forgetSession(session);
    domain.systemInitMs = 0;
    const dropped = this.#awaiting.forgetSession(session);
    if (dropped > 0) this.drop('template_missing', dropped);
    this.#charge();
  }

  /** Learns a template, or replaces the one with its id. False where the table has no room. */
  learnTemplate(domain: ObservationDomain, template: Template): boolean {
    const { templates, session } = domain;
    templates.withdraw(template.id, session);
    const bytes = template.wireBytes.length;
    const { limits } = this;
    const isFull = (): boolean =>
      this.templates >= limits.templates ||
      this.#sumOfTemplates(({ wireBytes }) => wireBytes) + bytes > limits.templateBytes;
    while (isFull()) {
      // Remove the domain's least recently announced template: a restarted exporter may use new ids.
      if (!templates.forgetOldest()) return false;
      this.drop('template_limit', 1);
    }
    this.#charge();
    if (!this.#budget.hasRoom(TEMPLATE_BYTES + TEMPLATE_FIELD_BYTES * template.lengths.length)) return false;
    this.announceTemplate(domain, template);
    this.#charge();
    return true;
  }

  /** Takes an announcement of a template that is known, also of another session. */
  announceTemplate(domain: ObservationDomain, template: Template): void {
    domain.templates.announce(template, domain.session);
    this.#awaiting.mayBeReady = true;
  }

  /**
   * Whether a rate that stands beside the traffic of the domain is believed, 1 for one that is not stated; `fieldBytes` as
   * in `StatedRate`. Where it is not, `recordRates.refusal` of the domain says why.
   */
  believesRate({ recordRates, session }: ObservationDomain, rate: number, fieldBytes: number): boolean {
    const isFirst = session.follows || !session.hasFlows;
    const isNew = isFirst && this.#now - this.#firstSeenMs < NEW_TRAFFIC_MS;
    if (rate <= this.maxStatedRate) return recordRates.believes(rate, fieldBytes, this.#datagram, isNew);
    recordRates.refusal = 'sampling_rate';
    return false;
  }

  /** The rates of the exporter as a whole, for records of a session of the domain, the current one where none is given. */
  wholeRates(domain: ObservationDomain, session = domain.session): SamplingRates {
    const from = this.#wholeRatesFrom;
    if (from === undefined) return NO_RATES;
    const isOfAnother = from.domain === domain && areOfTwoExporters(session, from.session);
    return isOfAnother ? NO_RATES : this.#wholeRates;
  }

  /** Learns a rate from an options record of the current message. A number that cannot be a rate changes nothing. */
  learnRate(stated: StatedRate): void {
    const { domain, session, scope, key, rate, fieldBytes, ofWholeExporter } = stated;
    if (!isSamplingRate(rate)) return;
    const own = domain.sessionOf(session.port);
    const belief = this.#rateBelief.judge(
      {
        name: `${domain.protocol} ${domain.id} ${scope} ${key}`,
        rate,
        fieldBytes,
        current: domain.ratesFor(own).rateOf(scope, key) || this.wholeRates(domain, own).rateOf(scope, key),
        follows: session.follows,
        isFirstFor: this.#isFirstFor(own),
        datagram: this.#datagram,
      },
      this.maxStatedRate,
    );
    if (belief === 'impossible') this.doubt('sampling_rate', 1, rate);
    else if (belief === 'jump') this.doubt('sampling_rate_jump', 1, rate);
    else {
      const servesOthers = belief === 'believed';
      this.#setRate(domain.ratesStatedBy(own, servesOthers), scope, key, rate);
      if (ofWholeExporter && servesOthers) {
        this.#setRate(this.#wholeRates, scope, key, rate);
        this.#wholeRatesFrom = { domain, session };
      }
      this.#charge();
    }
  }

  /** For whom a rate of this session can be the first that matters; see `RateStatement`. */
  #isFirstFor(session: MessageHistory): 'all' | 'session' | 'nobody' {
    if (this.flows[NETFLOW9] + this.flows[IPFIX] === 0) return 'all';
    const isNew = this.#now - this.#firstSeenMs < NEW_EXPORTER_MS;
    return isNew && !session.hasFlows ? 'session' : 'nobody';
  }

  #setRate(rates: SamplingRates, scope: RateScope, key: number, rate: number): void {
    if (!rates.has(scope, key)) {
      const isFull = this.#samplingRates >= this.limits.samplingRates;
      if (isFull || !this.#budget.hasRoom(SAMPLING_RATE_BYTES)) {
        this.drop('sampling_limit', 1);
        return;
      }
    }
    rates.set(scope, key, rate);
  }

  /** Whether it has announced that it states a rate, and has not done so. */
  get #expectsRate(): boolean {
    return this.#samplingRates === 0 && this.#sumOfTemplates(({ statingRate }) => statingRate) > 0;
  }

  get #samplingRates(): number {
    return this.#domains.reduce((sum, { samplingRates }) => sum + samplingRates, this.#wholeRates.size);
  }

  #sumOfTemplates(pick: (templates: AnnouncedTemplates) => number): number {
    return this.#domains.reduce((sum, { templates }) => sum + pick(templates), 0);
  }

  /** Brings the budget up to date with what is remembered now. The first domain is part of every exporter. */
  #charge(): void {
    const bytes =
      TEMPLATE_BYTES * this.templates +
      TEMPLATE_FIELD_BYTES * this.#sumOfTemplates(({ fields }) => fields) +
      SAMPLING_RATE_BYTES * this.#samplingRates +
      DOMAIN_BYTES * Math.max(0, this.#domains.length - 1) +
      AWAITING_SET_BYTES * this.#awaiting.size +
      this.#awaiting.bytes;
    this.#budget.usedBytes += bytes - this.#chargedBytes;
    this.#chargedBytes = bytes;
  }

  #findDomain(protocol: number, id: number): ObservationDomain | undefined {
    for (const domain of this.#domains) {
      if (domain.id === id && domain.protocol === protocol) return domain;
    }
    return undefined;
  }

  #addDomain(protocol: number, id: number): ObservationDomain {
    const domain = new ObservationDomain(protocol, id);
    const count = this.#domains.length;
    if (count === 0 || (count < this.limits.domains && this.#budget.hasRoom(DOMAIN_BYTES))) {
      this.#domains.push(domain);
      this.#charge();
      return domain;
    }
    let oldest = 0;
    for (let i = 1; i < count; i++) {
      if (this.#domains[i].lastSeenMs < this.#domains[oldest].lastSeenMs) oldest = i;
    }
    this.#awaiting.forgetDomain(this.#domains[oldest]);
    this.#domains[oldest] = domain;
    this.drop('domain_limit', 1);
    this.#charge();
    return domain;
  }
}
