/*
 * Structured logs on stderr (pino). Results of commands go to stdout, so a log line never mixes with them.
 * Secrets are never put into a log call; the redaction list is the second lock on that door.
 */
import { type Logger, pino } from 'pino';

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

/** `pretty` needs the development dependency pino-pretty; without it the lines stay JSON. */
export function createLogger(level: LogLevel = 'info', format: LogFormat = 'json'): Logger {
  const options = { level, redact: REDACTED, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (format === 'pretty') {
    const colorize = process.stderr.isTTY === true;
    return pino({ ...options, transport: { target: 'pino-pretty', options: { destination: 2, colorize } } });
  }
  return pino(options, pino.destination({ dest: 2, sync: true }));
}

/** For tests and for commands that log nothing. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
