/*
 * Traffic over time as a multiple of a limit: the truth, counted from the packets, and what the exported records show of
 * it at best, when each is spread evenly over the time between its first and its last packet.
 */

import { ACK, SYN, TCP, UDP } from '../../../src/net/protocolNumbers.ts';
import { type Metric, RATE_PER_COUNT, type Thresholds, TRAFFIC_METRICS } from '../../../src/trafficMetrics.ts';
import type { PacketKind } from './simulator/traffic.ts';

export const BIN_MS = 100;

/** A limit, and how much of its metric one packet is. */
export interface LimitedMetric {
  readonly metric: Metric;
  readonly limit: number;
  readonly amountOf: (kind: PacketKind, tcpFlags: number) => number;
}

/** Only limits on packets and megabits. */
export function limitedMetrics(limits: Thresholds): LimitedMetric[] {
  return TRAFFIC_METRICS.flatMap(({ name, kind, unit, offset }) => {
    const limit = limits[name];
    if (limit === undefined) return [];
    const counts = matcherOf(kind);
    const amountOf = (packet: PacketKind, tcpFlags: number): number =>
      counts(packet, tcpFlags) ? (unit === 'megabits' ? packet.packetBytes * RATE_PER_COUNT[offset] : 1) : 0;
    return [{ metric: name, limit, amountOf }];
  });
}

function matcherOf(kind: string): (packet: PacketKind, tcpFlags: number) => boolean {
  if (kind === 'tcp') return ({ ipProtocol }) => ipProtocol === TCP;
  if (kind === 'udp') return ({ ipProtocol }) => ipProtocol === UDP;
  if (kind === 'tcp_syn') return ({ ipProtocol }, tcpFlags) => ipProtocol === TCP && (tcpFlags & (SYN | ACK)) === SYN;
  return () => true;
}

/** One metric of one host. Times are milliseconds since the scenario began. */
export class TrafficSeries {
  readonly #amounts: Float64Array;
  readonly #windowBins: number;
  /** What a window holds whose rate is at the limit. */
  readonly #mostInWindow: number;
  /** Bins that changed since the last call of `latestOver`. */
  #changedFrom = 0;
  #changedUntil = 0;
  #latestOver = -1;

  constructor(durationMs: number, windowSeconds: number, limit: number) {
    this.#amounts = new Float64Array(Math.ceil(durationMs / BIN_MS) + 1);
    this.#windowBins = Math.round((windowSeconds * 1000) / BIN_MS);
    this.#mostInWindow = limit * windowSeconds;
  }

  add(timeMs: number, amount: number): void {
    const bin = Math.floor(timeMs / BIN_MS);
    this.#amounts[bin] += amount;
    this.#noteChange(bin, bin);
  }

  /** Spread evenly between two times. */
  addEvenly(fromMs: number, untilMs: number, amount: number): void {
    const first = Math.floor(fromMs / BIN_MS);
    const last = Math.floor(untilMs / BIN_MS);
    if (first === last) {
      this.add(fromMs, amount);
      return;
    }
    const perMs = amount / (untilMs - fromMs);
    for (let bin = first; bin <= last; bin++) {
      const ms = Math.min(untilMs, (bin + 1) * BIN_MS) - Math.max(fromMs, bin * BIN_MS);
      this.#amounts[bin] += ms * perMs;
    }
    this.#noteChange(first, last);
  }

  /** The mean rate, as a multiple of the limit, over the window that ends with each bin. */
  levels(): Float64Array {
    const levels = new Float64Array(this.#amounts.length);
    let sum = 0;
    for (let bin = 0; bin < levels.length; bin++) {
      sum += this.#amounts[bin];
      if (bin >= this.#windowBins) sum -= this.#amounts[bin - this.#windowBins];
      levels[bin] = sum / this.#mostInWindow;
    }
    return levels;
  }

  /** The rate in each bin alone, as a multiple of the limit. */
  momentaryLevels(): Float64Array {
    return this.#amounts.map((amount) => (amount * this.#windowBins) / this.#mostInWindow);
  }

  total(): number {
    return this.#amounts.reduce((sum, amount) => sum + amount, 0);
  }

  /** The end of the latest window whose rate is over the limit, by what was added so far; -1 = none. */
  latestOver(): number {
    const from = Math.max(0, this.#changedFrom - this.#windowBins);
    let sum = 0;
    const until = Math.min(this.#amounts.length - 1, this.#changedUntil + this.#windowBins);
    for (let bin = from; bin <= until; bin++) {
      sum += this.#amounts[bin];
      if (bin - from >= this.#windowBins) sum -= this.#amounts[bin - this.#windowBins];
      if (sum > this.#mostInWindow) this.#latestOver = Math.max(this.#latestOver, (bin + 1) * BIN_MS);
    }
    this.#changedFrom = this.#amounts.length;
    this.#changedUntil = 0;
    return this.#latestOver;
  }

  #noteChange(first: number, last: number): void {
    this.#changedFrom = Math.min(this.#changedFrom, first);
    this.#changedUntil = Math.max(this.#changedUntil, last);
  }
}
