/*
 * The exporters that one receiving thread has seen, by address: who may send, which row a datagram belongs to, and the
 * counters of rows that were evicted.
 *
 * A UDP source address is easily forged, so the table is bounded. A flood of forged sources must not keep the real
 * exporters out: exporters in `flow_sources` always get a row, and idle unknown ones are evicted when another needs a
 * row.
 */
import type { DoubtReason } from '../decode/exporter/doubts.ts';
import { MemoryBudget } from '../decode/exporter/memoryBudget.ts';
import { PROTOCOLS } from '../decode/exporter/protocol.ts';
import { type Address, addressOfWords, formatAddress, sameAddress } from '../net/address.ts';
import { Exporter } from './exporter.ts';
import { type LabelledDatagrams, OTHER_EXPORTERS } from './ingestSnapshot.ts';
import type { ExporterPolicy } from './receiverSettings.ts';

/** Rows of unknown exporters. One row can grow to a megabyte, so this bounds the memory that forged sources take. */
const UNKNOWN_EXPORTER_LIMIT = 2048;

/** An unknown exporter that was silent for this long is evicted when another needs a row. Templates repeat sooner. */
const IDLE_MS = 600_000;

/** The same for one that was there only for a minute: rows of forged sources must not keep real exporters out for long. */
const SHORT_LIFE_MS = 60_000;
const SHORT_LIFE_IDLE_MS = 60_000;

/** The same for one that never sent a flow. */
const FLOWLESS_IDLE_MS = 30_000;

/**
 * sFlow agents that one sender may relay, besides those in `flow_sources`. One socket can invent any number of them.
 */
const RELAYED_AGENT_LIMIT = 256;

/** How often the full table is searched for idle rows. */
const SWEEP_EVERY_MS = 1000;

/** Places for senders, in sets of `SOURCE_SET`; a power of two. A set that is full gives up its oldest sender. */
const SOURCE_SLOTS = 8192;

const SOURCE_SET = 4;

/** Slots of the cache of sFlow agents; a power of two. */
const AGENT_SLOTS = 1024;

/** A sender of datagrams, by its UDP source address. */
export interface Source {
  readonly address: Address;
  /** Canonical text of the address. */
  readonly text: string;
  readonly trusted: boolean;
  /** The exporter with this address, after the first `ofSource`. */
  exporter: Exporter | undefined;
}

export class ExporterTable {
  /** Datagrams from sources that the policy does not trust. */
  untrustedDatagrams = 0;
  /** Datagrams of exporters for which there was no row. */
  refusedDatagrams = 0;
  /** The latest source that was not trusted. */
  lastUntrustedSource: Source | undefined = undefined;
  /** Counters of evicted exporters. */
  readonly evictedFlows = new Float64Array(PROTOCOLS.length);
  evictedErrorDatagrams = 0;
  evictedNotAtBorder = 0;
  evictedSequenceGaps = 0;
  readonly evictedDoubts = new Map<DoubtReason, number>();

