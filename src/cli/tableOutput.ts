/*
 * Tables for a terminal: columns as wide as their widest cell, numbers to the right, nothing else drawn.
 */

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Control characters, and those that reorder or hide text around them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Ends with a newline. A cell that is empty is written as a dash. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => row.map((cell) => printable(cell) || '-'))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (columns[i].align === 'right' ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** One value a line, under its name. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`).join('');
}

/** What came over the network must not move the cursor or colour the terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}
