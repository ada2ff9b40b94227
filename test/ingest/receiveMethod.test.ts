import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { LogLine } from '../../src/ingest/telemetryWarnings.ts';
import { recvmmsgUnavailable } from './runningPool.ts';

const SCRIPT = fileURLToPath(new URL('poolWithoutFfi.ts', import.meta.url));

/** A Node.js that does not know the option has no node:ffi. */
const WITHOUT_FFI = process.allowedNodeEnvironmentFlags.has('--experimental-ffi') ? ['--no-experimental-ffi'] : [];

interface Outcome {
  readonly receivingThreads: Record<string, number>;
  readonly flows: number;
  readonly lines: readonly LogLine[];
}

/** A pool in a process of its own, which writes nothing to stderr: no warning of Node.js reaches the user. */
async function poolWith(receive: string, ...options: string[]): Promise<Outcome> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...options, SCRIPT, receive]);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

function fallbackLines({ lines }: Outcome): unknown[] {
  return lines.filter(({ fields }) => 'reason' in fields).map(({ level, message }) => [level, message]);
}

function methodsLogged({ lines }: Outcome): unknown[] {
  return lines.filter(({ message }) => message === 'listening for telemetry').map(({ fields }) => fields.receive);
}

test('where recvmmsg works, auto takes it', { skip: recvmmsgUnavailable() }, async () => {
  const outcome = await poolWith('auto');
  assert.deepEqual([outcome.receivingThreads, outcome.flows], [{ recvmmsg: 2, dgram: 0 }, 3]);
  assert.deepEqual(methodsLogged(outcome), ['recvmmsg', 'recvmmsg']);
  assert.deepEqual(fallbackLines(outcome), []);
});

test('dgram is used where it is asked for, and nothing else is tried', async () => {
  const outcome = await poolWith('dgram');
  assert.deepEqual([outcome.receivingThreads, outcome.flows], [{ recvmmsg: 0, dgram: 1 }, 3]);
  assert.deepEqual(methodsLogged(outcome), ['dgram', 'dgram']);
  assert.deepEqual(fallbackLines(outcome), []);
});

for (const [receive, level] of [
  ['auto', 'info'],
  ['recvmmsg', 'warn'],
]) {
  test(`without node:ffi, ${receive} says so once and goes on with dgram`, async () => {
    const outcome = await poolWith(receive, ...WITHOUT_FFI);
    assert.deepEqual([outcome.receivingThreads, outcome.flows], [{ recvmmsg: 0, dgram: 1 }, 3]);
    assert.deepEqual(methodsLogged(outcome), ['dgram', 'dgram']);
    assert.deepEqual(fallbackLines(outcome), [
      [level, 'datagrams are received through node:dgram, because recvmmsg cannot be used'],
    ]);
  });
}
