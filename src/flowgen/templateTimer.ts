/*
 * When templates are sent again. Over UDP a collector that was restarted knows none (RFC 7011 §8.4); real exporters repeat
 * them after minutes, this one after a second.
 */
const REFRESH_MS = 1_000;

export class TemplateTimer {
  #sentAtMs: number | undefined;

  /** Whether the datagram made now must carry them; if so, they count as sent. */
  due(nowMs: number): boolean {
    if (this.#sentAtMs !== undefined && nowMs < this.#sentAtMs + REFRESH_MS) return false;
    this.#sentAtMs = nowMs;
    return true;
  }
}
