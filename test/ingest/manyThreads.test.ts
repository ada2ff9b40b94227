import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { samplesOf } from '../../src/engine/attackSample.ts';
import { Detector } from '../../src/engine/detector.ts';
import { mergeTopHosts } from '../../src/engine/hostReport.ts';
import { createEncoder } from '../../src/flowgen/createEncoder.ts';
import type { IngestSnapshot } from '../../src/ingest/ingestSnapshot.ts';
import { ListenerSockets } from '../../src/ingest/listenerSockets.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { RecvmmsgSockets } from '../../src/ingest/recvmmsgSockets.ts';
import { probeListeners } from '../../src/ingest/udpListener.ts';
import { formatAddress, formatWords } from '../../src/net/address.ts';
import { METRIC_COUNT, offsetOf } from '../../src/trafficMetrics.ts';
import { groupFixture } from '../fixtures/configFixture.ts';
import {
  address,
  flowsTo,
  ingestConfig,
  planFor,
  RECEIVE_METHODS,
  recvmmsgUnavailable,
  runningPool,
  sendDatagrams,
  telemetry,
  totalFlows,
  until,
} from './runningPool.ts';

const TARGET = '198.51.100.7';
const NOW = Date.UTC(2026, 0, 1);

/** The thread that read each datagram, by the address of its sender. */
function readersBySender(threads: readonly RecvmmsgSockets[]): Map<string, Set<number>> {
  const readers = new Map<string, Set<number>>();
  threads.forEach((sockets, thread) => {
    for (let place = 0; place < sockets.size; place++) {
      const count = sockets.receive(place);
      for (let row = 0; row < count; row++) {
        const [word0, word1, word2, word3] = sockets.sourceWords.subarray(4 * row);
        const sender = formatWords(word0, word1, word2, word3);
        readers.set(sender, (readers.get(sender) ?? new Set()).add(thread));
      }
    }
  });
  return readers;
}

/** The workers that are started from now on. */
function startedWorkers(t: TestContext): Worker[] {
  const workers: Worker[] = [];
  const take = (worker: Worker): number => workers.push(worker);
  process.on('worker', take);
  t.after(() => process.off('worker', take));
  return workers;
}

describe('the kernel', { skip: recvmmsgUnavailable() }, () => {
  for (const host of ['127.0.0.1', '::1', '::']) {
    test(`gives all datagrams of an address to one thread, whatever their ports, on ${host}`, async () => {
      const wanted = [0, 1].map(() => ({ host, port: 0 }));
      const listeners = await probeListeners({ netflow: wanted, sflow: [] });
      const opened = new ListenerSockets(listeners, { threads: 4, receiveBufferBytes: 1 << 18 });
      const threads = opened.descriptors.map((descriptors) => {
        const sockets = new RecvmmsgSockets();
        for (const descriptor of descriptors) sockets.add(descriptor, 'netflow');
        return sockets;
      });
      const ipv4 = Array.from({ length: 16 }, (_, i) => `127.0.0.${i + 1}`);
      const senders = { '127.0.0.1': ipv4, '::1': ['::1'], '::': ['::1', ...ipv4] }[host] ?? [];
      for (const sender of senders) {
        for (let port = 0; port < 8; port++) {
          const to = { host: sender === '::1' ? '::1' : '127.0.0.1', port: listeners[port % 2].port };
          await sendDatagrams([new Uint8Array(1)], to, sender);
        }
      }
      const readers = readersBySender(threads);
      for (const sockets of threads) sockets.close();
      opened.close();
      assert.deepEqual([...readers.keys()].sort(), [...senders].sort());
      for (const [sender, seen] of readers) assert.equal(seen.size, 1, `${sender} was read by ${[...seen]}`);
      const used = new Set([...readers.values()].flatMap((seen) => [...seen]));
      assert.ok(senders.length === 1 || used.size >= 3, `only threads ${[...used]} read anything`);
    });
  }
});

