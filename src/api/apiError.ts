/*
 * The errors that a request can be answered with, and the one table from such an error to its HTTP
 * status. Handlers throw an ApiError and never write a status; any other error is a bug and becomes a 500.
 */

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
