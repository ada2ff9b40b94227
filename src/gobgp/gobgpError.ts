/*
 * The one error of this room: a call to GoBGP that failed, or a route that Kapkan refuses to hand it.
 */
import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';

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
    super(`${call}: ${message}`);
    this.code = code;
    this.call = call;
    this.key = key;
  }

  /** Whether the same call may succeed later without anything being changed. */
  get retryable(): boolean {
    return RETRYABLE.includes(this.code);
  }
}

export function gobgpErrorOf(error: ServiceError, call: string, key?: string): GobgpError {
  const code = grpcStatus[error.code] ?? 'UNKNOWN';
  return new GobgpError(code, call, `${code}: ${error.details}`, key);
}
