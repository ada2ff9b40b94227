/*
 * Turns errors into answers: `{"error": "…"}` and the status from the table in apiError.ts.
 * Anything that is not an ApiError is a bug: the client gets an id, the log gets the id and the details.
 */
import { randomUUID } from 'node:crypto';
import type { Context, Middleware, Next } from 'koa';
import type { Logger } from '../log.ts';
import { ApiError } from './apiError.ts';

/** After this a caller who stopped guessing has attempts again. */
const RETRY_AFTER_SECONDS = 60;

export function errorAnswers(logger: Logger): Middleware {
  return async (context: Context, next: Next) => {
    try {
      await next();
      if (context.body == null) throwUnanswered(context);
    } catch (error) {
      const answered = error instanceof ApiError ? error : unexpected(error, context, logger);
      context.status = answered.status;
      context.body = { error: answered.message, ...answered.extra };
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
