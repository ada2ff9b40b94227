/*
 * Log lines about exporters whose flows are reported more than once: one for each, and another only after most of it was
 * over.
 */
import type { ExporterSnapshot } from './ingestSnapshot.ts';
import type { LogLine } from './telemetryWarnings.ts';

/** Below this share it is over. The share from which there is a line is twice as high, so that lines do not repeat. */
const OVER_SHARE = 0.15;

/** There may be many forged exporters. */
const MOST_LINES = 30;

export class DuplicateWarnings {
  /** Addresses of the exporters that have a line. */
  readonly #warned = new Set<string>();

  /** The lines that are due, by a sum of snapshots. */
  due(exporters: readonly ExporterSnapshot[]): LogLine[] {
    const lines: LogLine[] = [];
    // Exporters that are gone make room for others.
    const present = new Set(exporters.map(({ address }) => address));
    for (const address of this.#warned) if (!present.has(address)) this.#warned.delete(address);
    for (const { address, duplicates } of exporters) {
      const { checked = 1, byDirection = 0, partners = [] } = duplicates ?? {};
      const most = Math.max(byDirection, partners[0]?.flows ?? 0);
      if (most < OVER_SHARE * checked) this.#warned.delete(address);
      if (duplicates?.tooMany !== true || this.#warned.has(address) || this.#warned.size >= MOST_LINES) continue;
      this.#warned.add(address);
      const shares = Object.fromEntries(partners.map(({ exporter, flows }) => [exporter, rounded(flows / checked)]));
      lines.push({
        level: 'warn',
        message:
          'flows are reported more than once, so rates are too high: name external interfaces in sampling.boundary',
        fields: {
          exporter: address,
          checked_flows: checked,
          by_direction: rounded(byDirection / checked),
          with: shares,
        },
      });
    }
    return lines;
  }
}

function rounded(share: number): number {
  return Math.round(share * 100) / 100;
}
