/*
 * Log lines about telemetry that could not be used: at most one a minute for each exporter, and at most a few dozen a
 * minute in total, because there may be many forged sources. Each line has the errors since the line before it, and the
 * byte of its datagram where the latest error was found.
 */

import type { DecodeErrorReason } from '../decode/exporter/decodeErrors.ts';
import type { DoubtReason } from '../decode/exporter/doubts.ts';
import type { Exporter } from './exporter.ts';
import type { ExporterTable } from './exporterTable.ts';

/** A log line for the logger of the main thread. */
export interface LogLine {
  readonly level: 'info' | 'warn';
  readonly message: string;
  readonly fields: { readonly [name: string]: unknown };
}

const EVERY_MS = 60_000;
const LINES_A_MINUTE = 30;

interface Logged {
  readonly at: number;
  /** The exporter's counts then. */
  readonly errors: ReadonlyMap<DecodeErrorReason, number>;
  readonly doubts: ReadonlyMap<DoubtReason, number>;
}

export class TelemetryWarnings {
  readonly #logged = new WeakMap<Exporter, Logged>();
  #minuteStartedAt = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #untrusted = { at: Number.NEGATIVE_INFINITY, count: 0 };
  #refused = { at: Number.NEGATIVE_INFINITY, count: 0 };

  /** The lines that are due now. Called about once a second. */
  due(table: ExporterTable, now: number): LogLine[] {
    if (now - this.#minuteStartedAt >= EVERY_MS) {
      this.#minuteStartedAt = now;
      this.#lines = 0;
    }
    const lines: LogLine[] = [];
    for (const exporter of table.exporters()) {
      if (this.#lines >= LINES_A_MINUTE) break;
      const line = this.#ofExporter(exporter, now);
      if (line === undefined) continue;
      lines.push(line);
      this.#lines++;
    }
    lines.push(...this.#ofSources(table, now));
    return lines;
  }

  #ofExporter(exporter: Exporter, now: number): LogLine | undefined {
    const { state } = exporter;
    const before = this.#logged.get(exporter);
    if (before !== undefined && now - before.at < EVERY_MS) return undefined;
    const errors = since(state.decodeErrors, before?.errors);
    const doubts = since(state.doubts, before?.doubts);
    if (errors === undefined && doubts === undefined) return undefined;
    this.#logged.set(exporter, { at: now, errors: new Map(state.decodeErrors), doubts: new Map(state.doubts) });
    const newest = errors && { errors, newest: state.lastError, at_byte: state.lastErrorOffset };
    const doubted = doubts && { doubts, newest_doubt: state.lastDoubt?.reason, newest_value: state.lastDoubt?.value };
    return {
      level: 'warn',
      message:
        errors === undefined ? 'telemetry that cannot be true is not believed' : 'telemetry could not be decoded',
      fields: { exporter: exporter.text, ...newest, ...doubted },
    };
  }

  #ofSources(table: ExporterTable, now: number): LogLine[] {
    const lines: LogLine[] = [];
    const untrusted = table.untrustedDatagrams - this.#untrusted.count;
    if (untrusted > 0 && now - this.#untrusted.at >= EVERY_MS) {
      this.#untrusted = { at: now, count: table.untrustedDatagrams };
      const fields = { datagrams: untrusted, newest_source: table.lastUntrustedSource?.text };
      lines.push({ level: 'warn', message: 'telemetry from sources that are not in flow_sources is dropped', fields });
    }
    const refused = table.refusedDatagrams - this.#refused.count;
    if (refused > 0 && now - this.#refused.at >= EVERY_MS) {
      this.#refused = { at: now, count: table.refusedDatagrams };
      const fields = { datagrams: refused, exporters: table.size };
      lines.push({
        level: 'warn',
        message: 'the exporter table is full, telemetry of new exporters is dropped',
        fields,
      });
    }
    return lines;
  }
}

/** What was counted since then, by reason; undefined where that is nothing. */
function since<Reason extends string>(
  now: ReadonlyMap<Reason, number>,
  before: ReadonlyMap<Reason, number> | undefined,
): { [reason in Reason]?: number } | undefined {
  const fresh = [...now].map(([reason, count]) => [reason, count - (before?.get(reason) ?? 0)] as const);
  const counted = fresh.filter(([, count]) => count > 0);
  return counted.length === 0 ? undefined : (Object.fromEntries(counted) as { [reason in Reason]?: number });
}