  #policy: ExporterPolicy;
  #known: ReadonlySet<string>;
  readonly #unknownLimit: number;
  readonly #exporters = new Map<string, Exporter>();
  readonly #sources: (Source | undefined)[] = new Array(SOURCE_SLOTS).fill(undefined);
  readonly #agents: (Exporter | undefined)[] = new Array(AGENT_SLOTS).fill(undefined);
  /** Datagrams by label and protocol from evicted rows and earlier labels. */
  readonly #pastDatagrams = new Map<string, Float64Array>();
  /** Agents by the sender that relays them, without the known ones. */
  readonly #relayedAgents = new Map<string, number>();
  /** Of the known exporters, and of all others. */
  readonly #knownBudget = new MemoryBudget();
  readonly #unknownBudget: MemoryBudget;
  #unknownExporters = 0;
  #ownLabels = 0;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(policy: ExporterPolicy, unknownLimit: number = UNKNOWN_EXPORTER_LIMIT) {
    this.#policy = policy;
    this.#known = new Set(policy.flowSources);
    this.#unknownLimit = unknownLimit;
    this.#unknownBudget = new MemoryBudget(policy.unknownBytes);
  }

  get size(): number {
    return this.#exporters.size;
  }

  /** Since when the exporter that became unreadable last is so; undefined where all can be read. */
  unreadableSince(now: number): number | undefined {
    let latest: number | undefined;
    for (const exporter of this.#exporters.values()) {
      const since = exporter.unreadableSince(now);
      if (since !== undefined && since > (latest ?? Number.NEGATIVE_INFINITY)) latest = since;
    }
    return latest;
  }

  /** Within this time every exporter reports a flow that goes on; 0 where all report at once. */
  get reportsWithinMs(): number {
    let longest = 0;
    for (const exporter of this.#exporters.values()) longest = Math.max(longest, exporter.reportsWithinMs);
    return longest;
  }

  /** Called regularly: makes room for new exporters where there is little. */
  makeRoom(now: number): void {
    if (this.#unknownExporters >= this.#unknownLimit || this.#unknownBudget.isScarce) this.#evictIdle(now);
  }

  exporters(): Iterable<Exporter> {
    return this.#exporters.values();
  }

  /** From the number of each exporter's state to its address. */
  addressesByNumber(): Map<number, string> {
    return new Map(Array.from(this.#exporters.values(), ({ state, text }) => [state.number, text]));
  }

  /** The sender whose address is in four words from `at` on. Undefined, and counted, where it may not send. */
  source(words: Uint32Array, at: number): Source | undefined {
    const set = hashOf(words, at) & (SOURCE_SLOTS - SOURCE_SET);
    const source = this.#sourceInSet(set, words, at) ?? this.#addSource(set, words, at);
    if (source.trusted) return source;
    this.untrustedDatagrams++;
    this.lastUntrustedSource = source;
    return undefined;
  }

  /** The sender's row. Undefined, and counted, where the table is full. */
  ofSource(source: Source, now: number): Exporter | undefined {
    source.exporter ??= this.#find(source.address, undefined, now);
    return source.exporter;
  }

  /** The row of an sFlow agent, whose address is four words. Undefined, and counted, where the table is full, or the sender relays too many. */
  ofAgent(words: Uint32Array, sender: Source, now: number): Exporter | undefined {
    const slot = hashOf(words, 0) & (AGENT_SLOTS - 1);
    const cached = this.#agents[slot];
    if (cached !== undefined && isAddress(cached.address, words, 0)) return cached;
    const agent = addressOfWords(words[0], words[1], words[2], words[3]);
    const relay = sameAddress(agent, sender.address) ? undefined : sender.text;
    const exporter = this.#find(agent, relay, now);
    this.#agents[slot] = exporter;
    return exporter;
  }

  /**
   * Applies a reloaded policy: trust, overrides and labels. Datagrams that were counted under an old label stay there.
   */
  reconfigure(policy: ExporterPolicy): void {
    this.#policy = policy;
    this.#known = new Set(policy.flowSources);
    this.#sources.fill(undefined);
    this.#unknownExporters = 0;
    this.#relayedAgents.clear();
    this.#ownLabels = 0;
    for (const exporter of this.#exporters.values()) {
      this.#configure(exporter);
      this.#countUnknown(exporter, 1);
      this.#relabel(exporter, this.#nextLabel(exporter.text));
    }
  }

  /** Datagrams by label and protocol. Every known exporter and `other` have entries, zeros included. */
  labelledDatagrams(): LabelledDatagrams[] {
    const sums = new Map<string, Float64Array>();
    for (const label of [...this.#policy.flowSources, OTHER_EXPORTERS]) sums.set(label, zeros());
    for (const [label, counts] of this.#pastDatagrams) sums.set(label, counts.slice());
    for (const exporter of this.#exporters.values()) {
      const counts = sums.get(exporter.label) ?? zeros();
      addDatagrams(counts, exporter);
      sums.set(exporter.label, counts);
    }
    return [...sums].flatMap(([label, counts]) =>
      PROTOCOLS.map((protocol, i) => ({ label, protocol, count: counts[i] })),
    );
  }

  #sourceInSet(set: number, words: Uint32Array, at: number): Source | undefined {
    for (let slot = set; slot < set + SOURCE_SET; slot++) {
      const source = this.#sources[slot];
      if (source === undefined) return undefined;
      if (isAddress(source.address, words, at)) return source;
    }
    return undefined;
  }

  /** Adds a sender as the first of its set. */
  #addSource(set: number, words: Uint32Array, at: number): Source {
    const address = addressOfWords(words[at], words[at + 1], words[at + 2], words[at + 3]);
    const text = formatAddress(address);
    const trusted = !this.#policy.enforce || this.#known.has(text);
    const source = { address, text, trusted, exporter: undefined };
    this.#sources.copyWithin(set + 1, set, set + SOURCE_SET - 1);
    this.#sources[set] = source;
    return source;
  }

  #find(address: Address, relay: string | undefined, now: number): Exporter | undefined {
    const text = formatAddress(address);
    const exporter = this.#exporters.get(text) ?? this.#add(address, text, relay, now);
    if (exporter === undefined) this.refusedDatagrams++;
    return exporter;
  }

  #add(address: Address, text: string, relay: string | undefined, now: number): Exporter | undefined {
    if (!this.#known.has(text)) {
      if (!this.#hasRoom(relay)) this.#evictIdle(now);
      if (!this.#hasRoom(relay)) return undefined;
    }
    const exporter = new Exporter(address, this.#nextLabel(text), relay, now);
    this.#configure(exporter);
    this.#exporters.set(text, exporter);
    this.#countUnknown(exporter, 1);
    return exporter;
  }

  #hasRoom(relay: string | undefined): boolean {
    if (this.#unknownExporters >= this.#unknownLimit) return false;
    return relay === undefined || (this.#relayedAgents.get(relay) ?? 0) < RELAYED_AGENT_LIMIT;
  }

  /** Counts an exporter that is not known, and that its sender relays it. */
  #countUnknown({ text, relay }: Exporter, change: 1 | -1): void {
    if (this.#known.has(text)) return;
    this.#unknownExporters += change;
    if (relay === undefined) return;
    const agents = (this.#relayedAgents.get(relay) ?? 0) + change;
    if (agents > 0) this.#relayedAgents.set(relay, agents);
    else this.#relayedAgents.delete(relay);
  }

  #configure(exporter: Exporter): void {
    const { samplingOverrides, maxStatedRate, flowTiming, boundaries } = this.#policy;
    const { text } = exporter;
    exporter.state.moveTo(this.#known.has(text) ? this.#knownBudget : this.#unknownBudget);
    exporter.use(samplingOverrides.get(text) ?? 0, maxStatedRate, flowTiming.get(text), boundaries.get(text));
  }

  #nextLabel(text: string): string {
    if (this.#policy.flowSources.length > 0) return this.#known.has(text) ? text : OTHER_EXPORTERS;
    if (this.#ownLabels >= this.#policy.labels) return OTHER_EXPORTERS;
    this.#ownLabels++;
    return text;
  }

  #relabel(exporter: Exporter, label: string): void {
    if (exporter.label === label) return;
    this.#keepDatagrams(exporter);
    exporter.relabelledDatagrams.set(exporter.state.datagrams);
    exporter.label = label;
  }

  /** Evicts idle unknown exporters. Those with their own label stay: a time series must not disappear. */
  #evictIdle(now: number): void {
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    const before = this.#unknownExporters;
    for (const [text, exporter] of this.#exporters) {
      if (exporter.label !== OTHER_EXPORTERS || now - exporter.lastSeenAt < idleLimit(exporter)) continue;
      this.#keepDatagrams(exporter);
      exporter.state.flows.forEach((flows, protocol) => {
        this.evictedFlows[protocol] += flows;
      });
      this.evictedErrorDatagrams += exporter.state.decodeErrorDatagrams;
      this.evictedNotAtBorder += exporter.notAtBorder;
      this.evictedSequenceGaps += exporter.state.sequenceGaps;
      addDoubts(this.evictedDoubts, exporter.state.doubts);
      this.#exporters.delete(text);
      this.#countUnknown(exporter, -1);
      exporter.state.release();
    }
    if (this.#unknownExporters === before) return;
    this.#sources.fill(undefined);
    this.#agents.fill(undefined);
  }

  #keepDatagrams(exporter: Exporter): void {
    const counts = this.#pastDatagrams.get(exporter.label) ?? zeros();
    addDatagrams(counts, exporter);
    this.#pastDatagrams.set(exporter.label, counts);
  }
}

function isAddress({ word0, word1, word2, word3 }: Address, words: Uint32Array, at: number): boolean {
  return word3 === words[at + 3] && word2 === words[at + 2] && word1 === words[at + 1] && word0 === words[at];
}

/** 32 bits of an address, mixed so that neighbouring addresses are in different sets. */
function hashOf(words: Uint32Array, at: number): number {
  const bits = Math.imul(words[at + 3] ^ Math.imul(words[at] ^ words[at + 1] ^ words[at + 2], 0x85ebca6b), 0x9e3779b1);
  return bits ^ (bits >>> 15);
}

/** How long an unknown exporter may be silent before it is evicted. */
function idleLimit({ state, firstSeenAt, lastSeenAt }: Exporter): number {
  if (!state.flows.some((flows) => flows > 0)) return FLOWLESS_IDLE_MS;
  return lastSeenAt - firstSeenAt < SHORT_LIFE_MS ? SHORT_LIFE_IDLE_MS : IDLE_MS;
}

/** Adds the counts of an exporter to a sum. */
export function addDoubts(sums: Map<DoubtReason, number>, doubts: ReadonlyMap<DoubtReason, number>): void {
  for (const [reason, count] of doubts) sums.set(reason, (sums.get(reason) ?? 0) + count);
}

function zeros(): Float64Array {
  return new Float64Array(PROTOCOLS.length);
}

function addDatagrams(counts: Float64Array, exporter: Exporter): void {
  const { state, relabelledDatagrams } = exporter;
  for (let i = 0; i < counts.length; i++) counts[i] += state.datagrams[i] - relabelledDatagrams[i];
}
