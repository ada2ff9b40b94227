import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { deadlineError } from '../../src/gobgp/gobgpError.ts';
import { gobgpErrorOf } from '../../src/gobgp/grpcFault.ts';

function serviceError(code: status, details: string): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}

const SAID: readonly (readonly [code: status, details: string, words: string])[] = [
  [
    status.UNAVAILABLE,
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:50051. Resolution note: ',
    'connection refused',
  ],
  [
    status.UNAVAILABLE,
    'No connection established. Last error: connect ENOENT /run/gobgpd.sock (2026-11-27T02:00:00.000Z). Resolution note: ',
    'there is no such socket',
  ],
  [status.UNAVAILABLE, 'read ECONNRESET', 'the connection was reset'],
  [status.UNAVAILABLE, 'Connection dropped', 'the connection was closed'],
  [status.UNAVAILABLE, 'No connection established', 'no connection'],
  [status.UNAVAILABLE, 'Name resolution failed for target dns:gobgp.example:50051', 'the name is not known'],
  [status.INTERNAL, 'Received RST_STREAM with code 2 (Internal server error)', 'the connection was closed'],
  [status.UNAVAILABLE, 'Received HTTP status code 502', 'what answers there is not GoBGP'],
  [status.RESOURCE_EXHAUSTED, 'Received message larger than max (9 vs 4)', 'the answer is too large'],
  [status.INTERNAL, 'Response message parsing error: index out of range: 3 + 10 > 7', 'the answer cannot be read'],
  [status.UNIMPLEMENTED, 'unknown service apipb.GobgpApi', 'this GoBGP does not know the call'],
  [
    status.DEADLINE_EXCEEDED,
    'Deadline exceeded after 5.003s,LB pick: 0.001s,remote_addr=127.0.0.1:50051',
    'no answer in time',
  ],
  [status.UNAVAILABLE, 'No connection established. Last error: null. Resolution note: ', 'no connection'],
  [status.UNAVAILABLE, 'Name resolution failed for target dns:gobgp.example: ENOTFOUND', 'the name is not known'],
  [status.CANCELLED, 'Call cancelled', 'the connection was closed'],
  [status.DEADLINE_EXCEEDED, '', 'no answer in time'],
  [status.UNIMPLEMENTED, '', 'this GoBGP does not know the call'],
  [status.INVALID_ARGUMENT, 'invalid next hop', 'invalid next hop'],
  [status.RESOURCE_EXHAUSTED, '', 'the call AddPath failed (resource exhausted)'],
];

test('what gRPC says becomes plain words; the code and the call stay for programs', () => {
  for (const [code, details, words] of SAID) {
    const error = gobgpErrorOf(serviceError(code, details), 'AddPath', 'key');
    assert.equal(error.message, words, details);
    assert.deepEqual([error.code, error.call, error.key], [status[code], 'AddPath', 'key']);
  }
});

test('no message has the codes and notes of gRPC and of the system', () => {
  for (const [code, details] of SAID) {
    const { message } = gobgpErrorOf(serviceError(code, details), 'GetBgp');
    assert.doesNotMatch(
      message,
      /UNAVAILABLE|ECONN|ENO|Resolution note|Last error|null|RST_STREAM|HTTP|LB pick|dns:|apipb|parsing/,
    );
  }
  assert.equal(deadlineError('ListPath', 5000).message, 'no answer within 5 s');
});
