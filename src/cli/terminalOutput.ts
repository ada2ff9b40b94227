/*
 * Text for a terminal: tables with columns as wide as their widest cell and numbers to the right, and numbers and times
 * as people read them.
 */
import { replaceUnprintable } from '../unprintable.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Ends with a newline. A cell that is empty is written as a dash. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => row.map((cell) => replaceUnprintable(cell) || '-')),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (columns[i].align === 'right' ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** One line for each value, with its name before it. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${replaceUnprintable(value)}\n`).join('');
}

const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

/** `81,234.6`; at most one decimal. */
export function formatNumber(value: number): string {
  return NUMBER.format(value);
}

/** A rate from samples: `81,234.6 ±8%`. `error` is half the width of its 95 % interval. */
export function formatSampledRate(rate: number, error: number): string {
  const percent = Math.round((100 * error) / rate);
  return percent > 0 && Number.isFinite(percent) ? `${formatNumber(rate)} ±${percent}%` : formatNumber(rate);
}

/** The two largest units: `3d 4h`, `2m 5s`, `0s`. Whole seconds, rounded down; negative counts as 0. */
export function formatDuration(seconds: number): string {
  let left = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(left / size);
    left %= size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.length === 0 ? '0s' : parts.slice(0, 2).join(' ');
}

/** How long ago an RFC 3339 time was. */
export function formatAge(time: string, nowMs: number): string {
  return formatDuration((nowMs - Date.parse(time)) / 1000);
}

/** `90`, `90s`, `10m`, `2h`, `1d` as seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit = 's'] = /^(\d{1,8})([smhd])?$/.exec(text) ?? [];
  if (count === undefined) return undefined;
  return Number(count) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd'];
}
