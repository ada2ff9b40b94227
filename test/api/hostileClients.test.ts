import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_BODY_BYTES } from '../../src/api/requestBody.ts';
import { ApiServer } from '../../src/api/server.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { OPERATOR, type RunningApi, runApi } from './runningApi.ts';

/** Writes raw bytes and gives all that comes back until the server closes. */
function converse(port: number, bytes: string | Buffer, endAfterwards = false): Promise<string> {
  return new Promise((resolve) => {
    const chunks: string[] = [];
    const socket: Socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes);
      if (endAfterwards) socket.end();
    });
    socket.setEncoding('latin1').on('data', (chunk) => chunks.push(String(chunk)));
    // A reset is an answer, too: the server is done with us.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(chunks.join('')));
  });
}

const HEAD = `POST /api/v1/ban HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${OPERATOR}\r\nContent-Type: application/json\r\n`;
const BODY = '{"ip":"192.0.2.10"}';

async function stillServes(api: RunningApi): Promise<void> {
  assert.equal((await api.get('/healthz')).status, 200);
}

test('a body over the limit is a 413, announced or not', async (t) => {
  const api = await runApi(t);
  const comment = 'x'.repeat(MAX_BODY_BYTES);
  assert.equal((await api.post('/api/v1/ban', { ip: '192.0.2.10', comment }, OPERATOR)).status, 413);
  const chunk = `${(1024).toString(16)}\r\n${'x'.repeat(1024)}\r\n`;
  const unannounced = `${HEAD}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk.repeat(100)}0\r\n\r\n`;
  assert.match(await converse(api.port, unannounced), /^HTTP\/1\.1 413 /);
  assert.deepEqual(api.daemon.banRequests, []);
});

test('a body of the limit exactly is read', async (t) => {
  const api = await runApi(t);
  const padded = BODY.padEnd(MAX_BODY_BYTES, ' ');
  assert.equal((await api.post('/api/v1/ban', padded, OPERATOR)).status, 200);
  assert.equal((await api.post('/api/v1/ban', `${padded} `, OPERATOR)).status, 413);
});

test('a body that is not UTF-8 is a 400', async (t) => {
  const api = await runApi(t);
  const request = Buffer.concat([
    Buffer.from(`${HEAD}Content-Length: 2\r\nConnection: close\r\n\r\n`),
    Buffer.from([0x22, 0xff]),
  ]);
  assert.match(await converse(api.port, request), /^HTTP\/1\.1 400 [\s\S]*must be UTF-8/);
});

test('a client that never ends its headers gets an error and is disconnected', async (t) => {
  const api = await runApi(t, { timeouts: { headersMs: 100, requestMs: 100 } });
  assert.match(
    await converse(api.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n'),
    /^HTTP\/1\.1 408 [\s\S]*took too long/,
  );
  await stillServes(api);
});

test('a client that never ends its body is cut off, and nothing is done', async (t) => {
  const api = await runApi(t, { timeouts: { headersMs: 100, requestMs: 200 } });
  const answer = await converse(api.port, `${HEAD}Content-Length: 1000\r\n\r\n${BODY}`);
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.deepEqual(api.daemon.banRequests, []);
  await stillServes(api);
});

test('a client that goes away in the middle of its body does no harm', async (t) => {
  const api = await runApi(t);
  await converse(api.port, `${HEAD}Content-Length: 1000\r\n\r\n${BODY}`, true);
  assert.deepEqual(api.daemon.banRequests, []);
  await stillServes(api);
});

test('a connection that says nothing is closed', async (t) => {
  const api = await runApi(t, { timeouts: { idleMs: 100 } });
  assert.equal(await converse(api.port, ''), '');
});

test('headers over the limit are a 431', async (t) => {
  const api = await runApi(t);
  const answer = await converse(api.port, `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 431 [\s\S]*at most 16384 bytes/);
});

test('pipelined requests are answered in order, and garbage after them is a 400', async (t) => {
  const api = await runApi(t);
  const request = `${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`;
  const answer = await converse(api.port, `${request}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\x00\xffgarbage\r\n\r\n`);
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  assert.deepEqual(statuses, ['200', '200', '400']);
  assert.match(answer, /malformed HTTP request/);
  assert.equal(api.daemon.banRequests.length, 1);
});

test('two lengths for one body are refused, because a proxy might use the other one', async (t) => {
  const api = await runApi(t);
  const smuggled = `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HEAD}Content-Length: 0\r\n\r\n`;
  assert.match(await converse(api.port, smuggled), /^HTTP\/1\.1 400 /);
  assert.deepEqual(api.daemon.banRequests, []);
});

test('arbitrary bytes on the socket never stop the server', async (t) => {
  const api = await runApi(t, { timeouts: { headersMs: 100, requestMs: 100, idleMs: 100 } });
  const start = fc.constantFrom('', 'GET ', 'GET /metrics HTTP/1.1\r\n', HEAD, `${HEAD}Content-Length: 3\r\n\r\n`);
  await fc.assert(
    fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), async (head, bytes) => {
      await converse(api.port, Buffer.concat([Buffer.from(head), bytes]), true);
    }),
    { numRuns: 50 },
  );
  await stillServes(api);
  assert.deepEqual(api.daemon.banRequests, []);
});

test('a port that is taken is named in the error', async (t) => {
  const api = await runApi(t);
  const second = new ApiServer(api.daemon, {
    tokens: [],
    listen: { host: '127.0.0.1', port: api.port },
    allowUnauthenticated: false,
    audit: { record: () => undefined },
    clock: { now: () => 0 },
    logger: silentLogger(),
  });
  await assert.rejects(second.start(), new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${api.port} .*EADDRINUSE`));
  await second.stop();
});

test('stopping closes the connections of clients that keep them open', async (t) => {
  const api = await runApi(t, { timeouts: { stopMs: 50 } });
  const idle = converse(api.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  const busy = converse(api.port, `${HEAD}Content-Length: 1000\r\n\r\n${BODY}`);
  await stillServes(api);
  await api.server.stop();
  assert.match(await idle, /^HTTP\/1\.1 200 /);
  await busy;
});
