/*
 * The errors that a request can be answered with, the one table from such an error to its HTTP status, and the answer.
 * Handlers throw an ApiError and never write a status; any other error is a bug and becomes a 500.
 */
import { randomUUID } from 'node:crypto';
import type { Context, Middleware, Next } from 'koa';
import type { Logger } from '../log.ts';
import { answerJson } from './answerJson.ts';

/** HTTP status by what went wrong. */
export const STATUS_OF = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  too_large: 413,
  unsupported_media_type: 415,
  too_many_requests: 429,
  internal: 500,
  not_ready: 503,
} as const;

export type ApiErrorCode = keyof typeof STATUS_OF;

/** `message` is sent to the client unchanged, so it never holds a secret or an internal detail. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  /** Further fields of the answer beside `error`. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: ApiErrorCode, message: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.extra = extra;
  }

  get status(): number {
    return STATUS_OF[this.code];
  }
}

/** After this time a client that stopped guessing tokens may try again. */
const RETRY_AFTER_SECONDS = 60;

/**
 * Turns errors into answers: `{"error": "…"}` and the status from the table. An error that is not an ApiError is a bug:
 * the client gets an id, the log gets the id and the details.
 */
export function errorAnswers(logger: Logger): Middleware {
  return async (context: Context, next: Next) => {
    try {
      await next();
      if (context.body == null) throwUnanswered(context);
    } catch (error) {
      const answered = error instanceof ApiError ? error : unexpected(error, context, logger);
      context.status = answered.status;
      answerJson(context, { error: answered.message, ...answered.extra });
      if (answered.code === 'unauthenticated') context.set('WWW-Authenticate', 'Bearer realm="kapkan"');
      if (answered.code === 'too_many_requests') context.set('Retry-After', String(RETRY_AFTER_SECONDS));
    }
  };
}

/** For requests that no route answered. For a wrong method the router has set `Allow`. */
function throwUnanswered(context: Context): void {
  if (context.status === 404) throw new ApiError('not_found', `there is nothing at ${context.path}`);
  if (context.status === 405 || context.status === 501) {
    const allowed = context.response.get('Allow');
    throw new ApiError('method_not_allowed', `${context.method} is not allowed here, only ${allowed}`);
  }
}

function unexpected(error: unknown, context: Context, logger: Logger): ApiError {
  const id = randomUUID();
  logger.error({ err: error, id, method: context.method, path: context.path }, 'request failed');
  return new ApiError('internal', `internal error, see the log for ${id}`, { id });
}
