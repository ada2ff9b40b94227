import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { OPERATOR, runApi } from './runningApi.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const METRICS = 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

async function opened(t: TestContext, port: number, from: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

function connectionsFrom(t: TestContext, port: number, count: number, from: string): Promise<Socket[]> {
  return Promise.all(Array.from({ length: count }, () => opened(t, port, from)));
}

/** Waits until the server has left no more than so many of the connections open. */
async function leftOpen(sockets: readonly Socket[], expected: number): Promise<void> {
  for (const socket of sockets) socket.resume();
  const open = () => sockets.filter((socket) => !socket.closed && !socket.readableEnded).length;
  for (let tries = 0; tries < 100 && open() > expected; tries++) await sleep(50);
  assert.equal(open(), expected);
}

/** Memory in use, without what is only not collected yet. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('a client that sends requests and reads nothing is cut off, and holds no answers', async (t) => {
  const api = await runApi(t);
  const before = heldBytes();
  const sockets = await connectionsFrom(t, api.port, 30, '127.0.0.3');
  for (const socket of sockets) socket.pause().write(METRICS.repeat(1500));
  await sleep(500);
  const grown = heldBytes() - before;
  assert.ok(grown < 50e6, `${Math.round(grown / 1e6)} MB`);
  await leftOpen(sockets, 0);
  assert.equal((await api.get('/healthz')).status, 200);
});

test('a few pipelined requests are answered', async (t) => {
  const api = await runApi(t);
  const socket = await opened(t, api.port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(5));
  while (text.split('HTTP/1.1 200').length < 6) await once(socket, 'data');
});

test('one address cannot take all connections, and not even many can keep an operator out', async (t) => {
  const api = await runApi(t);
  await api.get('/api/v1/bans', OPERATOR);
  await leftOpen(await connectionsFrom(t, api.port, 100, '127.0.0.2'), 32);
  for (let i = 3; i < 10; i++) await connectionsFrom(t, api.port, 32, `127.0.0.${i}`);
  // 256 connections are the share of addresses from which no valid token came.
  await leftOpen(await connectionsFrom(t, api.port, 5, '127.0.0.99'), 0);
  assert.equal((await api.get('/api/v1/bans', OPERATOR)).status, 200);
});
