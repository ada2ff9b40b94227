/*
 * The exporters one receiving thread has heard, by address: who may send at all, whose row a datagram belongs to, and
 * what stays of the counters when a row is given up.
 *
 * A UDP source address is as easily forged as written, so the table is bounded, and a flood of forged sources must not
 * keep the real exporters out: known ones always get a row, and silent strangers lose theirs when room is needed.
 */
import type { Config } from '../config/config.ts';
import { PROTOCOLS } from '../decode/exporter/protocol.ts';
import { type Address, formatAddress, parseAddress, sameAddress } from '../net/address.ts';
import { Exporter } from './exporter.ts';
import { type LabelledDatagrams, OTHER_EXPORTERS } from './ingestSnapshot.ts';

/** What the config says about exporters. Structured-cloneable. */
export interface ExporterPolicy {
  /** Canonical addresses; empty = none named. */
  readonly flowSources: readonly string[];
  readonly enforce: boolean;
  readonly defaultSamplingRate: number;
  readonly samplingOverrides: ReadonlyMap<string, number>;
  /** Without `flowSources`: how many exporters get a label of their own, first come first served. */
  readonly labels: number;
}

/** Labels over all workers: a Prometheus server bears a few hundred series a metric easily. */
const LABEL_LIMIT = 256;

/** Rows of strangers. An exporter's state can grow to a megabyte, so this bounds what forged sources can take. */
const STRANGER_LIMIT = 2048;

/** A stranger silent for this long loses its row when another needs it. Templates are repeated at least as often. */
const IDLE_MS = 600_000;

/** The same for one that never told of a flow: what forged sources leave behind must not keep exporters out for long. */
const FLOWLESS_IDLE_MS = 30_000;

/** How often idle rows are looked for while the table is full. */
const SWEEP_EVERY_MS = 1000;

/** Spellings of source addresses that are remembered; forged sources make them come and go. */
const SOURCE_LIMIT = 8192;

/** Slots of the cache in front of sFlow agents; a power of two. */
const AGENT_SLOTS = 1024;

/** The policy of a config for each of so many workers. */
export function exporterPolicyOf(config: Config, workers: number): ExporterPolicy {
  return {
    flowSources: config.flowSources,
    enforce: config.flowSourcesEnforce,
    defaultSamplingRate: config.sampling.defaultRate,
    samplingOverrides: config.sampling.overrides,
    labels: Math.max(1, Math.floor(LABEL_LIMIT / workers)),
  };
}

/** A sender of datagrams, by its UDP source address. */
export interface Source {
  readonly address: Address;
  readonly trusted: boolean;
  /** The exporter of this address, once it was asked for. */
  exporter: Exporter | undefined;
}

export class ExporterTable {
  /** Datagrams from sources that the policy does not trust, and from exporters for whom there was no row. */
  untrustedDatagrams = 0;
  refusedDatagrams = 0;
  /** The newest source that was not trusted, as the socket spelled it. */
  lastUntrusted = '';
  /** Of exporters that lost their row: flows by protocol, and datagrams with errors. */
  readonly retiredFlows = new Float64Array(PROTOCOLS.length);
  retiredErrorDatagrams = 0;

