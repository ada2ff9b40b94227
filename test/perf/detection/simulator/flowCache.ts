/*
 * The flow cache of a router (RFC 3954 §3.2, RFC 5470 §5.1.1): packets are added to the entry of their flow, and an entry
 * is exported when the flow was idle, lasted for the active timeout, was closed, or its room is needed.
 */
import { FIN, RST } from '../../../../src/net/protocolNumbers.ts';
import type { Flow } from './traffic.ts';

export interface FlowCacheSettings {
  readonly activeMs: number;
  readonly inactiveMs: number;
  /** How often the cache looks for entries that are due. */
  readonly scanMs: number;
  /** Entries at most. A full cache exports its oldest ones. */
  readonly entries: number;
  /**
   * Whether an entry stays when the active timeout exports it. Then the flow keeps the start of its first packet, as on
   * Juniper's MS-DPC; else the next packet begins a new entry.
   */
  readonly keepsFlows: boolean;
}

/** Values of flowEndReason (RFC 5102 §5.11.4). */
export const IDLE_TIMEOUT = 1;
export const ACTIVE_TIMEOUT = 2;
export const END_OF_FLOW = 3;
export const LACK_OF_RESOURCES = 5;

/** What an exported record tells: a part of a flow, with packets as they were sampled. */
export interface FlowPart {
  readonly flow: Flow;
  /** Of the entry's first packet. */
  readonly startMs: number;
  /** Of the first and the last packet that this part counts. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly packets: number;
  /** Since `startMs`. */
  readonly totalPackets: number;
  readonly tcpFlags: number;
  readonly endReason: number;
}

interface Entry {
  startMs: number;
  firstMs: number;
  lastMs: number;
  /** When the active timeout began to run. */
  activeFromMs: number;
  packets: number;
  totalPackets: number;
  tcpFlags: number;
}

/** A full cache makes room for this part of its entries at a time, as emergency expiry does on Cisco's routers. */
const EMERGENCY_PART = 16;

export class FlowCache {
  /** Parts that were exported and not fetched yet, oldest first. */
  ready: FlowPart[] = [];
  readonly #settings: FlowCacheSettings;
  readonly #entries = new Map<Flow, Entry>();
  /** Flows of a single packet, which get no other; oldest first, from `#singlesFrom` on. */
  #singles: { readonly flow: Flow; readonly atMs: number }[] = [];
  #singlesFrom = 0;
  #nextScanMs = 0;

  constructor(settings: FlowCacheSettings) {
    this.#settings = settings;
  }

  /** Packets of a flow that may get more. */
  add(flow: Flow, packets: number, tcpFlags: number, nowMs: number): void {
    let entry = this.#entries.get(flow);
    if (entry === undefined) {
      this.#makeRoom();
      entry = {
        startMs: nowMs,
        firstMs: nowMs,
        lastMs: nowMs,
        activeFromMs: nowMs,
        packets: 0,
        totalPackets: 0,
        tcpFlags: 0,
      };
      this.#entries.set(flow, entry);
    }
    if (entry.packets === 0) entry.firstMs = nowMs;
    entry.lastMs = nowMs;
    entry.packets += packets;
    entry.totalPackets += packets;
    entry.tcpFlags |= tcpFlags;
    if ((tcpFlags & (FIN | RST)) !== 0) this.#end(flow, entry, END_OF_FLOW);
  }

  /** The only packet of its flow. */
  addSingle(flow: Flow, nowMs: number): void {
    this.#makeRoom();
    this.#singles.push({ flow, atMs: nowMs });
  }

  /** Exports what is due. */
  advance(nowMs: number): void {
    if (nowMs < this.#nextScanMs) return;
    const { activeMs, inactiveMs, scanMs, keepsFlows } = this.#settings;
    this.#nextScanMs = nowMs + scanMs;
    const singlesUntilMs = nowMs - Math.min(activeMs, inactiveMs);
    while (this.#singlesCount > 0 && this.#singles[this.#singlesFrom].atMs <= singlesUntilMs) this.#endSingle();
    for (const [flow, entry] of this.#entries) {
      if (nowMs - entry.lastMs >= inactiveMs) this.#end(flow, entry, IDLE_TIMEOUT);
      else if (nowMs - entry.activeFromMs < activeMs) continue;
      else if (keepsFlows) this.#report(flow, entry, ACTIVE_TIMEOUT, nowMs);
      else this.#end(flow, entry, ACTIVE_TIMEOUT);
    }
  }

  get #singlesCount(): number {
    return this.#singles.length - this.#singlesFrom;
  }

  #makeRoom(): void {
    const { entries } = this.#settings;
    if (this.#entries.size + this.#singlesCount < entries) return;
    for (let room = Math.ceil(entries / EMERGENCY_PART); room > 0; room--) {
      const [oldest] = this.#entries;
      if (this.#singlesCount > 0) this.#endSingle();
      else if (oldest !== undefined) this.#end(...oldest, LACK_OF_RESOURCES);
    }
  }

  #endSingle(): void {
    const { flow, atMs } = this.#singles[this.#singlesFrom++];
    const times = { startMs: atMs, firstMs: atMs, lastMs: atMs };
    this.ready.push({
      flow,
      ...times,
      packets: 1,
      totalPackets: 1,
      tcpFlags: flow.tcpFlags,
      endReason: IDLE_TIMEOUT,
    });
    if (this.#singlesFrom < 4096) return;
    this.#singles = this.#singles.slice(this.#singlesFrom);
    this.#singlesFrom = 0;
  }

  #end(flow: Flow, entry: Entry, endReason: number): void {
    this.#report(flow, entry, endReason, entry.lastMs);
    this.#entries.delete(flow);
  }

  /** An entry without packets since its last report has nothing to tell. */
  #report(flow: Flow, entry: Entry, endReason: number, nowMs: number): void {
    const { startMs, firstMs, lastMs, packets, totalPackets, tcpFlags } = entry;
    if (packets > 0) this.ready.push({ flow, startMs, firstMs, lastMs, packets, totalPackets, tcpFlags, endReason });
    entry.packets = 0;
    entry.activeFromMs = nowMs;
  }
}
