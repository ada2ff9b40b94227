/*
 * Brings the values of a row into the range that every backend can store, before the row is queued. Values from the
 * network or a request may be NaN, infinite, beyond 2^53, very long, or invalid Unicode. Such a value must not make a
 * backend refuse the row or the rows beside it.
 */
import { byMetric, TOTAL_METRICS, type TotalMetric } from '../../trafficMetrics.ts';
import type { HistoryTable, RowOf, TrafficRates } from './historyRows.ts';

/** 2100-01-01. ClickHouse expires and partitions by types that end in 2106. */
const LATEST_TIME = 4_102_444_800_000;

/** Characters of a name, an address or a reason. */
const MAX_TEXT = 4096;

/** Characters of an attack as JSON; it cannot be cut, so a longer one is stored as an empty object. */
const MAX_JSON = 8_388_608;

/** Rates are stored as whole thousandths, which must stay below 2^53. */
const MAX_RATE = 1e12;

/** ClickHouse stores it in 32 bits. */
const MAX_INTERVAL_SECONDS = 0xffff_ffff;

const TIMES: ReadonlySet<string> = new Set(['time', 'eventTime', 'startedAt', 'endedAt']);
const FLAGS: ReadonlySet<string> = new Set(['dryRun']);
const NUMBERS: ReadonlySet<string> = new Set([
  ...['sequence', 'intervalSeconds', 'rate', 'threshold', 'pps', 'mbps', 'flowsPerSec'],
  ...TIMES,
]);

/** The row with every value in range. Values that are in range do not change. */
export function boundedRow<Table extends HistoryTable>(row: RowOf[Table]): RowOf[Table] {
  const bounded = Object.entries(row).map(([name, value]) => [name, boundedValue(name, value)]);
  return Object.fromEntries(bounded) as RowOf[Table];
}

function boundedValue(name: string, value: unknown): unknown {
  if (TIMES.has(name)) return wholeNumber(value, LATEST_TIME);
  if (name === 'sequence') return wholeNumber(value, Number.MAX_SAFE_INTEGER);
  if (name === 'intervalSeconds') return wholeNumber(value, MAX_INTERVAL_SECONDS);
  if (NUMBERS.has(name)) return numberBetween(value, MAX_RATE);
  if (FLAGS.has(name)) return value === true;
  if (name === 'attack') return jsonText(value);
  if (name === 'mean' || name === 'peak') return boundedRates(value);
  return boundedText(value, MAX_TEXT);
}

function boundedRates(value: unknown): TrafficRates {
  const rates = Object(value) as Record<TotalMetric, unknown>;
  return byMetric(TOTAL_METRICS, (_, name) => numberBetween(rates[name], MAX_RATE));
}

function wholeNumber(value: unknown, max: number): number {
  return Math.trunc(numberBetween(value, max));
}

/** From 0 to `max`. A value that is no number becomes 0. */
function numberBetween(value: unknown, max: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) return 0;
  return Math.min(max, Math.max(0, value));
}

function jsonText(value: unknown): string {
  const text = boundedText(value, MAX_JSON + 1);
  return text.length > MAX_JSON ? '{}' : text;
}

/** Valid Unicode without NUL, which SQL functions take for the end of a text. Longer text is cut. */
function boundedText(value: unknown, max: number): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : typeof value === 'symbol' ? '' : String(value);
  return text.slice(0, max).toWellFormed().replaceAll('\0', '\ufffd');
}
