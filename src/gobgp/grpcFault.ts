/*
 * The GobgpError of a call that gRPC failed. It is no part of gobgpError.ts, because it needs gRPC, which is loaded only
 * for a connection.
 */
import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { GobgpError } from './gobgpError.ts';

/** The error of a call that gRPC failed, in words that an operator can act on. */
export function gobgpErrorOf(error: ServiceError, call: string, key?: string): GobgpError {
  const code = grpcStatus[error.code] ?? 'UNKNOWN';
  const details = plainDetails(error.details);
  return new GobgpError(code, call, details === '' ? plainCode(code, call) : details, key);
}

/** What the system says of a connection, by its error code. */
const CONNECTION_FAULTS: readonly (readonly [code: string, words: string])[] = [
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'the connection was reset'],
  ['ENOENT', 'there is no such socket'],
  ['EACCES', 'permission denied'],
  ['ETIMEDOUT', 'the connection timed out'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'no route to the network'],
  ['ENOTFOUND', 'the name is not known'],
  ['EAI_AGAIN', 'the name could not be looked up'],
  ['EPIPE', 'the connection was closed'],
];

/** What gRPC says of its own machinery, where no error code of the system is in it. */
const GRPC_FAULTS: readonly (readonly [said: RegExp, words: string])[] = [
  [/Name resolution failed/, 'the name is not known'],
  [/Deadline exceeded/i, 'no answer in time'],
  [/RST_STREAM|Connection dropped|Call cancelled|Stream (refused|closed)|Channel closed/i, 'the connection was closed'],
  [/HTTP status|HTTP\/2|Protocol error|Parse Error/i, 'what answers there is not GoBGP'],
  [/message (that decompresses to a size )?larger than/i, 'the answer is too large'],
  [/parsing error/i, 'the answer cannot be read'],
  [/unknown (service|method)|does not implement/i, 'this GoBGP does not know the call'],
];

/** Where gRPC says nothing but its code. */
const PLAIN_CODES: Readonly<Record<string, string>> = {
  UNAVAILABLE: 'no connection',
  CANCELLED: 'the connection was closed',
  DEADLINE_EXCEEDED: 'no answer in time',
  UNIMPLEMENTED: 'this GoBGP does not know the call',
};

function plainCode(code: string, call: string): string {
  return PLAIN_CODES[code] ?? `the call ${call} failed (${code.toLowerCase().replaceAll('_', ' ')})`;
}

/**
 * gRPC's details without what is about its own machinery: "No connection established. Last error: Error: connect
 * ECONNREFUSED 127.0.0.1:50051. Resolution note: " becomes "connection refused". Empty where they say nothing.
 */
function plainDetails(details: string): string {
  const fault =
    CONNECTION_FAULTS.find(([code]) => details.includes(code)) ?? GRPC_FAULTS.find(([said]) => said.test(details));
  if (fault !== undefined) return fault[1];
  const [withoutNote] = details.split(/\.? *Resolution note:/);
  const lastError = /Last error: (.*)$/s.exec(withoutNote)?.[1] ?? withoutNote;
  const plain = lastError.replace(/^((Error|undefined|null): *)+/, '').trim();
  if (/^(null|undefined|cancelled)$|^No connection established/i.test(plain)) return '';
  // The text of a system error names the call, the code and the address, and then all of it again.
  return plain.replace(/ *\(\d{4}-\d\d-\d\dT[^)]*\)/, '');
}