for (const receive of RECEIVE_METHODS) {
  const ingest = { workers: 4, receive, receiveBufferBytes: 1 << 20 };
  describe(`several threads, ${receive}`, { skip: receive === 'recvmmsg' && recvmmsgUnavailable() }, () => {
    for (const protocol of ['netflow9', 'ipfix'] as const) {
      test(`${protocol}: templates and sampling rates from one port, data from others`, async (t) => {
        const { ports, snapshotWhere } = await runningPool(t, ingestConfig({ ingest }));
        const to = { host: '127.0.0.1', port: ports[0] };
        const senders = Array.from({ length: 6 }, (_, i) => `127.0.3.${i + 1}`);
        for (const sender of senders) {
          const encoder = createEncoder(protocol, { sampling: 50, agent: address(sender) });
          await sendDatagrams(encoder.encode(flowsTo(TARGET, 1), NOW), to, sender);
          for (let port = 0; port < 4; port++) {
            await sendDatagrams(encoder.encode(flowsTo(TARGET, 1), NOW + port), to, sender);
          }
        }
        const { exporters } = await snapshotWhere((seen) => totalFlows(seen) === 5 * senders.length);
        assert.deepEqual(
          exporters.map(({ address, flows, awaitingTemplate, sampling }) => [
            address,
            flows,
            awaitingTemplate,
            sampling?.rate,
          ]),
          senders.map((sender) => [sender, 5, 0, 50]),
        );
      });
    }

    test('a thread that dies is replaced, and what the kernel holds or drops meanwhile is accounted for', async (t) => {
      const workers = startedWorkers(t);
      const small = { ...ingest, receiveBufferBytes: 1 << 15 };
      const { pool, ports, failures, lines, snapshotWhere } = await runningPool(t, ingestConfig({ ingest: small }));
      const threads = receive === 'recvmmsg' ? 4 : 1;
      const to = { host: '127.0.0.1', port: ports[0] };
      const datagrams = telemetry('netflow5', flowsTo(TARGET, 1));
      const senders = Array.from({ length: 16 }, (_, i) => `127.0.4.${i + 1}`);
      for (const sender of senders) await sendDatagrams(datagrams, to, sender);
      await snapshotWhere((seen) => totalFlows(seen) === senders.length);

      const started = [...workers];
      assert.equal(started.length, threads);
      started[0].postMessage({ type: 'request', id: 1, request: { name: 'reconfigure' } });
      await new Promise((exited) => started[0].once('exit', exited));
      const burst = Array.from({ length: 100 }, () => datagrams[0]);
      for (const sender of senders) await sendDatagrams(burst, to, sender);
      await until('the new thread', () => workers.length === threads + 1);
      const accounted = (seen: IngestSnapshot): number => totalFlows(seen) + seen.droppedDatagrams;
      if (receive === 'recvmmsg') await snapshotWhere((seen) => accounted(seen) === 101 * senders.length);
      const isBack = (seen: IngestSnapshot): boolean => seen.receivingThreads[receive] === threads;
      const before = await snapshotWhere(isBack);
      for (const sender of senders) await sendDatagrams(datagrams, to, sender);
      const after = await snapshotWhere((seen) => accounted(seen) >= accounted(before) + senders.length);
      assert.equal(after.replacedThreads, 1);
      assert.equal(after.exporters.length, senders.length);
      assert.ok(after.exporters.every(({ flows }) => flows >= 2));
      assert.equal(lines.filter(({ message }) => message.startsWith('a receiving thread failed')).length, 1);
      assert.deepEqual(failures, []);
      await pool.stop();
    });

    test('threads that die again and again are a failure of the pool', async (t) => {
      const workers = startedWorkers(t);
      const { pool, failures, snapshotWhere } = await runningPool(
        t,
        ingestConfig({ ingest: { ...ingest, workers: 1 } }),
      );
      for (let deaths = 1; deaths <= 4; deaths++) {
        await workers[workers.length - 1].terminate();
        if (deaths === 4) break;
        await until('the next thread', () => workers.length === deaths + 1);
        await snapshotWhere((seen) => seen.receivingThreads[receive] === 1);
        assert.deepEqual(failures, []);
      }
      await until('the failure', () => failures.length === 1);
      assert.match(failures[0].message, /^receiving worker 1 of 1 ended with code 1$/);
      await pool.stop();
    });
  });
}

