/*
 * NetFlow v5 and v9 and sFlow state time as milliseconds since the exporter booted, in 32 bits.
 */

/** This exporter booted so long before its first datagram, so that earlier flows have a valid time too. */
const BOOTED_BEFORE_MS = 24 * 3_600_000;

export class ExporterUptime {
  #bootedAtMs: number | undefined;

  /** Whole milliseconds of uptime at this epoch time; wraps after 49.7 days, as the field does. */
  at(nowMs: number): number {
    this.#bootedAtMs ??= nowMs - BOOTED_BEFORE_MS;
    return Math.floor(nowMs - this.#bootedAtMs) >>> 0;
  }
}
