/*
 * The loaders of times: how long a flow lasted, and how long before its export it ended, by any of the clocks that
 * records use (RFC 7012 §4.1; NetFlow v9 field types 21 and 22).
 *
 * Everything is relative to the export time in the header of the message, in the exporter's own clock. Whether that
 * clock is right does not matter.
 */
import type { FlowBatch } from '../../flowBatch.ts';
import { type ColumnLoader, NO_FIELD, type RecordRun } from '../exporter/template.ts';
import { MAX_DURATION_MS } from '../flowRows.ts';
import { readUnsigned } from './recordFields.ts';

/** The column for the end holds 24 days. */
const MOST_MS = 0x7fff_ffff;

/**
 * The longest time between two uptimes of 32 bits. On some routers flows last for weeks, while a start after its end is a
 * matter of rounding or of a damaged record: what is less than six hours below the range is a negative time.
 */
export const LONGEST_UPTIME_SPAN = 0x1_0000_0000 - 6 * 3_600_000;

/** NTP counts from 1900 (RFC 5905 §6), this many seconds before 1970, in units of 2^-32 s. */
const NTP_TO_UNIX_MS = 2_208_988_800_000;
const NTP_UNITS_PER_MS = 0x1_0000_0000 / 1000;

/**
 * Elements 154 to 157 are NTP times, but many devices send whole microseconds or nanoseconds since 1970. The three
 * cannot be confused between the years 1980 and 2200: 3 × 10^14 to 7 × 10^15 µs, the thousandfold in ns, and NTP above.
 */
const LEAST_MICROSECONDS = 1e14;
const LEAST_NANOSECONDS = 1e17;
const LEAST_NTP = 8e18;

/** How long before the export a time was, in milliseconds; NaN where that is not known. */
type Ago = (run: RecordRun, raw: number) => number;

/** An uptime of 32 bits wraps after seven weeks. */
function uptimeAgo(run: RecordRun, raw: number): number {
  const uptime = uptimeOf(run);
  return Number.isNaN(uptime) ? uptime : (uptime - raw) | 0;
}

/** The exporter's uptime at the export: NetFlow v9 has it in its header, in IPFIX some records say when it started. */
function uptimeOf({ uptimeMs, exportTimeMs, systemInitMs }: RecordRun): number {
  if (uptimeMs >= 0) return uptimeMs;
  return systemInitMs > 0 ? exportTimeMs - systemInitMs : Number.NaN;
}

function secondsAgo({ exportTimeMs }: RecordRun, raw: number): number {
  return raw === 0 ? Number.NaN : exportTimeMs - raw * 1000;
}

function millisecondsAgo({ exportTimeMs }: RecordRun, raw: number): number {
  return raw === 0 ? Number.NaN : exportTimeMs - raw;
}

function fractionsAgo({ exportTimeMs }: RecordRun, raw: number): number {
  if (raw === 0) return Number.NaN;
  if (raw >= LEAST_NTP || raw < LEAST_MICROSECONDS) return exportTimeMs - (raw / NTP_UNITS_PER_MS - NTP_TO_UNIX_MS);
  return exportTimeMs - raw / (raw >= LEAST_NANOSECONDS ? 1e6 : 1e3);
}

function deltaAgo(_run: RecordRun, raw: number): number {
  return raw / 1000;
}

/** The clocks, the finest first: elements of start and end are in `informationElements.ts`. */
export const CLOCKS = {
  milliseconds: millisecondsAgo,
  fractions: fractionsAgo,
  delta: deltaAgo,
  uptime: uptimeAgo,
  seconds: secondsAgo,
} as const satisfies Record<string, Ago>;

export type Clock = keyof typeof CLOCKS;

/**
 * Start and end, of which either may be missing: a flow without an end ended when it was exported. Does not change rows
 * that have a duration.
 */
