/*
 * ExporterState: everything that decoding remembers of one exporter, and its counters.
 *
 * Counters are plain fields that ingest reads when asked. All tables are bounded by `DecodeLimits`; each has a reason
 * in `DECODE_ERROR_REASONS` under which it counts what does not fit.
 */
import { ActiveTimeout } from '../../flowExporter.ts';
import { type AwaitingLimits, AwaitingSets } from './awaitingSets.ts';
import type { DoubtReason } from './doubts.ts';
import { isSamplingRate, ObservationDomain } from './observationDomain.ts';
import { PROTOCOLS } from './protocol.ts';
import type { Template } from './template.ts';

/**
 * Why a datagram, or a part of one, gave no flows. The list is fixed, because the reasons are keys in the API.
 */
export const DECODE_ERROR_REASONS = [
  /** A version other than NetFlow 5 and 9, IPFIX (10) and sFlow 5. */
  'unsupported_version',
  /** Shorter than the header of its protocol. */
  'header_truncated',
  /** The header promises more records, samples or bytes than the datagram holds. */
  'datagram_truncated',
  /** Bytes after the IPFIX message that are neither padding nor another message. */
  'trailing_bytes',
  /** A set length below the set header's four bytes, or beyond the end of the datagram. */
  'set_length',
  /** A set id that the protocol reserves. */
  'set_id_reserved',
  /** A template that ends before its last field. */
  'template_truncated',
  /** A template id below 256: those are set ids. */
  'template_id_reserved',
  /** A NetFlow v9 template without fields. In IPFIX it withdraws a template. */
  'template_empty',
  /** A data set whose template describes records of zero bytes. */
  'record_empty',
  /** A record that goes beyond the end of its set, or a set too short for one record. */
  'record_overrun',
  /** An sFlow agent address that is neither IPv4 nor IPv6. */
  'agent_address',
  /** An sFlow sample that goes beyond the end of the datagram, or is too short for its own header. */
  'sample_truncated',
  /** An sFlow record that goes beyond the end of its sample, or is too short for its type. */
  'sample_record_truncated',
  /** A template that was refused, or an older one that was removed for it, because the exporter's table is full. */
  'template_limit',
  /** The least recently seen domain was removed, because the exporter's table is full. */
  'domain_limit',
  /** A sampling rate that was not remembered, because the exporter's table is full. */
  'sampling_limit',
  /** Records that were skipped, because the datagram's rows in the batch are full. */
  'flow_limit',
  /** A data set that was dropped because its template did not come in time. Not an error of the datagram. */
  'template_missing',
  /** A data set that could not wait for its template, because the buffer is full. Not an error of the datagram. */
  'awaiting_limit',
] as const;

export type DecodeErrorReason = (typeof DECODE_ERROR_REASONS)[number];

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
  recordsWithoutCounters = 0;
  recordsWithoutAddresses = 0;
  optionsRecords = 0;
  /** sFlow counter and discarded-packet samples. */
  skippedSamples = 0;
  /** Templates known now, options templates included. */
  templates = 0;

  readonly activeTimeout = new ActiveTimeout();
  /** The highest sampling rate that it is believed to state, from the config. */
  maxStatedRate = 10_000_000;
  /** Whether all its counters are since the flow began, by the config. */
  countersAreTotals = false;
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
