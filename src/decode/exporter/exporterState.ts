/*
 * ExporterState: everything that decoding remembers of one exporter, and its counters.
 *
 * Counters are plain fields that ingest reads when asked. All tables are bounded by `DecodeLimits`; each has a reason in
 * `DECODE_ERROR_REASONS` under which it counts what does not fit.
 */
import { AwaitingSets } from './awaitingSets.ts';
import type { DecodeErrorReason } from './decodeErrors.ts';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from './decodeLimits.ts';
import { isSamplingRate, ObservationDomain } from './observationDomain.ts';
import { PROTOCOLS } from './protocol.ts';
import type { Template } from './template.ts';

/** A template that data waits for. */
export interface MissingTemplate {
  /** Index into `PROTOCOLS`. */
  readonly protocol: number;
  readonly domain: number;
  readonly templateId: number;
  /** Data sets that wait for it. */
  readonly sets: number;
}

export class ExporterState {
  readonly address: string;
  readonly limits: DecodeLimits;

  /** By index into `PROTOCOLS`. Datagrams of an unknown version are counted in `decodeErrors` only. */
  readonly datagrams = new Float64Array(PROTOCOLS.length);
  readonly flows = new Float64Array(PROTOCOLS.length);
  readonly decodeErrors = new Map<DecodeErrorReason, number>();
  /** Datagrams with at least one error; each counts once. */
  decodeErrorDatagrams = 0;
  /** The latest error: its reason, and the byte of its datagram where it was found. */
  lastError: DecodeErrorReason | undefined = undefined;
  lastErrorOffset = 0;
  /** How often a sequence number showed that something before it is missing. */
  sequenceGaps = 0;
  recordsWithoutCounters = 0;
  recordsWithoutAddresses = 0;
  optionsRecords = 0;
  /** sFlow counter and discarded-packet samples. */
  skippedSamples = 0;
  /** Templates known now, options templates included. */
  templates = 0;

  readonly awaiting: AwaitingSets;
  readonly #domains: ObservationDomain[] = [];
  #recentDomain: ObservationDomain | undefined = undefined;
  #templateBytes = 0;
  #samplingRates = 0;
  #datagramHasErrors = false;

  constructor(address: string, limits: DecodeLimits = DEFAULT_DECODE_LIMITS) {
    this.address = address;
    this.limits = limits;
    this.awaiting = new AwaitingSets(limits);
  }

  /** Data sets that are waiting for their template now. */
  get awaitingTemplateSets(): number {
    return this.awaiting.size;
  }

  /** Drops the data sets that have waited too long. */
  expireAwaiting(now: number): void {
    const expired = this.awaiting.expire(now);
    if (expired > 0) this.drop('template_missing', expired);
  }

  /** The templates that data sets are waiting for now. */
  missingTemplates(): MissingTemplate[] {
    const missing = new Map<string, MissingTemplate>();
    for (const { domain, templateId } of this.awaiting.all()) {
      const key = `${domain.protocol}/${domain.id}/${templateId}`;
      const sets = (missing.get(key)?.sets ?? 0) + 1;
      missing.set(key, { protocol: domain.protocol, domain: domain.id, templateId, sets });
    }
    return [...missing.values()];
  }

  /** Counts a datagram of the protocol, an index into `PROTOCOLS`. */
  beginDatagram(protocol: number): void {
    this.datagrams[protocol]++;
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

  /** Follows the domain's sequence numbers; see `ObservationDomain.followSequence`. */
  followSequence(domain: ObservationDomain, sequence: number, next: number): void {
    if (domain.followSequence(sequence, next)) this.sequenceGaps++;
  }

  /** Learns a template, or replaces the one with its id. False where the table has no room. */
  learnTemplate(domain: ObservationDomain, template: Template): boolean {
    this.forgetTemplate(domain, template.id);
    const bytes = template.wireBytes.length;
    while (this.templates >= this.limits.templates || this.#templateBytes + bytes > this.limits.templateBytes) {
      // Remove the domain's least recently announced template: a restarted exporter may use new ids.
      const [oldest] = domain.templates.keys();
      if (oldest === undefined) return false;
      this.forgetTemplate(domain, oldest);
      this.drop('template_limit', 1);
    }
    domain.templates.set(template.id, template);
    this.templates++;
    this.#templateBytes += bytes;
    return true;
  }

  /** Makes a template that was announced again the last one to be removed when room is needed. */
  refreshTemplate(domain: ObservationDomain, template: Template): void {
    domain.templates.delete(template.id);
    domain.templates.set(template.id, template);
  }

  /** Removes a template; does nothing where it is not known. */
  forgetTemplate(domain: ObservationDomain, id: number): void {
    const template = domain.templates.get(id);
    if (template === undefined) return;
    domain.templates.delete(id);
    this.templates--;
    this.#templateBytes -= template.wireBytes.length;
  }

  /** Learns the rate of the whole domain. A number that cannot be a rate changes nothing. */
  learnDomainRate(domain: ObservationDomain, rate: number): void {
    if (isSamplingRate(rate)) domain.sampling.domainWide = rate;
  }

  /** Learns the rate of a sampler or an interface; `rates` is the domain's table of them. */
  learnKeyedRate(rates: Map<number, number>, key: number, rate: number): void {
    if (!isSamplingRate(rate)) return;
    if (!rates.has(key)) {
      if (this.#samplingRates >= this.limits.samplingRates) {
        this.drop('sampling_limit', 1);
        return;
      }
      this.#samplingRates++;
    }
    rates.set(key, rate);
  }

  #findDomain(protocol: number, id: number): ObservationDomain | undefined {
    for (const domain of this.#domains) {
      if (domain.id === id && domain.protocol === protocol) return domain;
    }
    return undefined;
  }

  #addDomain(protocol: number, id: number): ObservationDomain {
    const domain = new ObservationDomain(protocol, id);
    if (this.#domains.length < this.limits.domains) {
      this.#domains.push(domain);
      return domain;
    }
    let oldest = 0;
    for (let i = 1; i < this.#domains.length; i++) {
      if (this.#domains[i].lastSeenMs < this.#domains[oldest].lastSeenMs) oldest = i;
    }
    this.#forgetDomain(this.#domains[oldest]);
    this.#domains[oldest] = domain;
    this.drop('domain_limit', 1);
    return domain;
  }

  #forgetDomain(domain: ObservationDomain): void {
    for (const id of [...domain.templates.keys()]) this.forgetTemplate(domain, id);
    this.#samplingRates -= domain.sampling.size;
    this.awaiting.forget(domain);
  }
}
