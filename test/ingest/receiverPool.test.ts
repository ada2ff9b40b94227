import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { SystemClock } from '../../src/clock.ts';
import type { Config } from '../../src/config/config.ts';
import { TELEMETRY_PROTOCOLS } from '../../src/flowgen/createEncoder.ts';
import type { IngestSnapshot } from '../../src/ingest/ingestSnapshot.ts';
import { ReceiverPool } from '../../src/ingest/receiverPool.ts';
import { BindError } from '../../src/ingest/udpListener.ts';
import { formatWords } from '../../src/net/address.ts';
import { prefix } from '../fixtures/addressFixture.ts';
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
import { freePorts, hostileDatagram, withoutSampling } from './senders.ts';

const TARGET = '198.51.100.7';
const TARGET6 = '2001:db8:1::7';

const INGEST = { workers: 1, receiveBufferBytes: 1 << 20 };

for (const receive of RECEIVE_METHODS) {
  describe(`received through ${receive}`, { skip: receive === 'recvmmsg' && recvmmsgUnavailable() }, () => {
    for (const host of ['127.0.0.1', '::1']) {
      for (const protocol of TELEMETRY_PROTOCOLS) {
        test(`${protocol} is received on ${host}, decoded and accounted to its hosts`, async (t) => {
          const listener = [{ host, port: 0 }];
          const { pool, ports, snapshotWhere } = await runningPool(
            t,
            ingestConfig({ ingest: { ...INGEST, receive }, listen: { netflow: listener, sflow: listener } }),
          );
          const target = protocol === 'netflow5' ? TARGET : TARGET6;
          const port = protocol === 'sflow5' ? ports[1] : ports[0];
          const datagrams = telemetry(protocol, flowsTo(target, 40), 100);
          await sendDatagrams(datagrams, { host, port });

          const flows = protocol === 'sflow5' ? 400 : 40;
          const snapshot = await snapshotWhere((seen) => totalFlows(seen) >= flows);
          assert.equal(snapshot.flows[protocol], flows);
          assert.equal(snapshot.trackedHosts, 1);
          assert.equal(snapshot.decodeErrorDatagrams, 0);
          assert.equal(snapshot.latency.count, flows, 'every flow is timed');
          const exporter = protocol === 'sflow5' ? '192.0.2.77' : host;
          assert.deepEqual(
            snapshot.exporters.map((row) => [row.address, row.protocols, row.datagrams, row.sampling?.rate]),
            [[exporter, [protocol], datagrams.length, 100]],
          );
          assert.deepEqual(
            snapshot.datagrams.filter(({ count }) => count > 0),
            [{ label: exporter, protocol, count: datagrams.length }],
          );

          // 400 packets, one in 100 sampled, over a window of some seconds: the sum is exact, the rate its quotient.
          const top = await pool.topHosts({ metric: 'pps', limit: 10 });
          const [word0, word1, word2, word3] = top.addresses;
          assert.equal(top.count, 1);
          assert.equal(formatWords(word0, word1, word2, word3), target);
          assert.equal(top.rates[0], 40_000 / ingestConfig({ ingest: { ...INGEST, receive } }).detection.windowSeconds);
        });
      }
    }

    test('a listener on :: accepts IPv4 exporters and shows their IPv4 addresses', async (t) => {
      const config = ingestConfig({
        ingest: { ...INGEST, receive },
        listen: { netflow: [{ host: '::', port: 0 }], sflow: [] },
      });
      const { ports, snapshotWhere } = await runningPool(t, config);
      await sendDatagrams(
        telemetry('netflow5', flowsTo(TARGET, 5)),
        { host: '127.0.0.1', port: ports[0] },
        '127.0.0.9',
      );
      await sendDatagrams(telemetry('ipfix', flowsTo(TARGET, 5)), { host: '::1', port: ports[0] });
      const { exporters } = await snapshotWhere((seen) => totalFlows(seen) === 10);
      assert.deepEqual(
        exporters.map((row) => row.address),
        ['127.0.0.9', '::1'],
      );
    });

    test('several listeners of a kind feed one table, and :: takes IPv6 only where an IPv4 listener has the port', async (t) => {
      const [port] = await freePorts(1);
      const netflow = [
        { host: '0.0.0.0', port },
        { host: '::', port },
        { host: '127.0.0.1', port: 0 },
      ];
      const { ports, snapshotWhere } = await runningPool(
        t,
        ingestConfig({ ingest: { ...INGEST, receive }, listen: { netflow, sflow: [] } }),
      );
      assert.deepEqual(ports.slice(0, 2), [port, port]);
      const datagrams = telemetry('netflow5', flowsTo(TARGET, 7));
      await sendDatagrams(datagrams, { host: '127.0.0.1', port });
      await sendDatagrams(datagrams, { host: '::1', port });
      await sendDatagrams(datagrams, { host: '127.0.0.1', port: ports[2] });
      const snapshot = await snapshotWhere((seen) => totalFlows(seen) === 21);
      assert.deepEqual(
        snapshot.exporters.map((row) => [row.address, row.datagrams]),
        [
          ['127.0.0.1', 2],
          ['::1', 1],
        ],
      );
    });

    test('one worker and four give the same totals', async (t) => {
      const totals = [];
      for (const workers of [1, 4]) {
        const config = ingestConfig({ ingest: { ...INGEST, receive, workers } });
        const { pool, ports, snapshotWhere } = await runningPool(t, config);
        for (let exporter = 1; exporter <= 12; exporter++) {
          const protocol = TELEMETRY_PROTOCOLS[exporter % 3];
          const datagrams = telemetry(protocol, flowsTo(`198.51.100.${exporter % 5}`, 40), 10 * exporter);
          await sendDatagrams(datagrams, { host: '127.0.0.1', port: ports[0] }, `127.0.1.${exporter}`);
        }
        const { flows, datagrams, exporters } = await snapshotWhere((seen) => totalFlows(seen) === 480);
        const top = await pool.topHosts({ metric: 'pps', limit: 3 });
        totals.push({
          flows,
          datagrams: datagrams.map(({ label, protocol, count }) => `${label} ${protocol} ${count}`).sort(),
          exporters: exporters.map((row) => ({ ...row, lastSeenAt: 0 })),
          top: [...top.addresses],
          rates: [...top.rates].map((rate) => rate.toFixed(9)),
        });
      }
      assert.equal(totals[0].exporters.length, 12);
      assert.deepEqual(totals[1], totals[0]);
    });

    test('every worker reports the watched hosts again and again', async (t) => {
      const config = ingestConfig({ ingest: { ...INGEST, receive, workers: 2 } });
      const { pool, ports, reports } = await runningPool(t, config);
      pool.watch([address(TARGET)]);
      await sendDatagrams(telemetry('netflow5', flowsTo(TARGET, 30)), { host: '127.0.0.1', port: ports[0] });
      const flowsReported = (worker: number): number | undefined =>
        reports.findLast((entry) => entry.worker === worker && entry.report.count === 1)?.report.rates[2];
      const expected = 30 / config.detection.windowSeconds;
      await until('both reports', () => (flowsReported(0) ?? 0) + (flowsReported(1) ?? 0) === expected);
      const before = reports.length;
      await until('more reports', () => reports.length >= before + 10);
    });

    test('hosts that were watched before the start are reported from the start', async (t) => {
      const config = ingestConfig({ ingest: { ...INGEST, receive } });
      const watched: number[] = [];
      const pool = new ReceiverPool(config, planFor(config), new SystemClock(), {
        onReport: (_worker, report) => watched.push(...report.addresses),
        onFailure: assert.ifError,
        onLog: () => {},
      });
      t.after(() => pool.stop());
      const target = address(TARGET6);
      pool.watch([target]);
      await pool.start();
      await until('a report', () => watched.length > 0);
      assert.deepEqual(watched.slice(0, 4), [target.word0, target.word1, target.word2, target.word3]);
    });

    test('the samples of several hosts hold flows from all workers', async (t) => {
      const config = ingestConfig({ ingest: { ...INGEST, receive, workers: 3 } });
      const { pool, ports, snapshotWhere } = await runningPool(t, config);
      const to = { host: '127.0.0.1', port: ports[0] };
      for (let exporter = 1; exporter <= 9; exporter++) {
        const flows = [...flowsTo(TARGET, 4), ...flowsTo('198.51.100.8', 2)];
        await sendDatagrams(telemetry('netflow5', flows, 10), to, `127.0.2.${exporter}`);
      }
      const { trackedHosts } = await snapshotWhere((seen) => totalFlows(seen) === 54);
      assert.equal(trackedHosts, 2, 'a host that several workers track counts once');
      const [first, quiet, second] = await pool.sample([
        address(TARGET),
        address('198.51.100.99'),
        address('198.51.100.8'),
      ]);
      assert.equal(first.totalPackets, 9 * 4 * 10 * 10);
      assert.equal(first.totalBytes, 9 * 4 * 5000 * 10);
      assert.equal(second.totalPackets, 9 * 2 * 10 * 10);
      assert.equal(quiet.totalPackets, 0);
      assert.equal(first.flows.length, config.samples.flowsPerAttack);
      assert.ok(first.flows.every((flow) => flow.dst === TARGET && Math.abs(flow.receivedAtMs - Date.now()) < 60_000));
      assert.deepEqual(first.topSrcPorts, [{ key: '53', packets: first.totalPackets, bytes: first.totalBytes }]);
      const exporters = Array.from({ length: 9 }, (_, i) => `127.0.2.${i + 1}`);
      assert.deepEqual(
        first.topExporters,
        exporters.map((key) => ({ key, packets: 400, bytes: 200_000 })),
      );
      assert.deepEqual(
        second.topInterfaces,
        exporters.map((key) => ({ key: `${key} 1`, packets: 200, bytes: 100_000 })),
      );
    });

    test('telemetry from sources that are not in flow_sources is dropped and counted when that is enforced', async (t) => {
      const config = ingestConfig({
        ingest: { ...INGEST, receive },
        flowSources: ['127.0.0.5', '192.0.2.77'],
        flowSourcesEnforce: true,
      });
      const { ports, snapshotWhere, lines } = await runningPool(t, config);
      const netflow = telemetry('netflow5', flowsTo(TARGET, 3));
      await sendDatagrams(netflow, { host: '127.0.0.1', port: ports[0] }, '127.0.0.6');
      // The agent is a known exporter, but the source address, which decides, is not.
      await sendDatagrams(telemetry('sflow5', flowsTo(TARGET, 1)), { host: '127.0.0.1', port: ports[1] }, '127.0.0.6');
      await sendDatagrams(netflow, { host: '127.0.0.1', port: ports[0] }, '127.0.0.5');
      const snapshot = await snapshotWhere((seen) => totalFlows(seen) > 0 && seen.untrustedDatagrams >= 3);
      assert.equal(totalFlows(snapshot), 3);
      assert.equal(snapshot.untrustedDatagrams, 3);
      assert.deepEqual(
        snapshot.exporters.map((row) => row.address),
        ['127.0.0.5'],
      );
      await until('the log line', () => lines.some(({ fields }) => fields.newest_source === '127.0.0.6'));
    });

    test('the sampling rate is the override, else what the exporter states, else the default', async (t) => {
      const sampling = {
        defaultRate: 50,
        maxStatedRate: 10_000_000,
        overrides: new Map([['127.0.0.2', 7]]),
        boundaries: new Map(),
      };
      const { pool, ports, snapshotWhere } = await runningPool(
        t,
        ingestConfig({ ingest: { ...INGEST, receive }, sampling }),
      );
      const to = { host: '127.0.0.1', port: ports[0] };
      const stated = telemetry('netflow5', flowsTo(TARGET, 1), 1000);
      const unstated = telemetry('netflow5', flowsTo(TARGET, 1), 1000).map((datagram) => withoutSampling(datagram));
      await sendDatagrams(stated, to, '127.0.0.2');
      await sendDatagrams(stated, to, '127.0.0.3');
      await sendDatagrams(unstated, to, '127.0.0.4');
      const { exporters } = await snapshotWhere((seen) => totalFlows(seen) === 3);
      assert.deepEqual(
        exporters.map((row) => row.sampling),
        [
          { rate: 7, source: 'override' },
          { rate: 1000, source: 'header' },
          { rate: 50, source: 'default' },
        ],
      );
      const top = await pool.topHosts({ metric: 'pps', limit: 1 });
      assert.equal(
        top.rates[0],
        (10 * (7 + 1000 + 50)) / ingestConfig({ ingest: { ...INGEST, receive } }).detection.windowSeconds,
      );
    });

    test('a reload changes sampling, flow sources and networks, and no counter goes backwards', async (t) => {
      const { pool, ports, snapshotWhere } = await runningPool(t, ingestConfig({ ingest: { ...INGEST, receive } }));
      const to = { host: '127.0.0.1', port: ports[0] };
      const datagrams = telemetry('netflow5', flowsTo(TARGET, 1));
      await sendDatagrams(datagrams, to);
      await snapshotWhere((seen) => totalFlows(seen) === 1);
      const next = ingestConfig({
        networks: ['203.0.113.0/24'],
        flowSources: ['127.0.0.8'],
        sampling: {
          defaultRate: 1,
          maxStatedRate: 10_000_000,
          overrides: new Map([['127.0.0.1', 20]]),
          boundaries: new Map(),
        },
      });
      await pool.reconfigure(next, planFor(next));
      await sendDatagrams(datagrams, to);
      const snapshot = await snapshotWhere((seen) => totalFlows(seen) === 2);
      assert.equal(snapshot.trackedHosts, 0);
      assert.deepEqual(snapshot.exporters[0].sampling, { rate: 20, source: 'override' });
      const netflow5 = snapshot.datagrams.filter(({ protocol }) => protocol === 'netflow5');
      assert.deepEqual(Object.fromEntries(netflow5.map(({ label, count }) => [label, count])), {
        '127.0.0.8': 0,
        '127.0.0.1': 1,
        other: 1,
      });
    });

    test('after a reload was requested, no earlier report is passed on', async (t) => {
      const groups = (...names: string[]): Config['groups'] =>
        ['global', ...names].map((name) =>
          groupFixture({ name, networks: name === 'web' ? [prefix(`${TARGET}/32`)] : [] }),
        );
      const before = ingestConfig({ ingest: { ...INGEST, receive }, groups: groups('web') });
      const after = ingestConfig({ ingest: { ...INGEST, receive }, groups: groups('mail', 'web') });
      const { pool, reports } = await runningPool(t, before);
      pool.watch([address(TARGET)]);
      await until('a report', () => reports.some(({ report }) => report.groups[0] === 1));
      // Reports of the old plan queue up while this thread is blocked.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      const reload = pool.reconfigure(after, planFor(after));
      const known = reports.length;
      await reload;
      await until('more reports', () => reports.length >= known + 3);
      assert.deepEqual(new Set(reports.slice(known).map(({ report }) => report.groups[0])), new Set([2]));
    });

    test('every known label has zeros before the first datagram and before the start', async () => {
      const config = ingestConfig({ ingest: { ...INGEST, receive }, flowSources: ['192.0.2.1'] });
      const events = { onReport: () => {}, onFailure: () => {}, onLog: () => {} };
      const { datagrams } = await new ReceiverPool(config, planFor(config), new SystemClock(), events).snapshot();
      assert.deepEqual(
        datagrams,
        ['192.0.2.1', 'other'].flatMap((label) =>
          TELEMETRY_PROTOCOLS.map((protocol) => ({ label, protocol, count: 0 })),
        ),
      );
    });

    test('hostile datagrams are counted and do no harm', async (t) => {
      const { ports, snapshotWhere, failures, lines } = await runningPool(
        t,
        ingestConfig({ ingest: { ...INGEST, receive } }),
      );
      const garbage = Array.from({ length: 300 }, (_, i) => hostileDatagram(i));
      for (const port of ports) await sendDatagrams(garbage, { host: '127.0.0.1', port }, '127.0.0.66');
      for (const port of ports) await sendDatagrams([new Uint8Array(0)], { host: '127.0.0.1', port }, '127.0.0.66');
      await sendDatagrams(telemetry('ipfix', flowsTo(TARGET, 9)), { host: '127.0.0.1', port: ports[0] });
      const datagramsFrom = ({ exporters }: IngestSnapshot, from: string): number =>
        exporters.find((row) => row.address === from)?.datagrams ?? 0;
      const snapshot = await snapshotWhere(
        (seen) => datagramsFrom(seen, '127.0.0.66') >= 602 && datagramsFrom(seen, '127.0.0.1') === 1,
      );
      assert.equal(datagramsFrom(snapshot, '127.0.0.66'), 602);
      assert.ok(snapshot.flows.ipfix >= 9);
      assert.ok(snapshot.decodeErrorDatagrams > 500, `${snapshot.decodeErrorDatagrams} of 602 were found faulty`);
      assert.deepEqual(failures, []);
      await until('the log line', () => lines.some(({ fields }) => fields.exporter === '127.0.0.66'));
    });

    test('an address that another program uses is named in the error, and no socket stays open', async (t) => {
      for (const workers of [1, 3]) {
        const other = dgram.createSocket({ type: 'udp4', reusePort: true });
        other.bind(0, '127.0.0.1');
        await once(other, 'listening');
        const { port } = other.address();
        const [free] = await freePorts(1);
        const config = ingestConfig({
          ingest: { ...INGEST, receive, workers },
          listen: { netflow: [{ host: '127.0.0.1', port: free }], sflow: [{ host: '127.0.0.1', port }] },
        });
        await assert.rejects(runningPool(t, config), (error) => {
          assert.ok(error instanceof BindError);
          assert.deepEqual([error.host, error.port, error.code], ['127.0.0.1', port, 'EADDRINUSE']);
          assert.match(error.message, new RegExp(`UDP 127\\.0\\.0\\.1:${port}: EADDRINUSE`));
          return true;
        });
        other.close();
        await once(other, 'close');
        const { ports } = await runningPool(t, config);
        assert.deepEqual(ports, [free, port]);
      }
    });

    test('a stopped pool has closed its ports', async (t) => {
      const { pool, ports } = await runningPool(t, ingestConfig({ ingest: { ...INGEST, receive } }));
      await pool.stop();
      const listen = { netflow: [{ host: '127.0.0.1', port: ports[0] }], sflow: [] };
      await runningPool(t, ingestConfig({ ingest: { ...INGEST, receive }, listen }));
      assert.deepEqual((await pool.topHosts({ metric: 'pps', limit: 1 })).count, 0);
    });

    test('a worker that throws is reported once as a failure of the pool', async (t) => {
      const config = ingestConfig({ ingest: { ...INGEST, receive } });
      const { pool, failures } = await runningPool(t, config);
      // An invalid plan, which breaks an invariant in the worker.
      const broken = { ...planFor(config), networks: [[{ length: 8 }, 0]] } as unknown as ReturnType<typeof planFor>;
      await pool.reconfigure(config, broken);
      await until('the failure', () => failures.length > 0);
      assert.match(failures[0].message, /^receiving worker 1 of 1 threw: /);
      await pool.stop();
      assert.equal(failures.length, 1);
    });

    test('a receive buffer smaller than configured is logged with the granted size', async (t) => {
      const ingest = { ...INGEST, receive, receiveBufferBytes: 2 ** 30 };
      const { lines } = await runningPool(t, ingestConfig({ ingest }));
      const warning = lines.find(({ level }) => level === 'warn');
      assert.match(warning?.message ?? '', /smaller receive buffer than ingest\.receive_buffer_bytes/);
      assert.equal(warning?.fields.asked_bytes, 2 ** 30);
      assert.ok(Number(warning?.fields.granted_bytes) >= 65_536);
    });
  });
}
