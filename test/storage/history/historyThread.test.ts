import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { HistorySettings } from '../../../src/storage/history/historyMessages.ts';
import { HistoryThread } from '../../../src/storage/history/historyThread.ts';
import type { HistoryLogLine, WriterLimits } from '../../../src/storage/history/historyWriter.ts';
import { TrafficIntervals, type TrafficSample } from '../../../src/storage/history/trafficIntervals.ts';
import { METRIC_COUNT } from '../../../src/trafficMetrics.ts';
import { eventually } from '../../integration/eventually.ts';
import { stateDirectory } from '../stateDirectory.ts';
import { ANY_ATTACK, attackRow, auditRow, T0, trafficOf } from './historyFixture.ts';

const LIMITS: WriterLimits = { queueSize: 50_000, batchSize: 1000, maxBatchSize: 5000, flushIntervalMs: 50 };

function threadOn(t: TestContext, file: string, limits: Partial<WriterLimits> = {}) {
  const lines: HistoryLogLine[] = [];
  const settings: HistorySettings = {
    store: { kind: 'sqlite', file, retentionDays: 7 },
    limits: { ...LIMITS, ...limits },
  };
  const thread = new HistoryThread(settings, (line) => lines.push(line));
  t.after(() => thread.stop());
  return { thread, lines };
}

/** Of hosts 10.0.0.0 and on, each with its rates, all in group 0. */
function sampleOf(rates: readonly number[], changes: Partial<TrafficSample> = {}): TrafficSample {
  const all = new Float64Array(METRIC_COUNT * rates.length);
  rates.forEach((pps, host) => {
    all.set([pps, pps / 100, 1], METRIC_COUNT * host);
  });
  return {
    time: T0,
    intervalSeconds: 10,
    isLast: false,
    groups: [
      { name: 'global', tenant: '' },
      { name: 'web', tenant: 'acme' },
    ],
    groupRates: Float64Array.from([rates.reduce((sum, pps) => sum + pps, 0), 1, 1, 0, 0, 0]),
    hosts: {
      count: rates.length,
      addresses: Uint32Array.from(rates.flatMap((_pps, host) => [0, 0, 0xffff, 0x0a000000 + host])),
      groups: new Uint16Array(rates.length),
      rates: all,
      ratesPerHost: METRIC_COUNT,
    },
    ...changes,
  };
}

test('an interval has the mean over its samples and the highest of them, also for hosts whose traffic stopped', () => {
  const intervals = new TrafficIntervals(100);
  assert.deepEqual(intervals.add(sampleOf([1000, 300])), []);
  const rows = intervals.add(sampleOf([3000], { isLast: true }));
  const seen = rows.map(({ scope, target, mean, peak }) => [scope, target, mean.pps, peak.pps]);
  assert.deepEqual(seen, [
    ['group', 'global', 2150, 3000],
    ['host', '10.0.0.0', 2000, 3000],
    ['host', '10.0.0.1', 150, 300],
  ]);
  assert.deepEqual(intervals.flush(), [], 'what was given is not given again');
});

test('an interval that was cut short by the next still gives its rows, under its own time', () => {
  const intervals = new TrafficIntervals(100);
  intervals.add(sampleOf([1000]));
  const rows = intervals.add(sampleOf([5000], { time: T0 + 10_000 }));
  assert.deepEqual(
    rows.map(({ time, mean }) => [time, mean.pps]),
    [
      [T0, 1000],
      [T0, 1000],
    ],
  );
});

test('the hosts with the most packets are kept', () => {
  const intervals = new TrafficIntervals(2);
  const rows = intervals.add(sampleOf([1, 30, 20, 10], { isLast: true }));
  assert.deepEqual(
    rows.filter(({ scope }) => scope === 'host').map(({ target }) => target),
    ['10.0.0.1', '10.0.0.2'],
  );
});

test('rows sent to the thread are in the answers, and in the file after a stop', async (t) => {
  const file = path.join(stateDirectory(t), 'history.db');
  const { thread } = threadOn(t, file);
  thread.addAttackEvent(attackRow());
  thread.addAuditEvent(auditRow(1));
  thread.addTraffic(sampleOf([1000], { isLast: true }));
  assert.equal((await thread.attacks(ANY_ATTACK)).rows.length, 1);
  assert.equal((await thread.traffic(trafficOf({ target: '10.0.0.0' })))[0].mean.pps, 1000);
  assert.deepEqual(await thread.counts(), {
    attack_events: { written: 1, dropped: 0, error: 0 },
    traffic: { written: 2, dropped: 0, error: 0 },
    audit_events: { written: 1, dropped: 0, error: 0 },
  });
  thread.addAuditEvent(auditRow(2));
  thread.addTraffic(sampleOf([7], { time: T0 + 10_000 }));
  await thread.stop();
  const again = threadOn(t, file).thread;
  const page = await again.audit({ ...ANY_ATTACK, action: undefined });
  assert.equal(page.rows.length, 2, 'what waited at the stop was written');
  assert.equal((await again.traffic(trafficOf({ target: '10.0.0.0' }))).length, 2);
});

test('a file that becomes unreadable is put aside and logged, and no row is lost', async (t) => {
  const file = path.join(stateDirectory(t), 'history.db');
  writeFileSync(file, Buffer.alloc(20_000, 'x'));
  const { thread, lines } = threadOn(t, file);
  thread.addAuditEvent(auditRow(1));
  await eventually(async () => (await thread.counts()).audit_events.written === 1);
  assert.ok(lines.some(({ level, message }) => level === 'error' && message.includes('a new one is created')));
  assert.match(readFileSync(`${file}.aside`, 'latin1'), /^xxx/);
});

test('where nothing can be written, rows wait, then are dropped and counted, and questions fail in time', async (t) => {
  const blocker = path.join(stateDirectory(t), 'a-file');
  writeFileSync(blocker, '');
  const { thread, lines } = threadOn(t, path.join(blocker, 'history.db'), { queueSize: 10 });
  for (let i = 1; i <= 25; i++) thread.addAuditEvent(auditRow(i));
  await eventually(async () => (await thread.counts()).audit_events.dropped === 15);
  await assert.rejects(thread.attacks(ANY_ATTACK), { name: 'HistoryError', fault: 'unavailable' });
  assert.ok(lines.some(({ message }) => message.includes('cannot be written')));
});
