/*
 * What the encoders of all protocols have in common: flow records come in, the datagrams of an exporter go out.
 */
import type { Address } from '../net/address.ts';

/**
 * One flow as an exporter accounts it: the input of the encoders. It shares nothing with the
 * columns of the decoder, so that a mistake in one is not repeated in the other.
 */
export interface FlowRecord {
  readonly src: Address;
  /** Of the same family as `src`. */
  readonly dst: Address;
  readonly srcPort: number;
  /** For ICMP: type × 256 + code. */
  readonly dstPort: number;
  readonly ipProtocol: number;
  readonly tcpFlags: number;
  /** Whether the packets are later fragments, which carry no ports. */
  readonly fragment: boolean;
  /** Packets that the exporter sampled. A whole number, at least 1. */
  readonly packets: number;
  /** Sum of the lengths of these packets, from the IP header on. */
  readonly bytes: number;
  readonly durationMs: number;
  /** How long before its export the last packet passed. */
  readonly endAgoMs: number;
  readonly inInterface: number;
  readonly outInterface: number;
}

export interface TelemetryEncoder {
  /** Datagrams of at most 1,464 bytes that report these flows and are exported at `nowMs` (epoch milliseconds). */
  encode(records: readonly FlowRecord[], nowMs: number): Uint8Array[];
}

/** Exporters keep their datagrams below the path's MTU, because a lost fragment loses them whole. */
export const MAX_DATAGRAM_BYTES = 1_400;

/** The exporter booted this long before its first datagram, so that earlier flows have a valid time too. */
const BOOTED_BEFORE_MS = 24 * 3_600_000;

/** NetFlow v5 and v9 and sFlow state time as milliseconds since the exporter booted, in 32 bits. */
export class ExporterUptime {
  readonly #bootedBeforeMs: number;
  #bootedAtMs: number | undefined;

  constructor(bootedBeforeMs = BOOTED_BEFORE_MS) {
    this.#bootedBeforeMs = bootedBeforeMs;
  }

  /** Whole milliseconds of uptime at this epoch time; wraps after 49.7 days, as the field does. */
  at(nowMs: number): number {
    this.#bootedAtMs ??= nowMs - this.#bootedBeforeMs;
    return Math.floor(nowMs - this.#bootedAtMs) >>> 0;
  }
}

const TEMPLATE_REFRESH_MS = 1_000;

/**
 * When templates are sent again. Over UDP a collector that was restarted knows none (RFC 7011 §8.4). Real exporters
 * repeat them after minutes, this one after a second.
 */
export class TemplateTimer {
  #sentAtMs: number | undefined;

  /** Whether a datagram that is made now must carry the templates. If so, they count as sent. */
  due(nowMs: number): boolean {
    if (this.#sentAtMs !== undefined && nowMs < this.#sentAtMs + TEMPLATE_REFRESH_MS) return false;
    this.#sentAtMs = nowMs;
    return true;
  }
}
