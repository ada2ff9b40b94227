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

/** The error of a call that gRPC failed, in words that an operator can act on. */
export function gobgpErrorOf(error: ServiceError, call: string, key?: string): GobgpError {
  const code = grpcStatus[error.code] ?? 'UNKNOWN';
  return new GobgpError(code, call, `${code}: ${plainDetails(error.details)}`, key);
}

/** The error of a call that was not answered in time. */
export function deadlineError(call: string, timeoutMs: number, key?: string): GobgpError {
  return new GobgpError('DEADLINE_EXCEEDED', call, `DEADLINE_EXCEEDED: no answer within ${timeoutMs / 1000} s`, key);
}

/**
 * gRPC's details without what is about its own machinery: "No connection established. Last error: Error: connect
 * ECONNREFUSED 127.0.0.1:50051. Resolution note: " becomes "connect ECONNREFUSED 127.0.0.1:50051".
 */
function plainDetails(details: string): string {
  const [withoutNote] = details.split(/\.? *Resolution note:/);
  const lastError = /Last error: (.*)$/s.exec(withoutNote)?.[1] ?? withoutNote;
  const plain = lastError.replace(/^((Error|undefined|null): *)+/, '').trim();
  if (plain === '' || plain === 'null' || plain === 'undefined') return 'no connection';
  // The text of a system error names the call, the code and the address, and then all of it again.
  return plain.replace(/ *\(\d{4}-\d\d-\d\dT[^)]*\)/, '');
}
