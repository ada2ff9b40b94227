/*
 * Structured logs on stderr (pino): JSON for programs, or one line of text for people. Results of commands go to
 * stdout, so that they never mix with log lines. Code never passes secrets to a logger; the redaction list is a second
 * guard.
 */
import { type Logger, pino } from 'pino';
import { escapeUnprintable } from './unprintable.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export const LOG_FORMATS = ['json', 'pretty'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = (typeof LOG_FORMATS)[number];

const REDACTED = [
  'token',
  'password',
  'secret',
  'authorization',
  'headers.authorization',
  '*.token',
  '*.password',
  '*.secret',
];

/** Colour of each level's name: Select Graphic Rendition (ECMA-48). */
const COLORS: Readonly<Record<string, number>> = { trace: 90, debug: 90, info: 32, warn: 33, error: 31, fatal: 31 };
const DIM = 2;

/** A value without blanks, quotes and equals signs needs no quotes. */
const BARE = /^[^\s"'=]+$/;

/** Lines are coloured only on a terminal and without NO_COLOR. */
export function createLogger(level: LogLevel = 'info', format: LogFormat = 'json'): Logger {
  const options = { level, redact: REDACTED, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const stderr = pino.destination({ dest: 2, sync: true });
  if (format === 'json') return pino(options, stderr);
  const isColored = process.stderr.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  return pino(options, { write: (line) => stderr.write(prettyLogLine(line, isColored)) });
}

/**
 * Formats a line of pino's JSON for people: UTC time, level, message, then `key=value`. The result is always one line.
 * Control characters are written as codes, so that text from outside cannot forge a second line. A value with a blank
 * is quoted, so that it cannot forge a second value.
 */
export function prettyLogLine(json: string, isColored: boolean): string {
  const { time, level, msg, ...values } = JSON.parse(json) as Record<string, unknown>;
  const paint = (code: number | undefined, text: string): string =>
    isColored && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
  const name = pino.levels.labels[Number(level)] ?? String(level);
  const parts = [
    paint(DIM, escapeUnprintable(String(time).replace('T', ' '))),
    paint(COLORS[name], escapeUnprintable(name).toUpperCase().padEnd(5)),
    escapeUnprintable(String(msg ?? '')),
  ];
  const pairs = Object.entries(values).map(([key, value]) => `${paint(DIM, `${quoted(key)}=`)}${valueText(value)}`);
  return `${parts.join(' ')}${pairs.length === 0 ? '' : `  ${pairs.join(' ')}`}\n`;
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : escapeUnprintable(JSON.stringify(value));
}

function quoted(text: string): string {
  return escapeUnprintable(BARE.test(text) ? text : JSON.stringify(text));
}