/** What exporters report: flows of each to a few hosts, in which second. */
const anyTelemetry = fc.array(
  fc.record({
    exporter: fc.integer({ min: 1, max: 9 }),
    protocol: fc.constantFrom('netflow5', 'netflow9', 'ipfix', 'sflow5'),
    target: fc.constantFrom('198.51.100.7', '198.51.100.8', '198.51.100.9'),
    flows: fc.integer({ min: 1, max: 60 }),
    second: fc.integer({ min: 0, max: 5 }),
  }),
  { minLength: 1, maxLength: 25 },
);

type Telemetry = typeof anyTelemetry extends fc.Arbitrary<infer T> ? T : never;

/** The rates and the attacks that so many threads find, where each exporter has one of them. */
function foundBy(workers: number, sent: Telemetry): unknown {
  const global = groupFixture({ name: 'global', networks: [] });
  const config = ingestConfig({ ingest: { workers, receive: 'auto', receiveBufferBytes: 1 << 16 }, groups: [global] });
  const plan = { ...planFor(config), hostLimit: 64 };
  const settings = { ...receiverSettingsOf(config, plan), historyFlows: 4096 };
  const receivers = Array.from({ length: workers }, () => new Receiver(settings, NOW));
  const detector = new Detector(plan, () => 'id');
  const encoders = new Map<string, ReturnType<typeof createEncoder>>();
  const attacked = new Set<string>();
  const rates: unknown[] = [];
  for (let now = NOW; now <= NOW + 8000; now += 100) {
    for (const { exporter, protocol, target, flows, second } of sent) {
      if (now !== NOW + 1000 * second) continue;
      const sender = `192.0.2.${exporter}`;
      const sampling = exporter % 2 === 0 ? 1 : 200;
      const key = `${exporter} ${protocol}`;
      const encoder = encoders.get(key) ?? createEncoder(protocol, { sampling, agent: address(sender) });
      encoders.set(key, encoder);
      const kind = protocol === 'sflow5' ? 'sflow' : 'netflow';
      for (const datagram of encoder.encode(flowsTo(target, flows), now)) {
        receivers[exporter % workers].receive(kind, datagram, sender, now);
      }
    }
    receivers.forEach((receiver, worker) => {
      detector.report(worker, receiver.tick(now));
    });
    const { crossed } = detector.advance(now);
    const samples = samplesOf(
      receivers.map((receiver) => receiver.sample(crossed, now)),
      crossed,
      20,
    );
    for (const { target } of detector.open(crossed, samples, now)) attacked.add(formatAddress(target));
    for (const receiver of receivers) receiver.watch(detector.watched());
    if (now % 1000 !== 500) continue;
    // Each metric from its own list, because a host without packets is in no list by packets.
    for (const metric of ['pps', 'mbps', 'flows_per_sec', 'udp_pps'] as const) {
      const offset = offsetOf(metric);
      const lists = receivers.map((receiver) => receiver.topHosts({ metric, limit: 10 }, now));
      const top = mergeTopHosts(lists, offset, 10);
      const hosts = Array.from({ length: top.count }, (_, i) => {
        const rate = top.rates[METRIC_COUNT * i + offset];
        return `${top.addresses.subarray(4 * i, 4 * i + 4)}: ${rate.toPrecision(9)}`;
      });
      rates.push([metric, hosts.sort()]);
    }
  }
  return { rates, attacked: [...attacked].sort() };
}

test('one, two or four threads find the same rates and the same attacks', () => {
  fc.assert(
    fc.property(anyTelemetry, (sent) => {
      const alone = foundBy(1, sent);
      assert.deepEqual(foundBy(2, sent), alone);
      assert.deepEqual(foundBy(4, sent), alone);
    }),
    { numRuns: 30 },
  );
});
