/*
 * The one error of this room: a call to GoBGP that failed, or a route that Kapkan refuses to give it. Its message is
 * for people, in plain words; programs and the log go by `code` and `call`.
 */

/** Codes that say "not now"; all others say "not like this". */
const RETRYABLE: readonly string[] = [
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'RESOURCE_EXHAUSTED',
  'BGP_NOT_STARTED',
];

export class GobgpError extends Error {
  override readonly name = 'GobgpError';
  /** A gRPC status name, `BGP_NOT_STARTED`, or `INVALID_ROUTE` for what never went onto the wire. */
  readonly code: string;
  /** The call that failed, `AddPath`. */
  readonly call: string;
  /** The route it was about, where it was about one. */
  readonly key: string | undefined;

  constructor(code: string, call: string, message: string, key?: string) {
    super(message);
    this.code = code;
    this.call = call;
    this.key = key;
  }

  /** Whether the same call may succeed later without anything being changed. */
  get retryable(): boolean {
    return RETRYABLE.includes(this.code);
  }
}

/** The error of a call that was not answered in time. */
export function deadlineError(call: string, timeoutMs: number, key?: string): GobgpError {
  return new GobgpError('DEADLINE_EXCEEDED', call, `no answer within ${timeoutMs / 1000} s`, key);
}

/** Whether this is the answer of a daemon that has no such family configured. */
export function isFamilyNotSupported(error: unknown): boolean {
  return error instanceof GobgpError && /address family.*not supported/.test(error.message);
}
