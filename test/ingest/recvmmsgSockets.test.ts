import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ListenerSockets } from '../../src/ingest/listenerSockets.ts';
import type { FromWorker, WorkerSetup } from '../../src/ingest/messages.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { BATCH_DATAGRAMS, RecvmmsgSockets } from '../../src/ingest/recvmmsgSockets.ts';
import { BindError, type ListenerAddress, probeListeners } from '../../src/ingest/udpListener.ts';
import { formatWords } from '../../src/net/address.ts';
import { ingestConfig, planFor, recvmmsgUnavailable, sendDatagrams } from './runningPool.ts';

const OPTIONS = { receiveBufferBytes: 1 << 20, threads: 1 };

const ANY: ListenerAddress = { kind: 'netflow', host: '::', port: 0, ipv6Only: false };

interface Received {
  readonly payload: Buffer;
  readonly sender: string;
}

/** Sockets on free ports of these hosts, closed when the test ends. */
async function socketsOn(
  t: TestContext,
  hosts: readonly string[],
): Promise<{ sockets: RecvmmsgSockets; ports: readonly number[] }> {
  const sockets = new RecvmmsgSockets();
  t.after(() => sockets.close());
  const listeners = await probeListeners({ netflow: hosts.map((host) => ({ host, port: 0 })), sflow: [] });
  const opened = new ListenerSockets(listeners, OPTIONS);
  for (const descriptor of opened.descriptors[0]) sockets.add(descriptor, 'netflow');
  opened.close();
  return { sockets, ports: listeners.map(({ port }) => port) };
}

function receiveAll(sockets: RecvmmsgSockets, place = 0): Received[] {
  const received: Received[] = [];
  for (;;) {
    sockets.wait(100);
    const count = sockets.receive(place);
    if (count === 0) return received;
    for (let row = 0; row < count; row++) {
      const { buffer, byteOffset } = sockets.views[row];
      const payload = Buffer.from(Buffer.from(buffer, byteOffset, sockets.lengths[row]));
      const [word0, word1, word2, word3] = sockets.sourceWords.subarray(4 * row);
      received.push({ payload, sender: `${formatWords(word0, word1, word2, word3)} ${sockets.sourcePorts[row]}` });
    }
  }
}