export function timesLoader(start: Clock, end: Clock): ColumnLoader {
  const startAgoOf = CLOCKS[start];
  const endAgoOf = CLOCKS[end];
  return (run, at, size, at2, size2) => {
    const { view, batch, row, count, stride } = run;
    let stated = false;
    for (let i = 0; i < count; i++) {
      if (batch.durationMs[row + i] !== 0) continue;
      const startRaw = at === NO_FIELD ? Number.NaN : readUnsigned(view, at + i * stride, size);
      const endRaw = at2 === NO_FIELD ? Number.NaN : readUnsigned(view, at2 + i * stride, size2);
      const startAgo = startAgoOf(run, startRaw);
      const endAgo = at2 === NO_FIELD ? Number.NaN : endAgoOf(run, endRaw);
      const areUptimes = startAgoOf === uptimeAgo && endAgoOf === uptimeAgo && at2 !== NO_FIELD;
      // Two uptimes give a duration also where the time of the export is not known by that clock.
      stateDuration(batch, row + i, areUptimes ? uptimeSpan(startRaw, endRaw) : startAgo - (endAgo || 0));
      if (Number.isNaN(endAgo)) continue;
      batch.endAgoMs[row + i] = Math.max(-MOST_MS, Math.min(MOST_MS, endAgo));
      stated = true;
    }
    if (stated) run.clock.correct(batch, row, count, run.now);
  };
}

/** Both uptimes, of four bytes each, as nearly every router sends them. Writes every row, so none need be cleared. */
export function loadUptimes(run: RecordRun, at: number, _size: number, at2: number): void {
  const { view, batch, row, count, stride } = run;
  const { durationMs, endAgoMs } = batch;
  const uptime = uptimeOf(run);
  const isKnown = !Number.isNaN(uptime);
  for (let i = row, p = at, q = at2; i < row + count; i++, p += stride, q += stride) {
    const end = view.getUint32(q);
    const duration = (end - view.getUint32(p)) >>> 0;
    durationMs[i] = duration <= LONGEST_UPTIME_SPAN ? duration : 0;
    endAgoMs[i] = isKnown ? uptime - end : 0;
  }
  if (isKnown && count > 0) run.clock.correct(batch, row, count, run.now);
}

/** Both times in milliseconds, of eight bytes each, as most exporters of IPFIX send them. A time of 0 is not known. */
export function loadMilliseconds(run: RecordRun, at: number, _size: number, at2: number): void {
  const { view, batch, row, count, stride, exportTimeMs } = run;
  const { durationMs, endAgoMs } = batch;
  let stated = false;
  for (let i = row, p = at, q = at2; i < row + count; i++, p += stride, q += stride) {
    const start = view.getUint32(p) * 0x1_0000_0000 + view.getUint32(p + 4);
    const end = view.getUint32(q) * 0x1_0000_0000 + view.getUint32(q + 4);
    const until = end === 0 ? exportTimeMs : end;
    if (start !== 0 && until > start) durationMs[i] = Math.min(until - start, MAX_DURATION_MS);
    if (end === 0) continue;
    endAgoMs[i] = Math.max(-MOST_MS, Math.min(MOST_MS, exportTimeMs - end));
    stated = true;
  }
  if (stated) run.clock.correct(batch, row, count, run.now);
}

/** Element 160: when the exporter started, the same in all records. Before the uptimes, which are relative to it. */
export function loadSystemInit(run: RecordRun, at: number, size: number): void {
  if (run.count > 0) run.systemInitMs = readUnsigned(run.view, at, size);
}

export function loadElapsedMilliseconds(run: RecordRun, at: number, size: number): void {
  loadElapsed(run, at, size, 1);
}

export function loadElapsedMicroseconds(run: RecordRun, at: number, size: number): void {
  loadElapsed(run, at, size, 1 / 1000);
}

function loadElapsed({ view, batch, row, count, stride }: RecordRun, at: number, size: number, unitMs: number): void {
  for (let i = row, p = at; i < row + count; i++, p += stride) {
    if (batch.durationMs[i] === 0) stateDuration(batch, i, readUnsigned(view, p, size) * unitMs);
  }
}

/** The time between two uptimes. Those of 32 bits may have wrapped in between; NaN where the end is the earlier one. */
function uptimeSpan(start: number, end: number): number {
  const span = end >= start ? end - start : end + 0x1_0000_0000 - start;
  return span <= LONGEST_UPTIME_SPAN ? span : Number.NaN;
}

/** A negative time, and one that is not known, says nothing. */
function stateDuration(batch: FlowBatch, row: number, ms: number): void {
  if (ms > 0) batch.durationMs[row] = Math.min(Math.round(ms), MAX_DURATION_MS);
}
