/*
 * Tables for a terminal: columns as wide as their widest cell, numbers to the right, nothing else drawn.
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

/** One value a line, under its name. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${replaceUnprintable(value)}\n`).join('');
}