function openSocketCount(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('recvmmsg', { skip: recvmmsgUnavailable() }, () => {
  test('every datagram is read with its length, bytes and sender, also an empty one and the largest', async (t) => {
    const { sockets, ports } = await socketsOn(t, ['127.0.0.1']);
    const payloads = [0, 1, 1464, 9000, 65_507].map((length, i) => Buffer.alloc(length, i + 1));
    await sendDatagrams(payloads, { host: '127.0.0.1', port: ports[0] }, '127.0.0.9');
    const received = receiveAll(sockets);
    assert.deepEqual(
      received.map(({ payload }) => payload),
      payloads,
    );
    assert.match(received[0].sender, /^127\.0\.0\.9 \d+$/);
    assert.equal(new Set(received.map(({ sender }) => sender)).size, 1);
  });

  test('a socket for both families reads the senders of each in one batch', async (t) => {
    const { sockets, ports } = await socketsOn(t, ['::']);
    for (let round = 0; round < 3; round++) {
      await sendDatagrams([Buffer.from('4')], { host: '127.0.0.1', port: ports[0] }, '127.0.0.9');
      await sendDatagrams([Buffer.from('6')], { host: '::1', port: ports[0] });
    }
    assert.deepEqual(
      receiveAll(sockets).map(({ payload, sender }) => `${payload} ${sender.split(' ')[0]}`),
      ['4 127.0.0.9', '6 ::1', '4 127.0.0.9', '6 ::1', '4 127.0.0.9', '6 ::1'],
    );
  });

  test('one batch takes up to its size, and the rest stays for the next', async (t) => {
    const { sockets, ports } = await socketsOn(t, ['127.0.0.1']);
    const payloads = Array.from({ length: BATCH_DATAGRAMS + 6 }, (_, i) => Buffer.from(`datagram ${i}`));
    await sendDatagrams(payloads, { host: '127.0.0.1', port: ports[0] });
    assert.deepEqual([sockets.receive(0), sockets.receive(0), sockets.receive(0)], [BATCH_DATAGRAMS, 6, 0]);
  });

  test('sockets are read one by one, and a wait ends when a datagram comes to any of them', async (t) => {
    const { sockets, ports } = await socketsOn(t, ['127.0.0.1', '::1']);
    await sendDatagrams([Buffer.from('x')], { host: '::1', port: ports[1] });
    const startedAt = performance.now();
    sockets.wait(5000);
    assert.ok(performance.now() - startedAt < 4000);
    assert.deepEqual([sockets.receive(0), sockets.receive(1)], [0, 1]);
  });

  test('a wait ends when the event loop has something to do', () => {
    const sockets = new RecvmmsgSockets();
    const { port1, port2 } = new MessageChannel();
    port1.on('message', () => {});
    const startedAt = performance.now();
    return new Promise<void>((resolve) => {
      setImmediate(() => {
        port2.postMessage('work');
        sockets.wait(5000);
        assert.ok(performance.now() - startedAt < 4000);
        port1.close();
        resolve();
      });
    });
  });

  test('an address in use is a BindError', async (t) => {
    const { ports } = await socketsOn(t, ['127.0.0.1']);
    const taken = { ...ANY, host: '127.0.0.1', port: ports[0] };
    assert.throws(() => new ListenerSockets([taken], OPTIONS), BindError);
  });

  test('a socket that was closed behind its back is an error', () => {
    const sockets = new RecvmmsgSockets();
    const opened = new ListenerSockets([ANY], OPTIONS);
    sockets.add(opened.descriptors[0][0], 'netflow');
    opened.close();
    closeSync(newestSocket());
    assert.throws(() => sockets.receive(0), /^Error: recvmmsg failed with EBADF$/);
  });

  test('closed sockets leave no descriptor', () => {
    const before = openSocketCount();
    for (let i = 0; i < 50; i++) {
      const sockets = new RecvmmsgSockets();
      const opened = new ListenerSockets([ANY, ANY], { ...OPTIONS, threads: 2 });
      sockets.add(opened.descriptors[0][0], 'netflow');
      opened.close();
      sockets.close();
    }
    assert.equal(openSocketCount(), before);
  });

  test('a thread that is terminated or throws closes its sockets', async () => {
    for (const end of ['terminated', 'throws']) {
      const config = ingestConfig({ listen: { netflow: [{ host: '127.0.0.1', port: 0 }], sflow: [] } });
      const listeners = await probeListeners(config.listen);
      const { receiveBufferBytes } = config.ingest;
      const settings = receiverSettingsOf(config, planFor(config));
      const opened = new ListenerSockets(listeners, OPTIONS);
      const workerData: WorkerSetup = { settings, listeners, receiveBufferBytes, descriptors: opened.descriptors[0] };
      const worker = new Worker(new URL('../../src/ingest/receivingWorker.ts', import.meta.url), { workerData });
      const [first] = (await once(worker, 'message')) as [FromWorker];
      assert.equal(first.type === 'listening' && first.method, 'recvmmsg');
      opened.close();
      const [{ host, port }] = listeners;
      await assert.rejects(probeListeners({ netflow: [{ host, port }], sflow: [] }), BindError);
      if (end === 'terminated') await worker.terminate();
      else {
        worker.postMessage({ type: 'request', id: 1, request: { name: 'reconfigure' } });
        await once(worker, 'error');
        await once(worker, 'exit');
      }
      await probeListeners({ netflow: [{ host, port }], sflow: [] });
    }
  });

  test('datagrams stay whole while garbage is collected', { timeout: 120_000 }, async () => {
    const script = fileURLToPath(new URL('receiveUnderGarbage.ts', import.meta.url));
    const child = spawn(process.execPath, ['--expose-gc', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const [code, signal] = await once(child, 'close');
    assert.deepEqual([code, signal, stderr], [0, null, '']);
    const { datagrams, wrong, collections, heapBytes } = JSON.parse(stdout);
    assert.equal(wrong, 0);
    assert.ok(datagrams > 5000, `only ${datagrams} datagrams`);
    assert.ok(collections > 20, `only ${collections} collections`);
    assert.ok(heapBytes > 2e8, `only ${heapBytes} bytes were allocated`);
  });
});

/** The descriptor of the UDP socket that was opened last. */
function newestSocket(): number {
  const sockets = readFileSync('/proc/net/udp6', 'latin1');
  const isUdp = (link: string): boolean => sockets.includes(` ${/^socket:\[(\d+)\]$/.exec(link)?.[1]} `);
  const descriptors = readdirSync('/proc/self/fd').map(Number);
  const open = descriptors.filter((descriptor) => isUdp(linkOf(descriptor)));
  return Math.max(...open);
}

/** Empty where it was closed meanwhile. */
function linkOf(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}