  #policy: ExporterPolicy;
  #known: ReadonlySet<string>;
  readonly #strangerLimit: number;
  readonly #exporters = new Map<string, Exporter>();
  readonly #sources = new Map<string, Source>();
  readonly #agents: (Exporter | undefined)[] = new Array(AGENT_SLOTS).fill(undefined);
  /** Datagrams by label and protocol that no row holds any more. */
  readonly #credited = new Map<string, Float64Array>();
  #strangers = 0;
  #ownLabels = 0;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(policy: ExporterPolicy, strangerLimit: number = STRANGER_LIMIT) {
    this.#policy = policy;
    this.#known = new Set(policy.flowSources);
    this.#strangerLimit = strangerLimit;
  }

  get size(): number {
    return this.#exporters.size;
  }

  exporters(): Iterable<Exporter> {
    return this.#exporters.values();
  }

  /**
   * The sender with this address as the socket spells it (IPv4-mapped on a dual-stack socket, with a zone if link-local),
   * or undefined, counted, where it may not send.
   */
  source(text: string): Source | undefined {
    const source = this.#sources.get(text) ?? this.#addSource(text);
    if (source?.trusted === true) return source;
    this.untrustedDatagrams++;
    this.lastUntrusted = text;
    return undefined;
  }

  /** The sender's own row, or undefined, counted, where there is no room for it. */
  ofSource(source: Source, now: number): Exporter | undefined {
    source.exporter ??= this.#find(source.address, now);
    return source.exporter;
  }

  /** The row of an sFlow agent, or undefined, counted, where there is no room for it. */
  ofAgent(agent: Address, now: number): Exporter | undefined {
    const slot = (agent.word3 ^ (agent.word3 >>> 10) ^ agent.word1 ^ agent.word2) & (AGENT_SLOTS - 1);
    const cached = this.#agents[slot];
    if (cached !== undefined && sameAddress(cached.address, agent)) return cached;
    const exporter = this.#find(agent, now);
    this.#agents[slot] = exporter;
    return exporter;
  }

  /** Applies a reloaded policy: trust, overrides and labels change, what was counted under the old label stays there. */
  reconfigure(policy: ExporterPolicy): void {
    this.#policy = policy;
    this.#known = new Set(policy.flowSources);
    this.#sources.clear();
    this.#strangers = 0;
    this.#ownLabels = 0;
    for (const exporter of this.#exporters.values()) {
      exporter.samplingOverride = policy.samplingOverrides.get(exporter.text) ?? 0;
      if (!this.#known.has(exporter.text)) this.#strangers++;
      this.#relabel(exporter, this.#nextLabel(exporter.text));
    }
  }

  /** Datagrams by label and protocol; every known exporter and `other` are there, zeros included. */
  labelledDatagrams(): LabelledDatagrams[] {
    const sums = new Map<string, Float64Array>();
    for (const label of [...this.#policy.flowSources, OTHER_EXPORTERS]) sums.set(label, zeros());
    for (const [label, counts] of this.#credited) sums.set(label, counts.slice());
    for (const exporter of this.#exporters.values()) {
      const counts = sums.get(exporter.label) ?? zeros();
      addUncredited(counts, exporter);
      sums.set(exporter.label, counts);
    }
    return [...sums].flatMap(([label, counts]) =>
      PROTOCOLS.map((protocol, i) => ({ label, protocol, count: counts[i] })),
    );
  }

  #addSource(text: string): Source | undefined {
    const zone = text.indexOf('%');
    const address = parseAddress(zone < 0 ? text : text.slice(0, zone));
    if (address === undefined) return undefined;
    const trusted = !this.#policy.enforce || this.#known.has(formatAddress(address));
    const source = { address, trusted, exporter: undefined };
    if (this.#sources.size >= SOURCE_LIMIT) this.#sources.clear();
    this.#sources.set(text, source);
    return source;
  }

  #find(address: Address, now: number): Exporter | undefined {
    const text = formatAddress(address);
    const exporter = this.#exporters.get(text) ?? this.#add(address, text, now);
    if (exporter === undefined) this.refusedDatagrams++;
    return exporter;
  }

  #add(address: Address, text: string, now: number): Exporter | undefined {
    const known = this.#known.has(text);
    if (!known) {
      if (this.#strangers >= this.#strangerLimit) this.#retireIdle(now);
      if (this.#strangers >= this.#strangerLimit) return undefined;
      this.#strangers++;
    }
    const override = this.#policy.samplingOverrides.get(text) ?? 0;
    const exporter = new Exporter(address, this.#nextLabel(text), override);
    exporter.lastSeenAt = now;
    this.#exporters.set(text, exporter);
    return exporter;
  }

  #nextLabel(text: string): string {
    if (this.#policy.flowSources.length > 0) return this.#known.has(text) ? text : OTHER_EXPORTERS;
    if (this.#ownLabels >= this.#policy.labels) return OTHER_EXPORTERS;
    this.#ownLabels++;
    return text;
  }

  #relabel(exporter: Exporter, label: string): void {
    if (exporter.label === label) return;
    this.#credit(exporter);
    exporter.creditedDatagrams.set(exporter.state.datagrams);
    exporter.label = label;
  }

  /** Gives up the rows of strangers that fell silent. Those with a label of their own stay: a series must not vanish. */
  #retireIdle(now: number): void {
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    const before = this.#strangers;
    for (const [text, exporter] of this.#exporters) {
      const idleMs = exporter.state.flows.some((flows) => flows > 0) ? IDLE_MS : FLOWLESS_IDLE_MS;
      if (exporter.label !== OTHER_EXPORTERS || now - exporter.lastSeenAt < idleMs) continue;
      this.#credit(exporter);
      exporter.state.flows.forEach((flows, protocol) => {
        this.retiredFlows[protocol] += flows;
      });
      this.retiredErrorDatagrams += exporter.state.decodeErrorDatagrams;
      this.#exporters.delete(text);
      this.#strangers--;
    }
    if (this.#strangers === before) return;
    this.#sources.clear();
    this.#agents.fill(undefined);
  }

  #credit(exporter: Exporter): void {
    const counts = this.#credited.get(exporter.label) ?? zeros();
    addUncredited(counts, exporter);
    this.#credited.set(exporter.label, counts);
  }
}

function zeros(): Float64Array {
  return new Float64Array(PROTOCOLS.length);
}

function addUncredited(counts: Float64Array, exporter: Exporter): void {
  const { state, creditedDatagrams } = exporter;
  for (let i = 0; i < counts.length; i++) counts[i] += state.datagrams[i] - creditedDatagrams[i];
}
