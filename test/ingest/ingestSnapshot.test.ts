import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../../src/engine/enginePlan.ts';
import { TELEMETRY_PROTOCOLS } from '../../src/flowgen/createEncoder.ts';
import { EMPTY_SNAPSHOT, type ExporterSnapshot, mergeSnapshots } from '../../src/ingest/ingestSnapshot.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { flowsTo, ingestConfig, telemetry } from './runningPool.ts';

const ROW: ExporterSnapshot = {
  address: '192.0.2.1',
  label: 'other',
  protocols: ['ipfix'],
  datagrams: 3,
  flows: 30,
  notAtBorder: 7,
  hasBorder: false,
  duplicates: undefined,
  lastSeenAt: 1000,
  sampling: { rate: 10, source: 'options' },
  sequenceGaps: 1,
  decodeErrors: { set_length: 1, template_limit: 2 },
  doubts: { counters: 1, clock: 2 },
  lastDoubt: { reason: 'counters', value: 7 },
  activeTimeout: { ms: 60_000, source: 'learned' },
  restarts: 1,
  templates: 4,
  awaitingTemplate: 1,
  recordsWithoutCounters: 2,
  recordsWithoutAddresses: 3,
  optionsRecords: 4,
  skippedSamples: 5,
  blind: false,
};

test('the rows of one exporter are merged, with the latest sampling', () => {
  const other: ExporterSnapshot = {
    ...ROW,
    label: '192.0.2.1',
    protocols: ['netflow5', 'ipfix'],
    lastSeenAt: 2000,
    sampling: { rate: 20, source: 'record' },
    decodeErrors: { set_length: 5 },
    doubts: { counters: 5 },
    lastDoubt: undefined,
    activeTimeout: undefined,
    blind: true,
  };
  const expected: ExporterSnapshot = {
    address: '192.0.2.1',
    label: '192.0.2.1',
    protocols: ['netflow5', 'ipfix'],
    datagrams: 6,
    flows: 60,
    notAtBorder: 14,
    hasBorder: false,
    duplicates: undefined,
    lastSeenAt: 2000,
    sampling: { rate: 20, source: 'record' },
    sequenceGaps: 2,
    decodeErrors: { set_length: 6, template_limit: 2 },
    doubts: { counters: 6, clock: 2 },
    lastDoubt: { reason: 'counters', value: 7 },
    activeTimeout: { ms: 60_000, source: 'learned' },
    restarts: 2,
    templates: 8,
    awaitingTemplate: 2,
    recordsWithoutCounters: 4,
    recordsWithoutAddresses: 6,
    optionsRecords: 8,
    skippedSamples: 10,
    blind: true,
  };
  for (const rows of [
    [ROW, other],
    [other, ROW],
  ]) {
    const merged = mergeSnapshots(rows.map((row) => ({ ...EMPTY_SNAPSHOT, exporters: [row] })));
    assert.deepEqual(merged.exporters, [expected]);
  }
});

test('a row without flows does not hide the sampling of a row with flows', () => {
  const silent = { ...ROW, lastSeenAt: 5000, sampling: undefined };
  const merged = mergeSnapshots([ROW, silent].map((row) => ({ ...EMPTY_SNAPSHOT, exporters: [row] })));
  assert.deepEqual(merged.exporters[0].sampling, ROW.sampling);
});

test('the snapshots of two receivers add up to that of one which gets all datagrams', () => {
  const config = ingestConfig();
  const settings = receiverSettingsOf(config, planOf(config, 1, 1));
  const [left, right, both] = [0, 0, 0].map((now) => new Receiver(settings, now));
  TELEMETRY_PROTOCOLS.forEach((protocol, i) => {
    const source = `192.0.2.${i + 1}`;
    const kind = protocol === 'sflow5' ? 'sflow' : 'netflow';
    for (const datagram of telemetry(protocol, flowsTo('198.51.100.9', 70))) {
      for (const receiver of [i % 2 === 0 ? left : right, both]) receiver.receive(kind, datagram, source, 1000 + i);
    }
  });
  const merged = mergeSnapshots([left.snapshot(2000), right.snapshot(2000)]);
  const expected = mergeSnapshots([both.snapshot(2000)]);
  assert.ok((expected.exporters[0].duplicates?.partners.length ?? 0) > 0);
  assert.deepEqual(merged.flows, expected.flows);
  assert.equal(merged.latency.count, expected.latency.count);
  assert.deepEqual(merged.exporters, expected.exporters);
  const nonZero = (rows: typeof merged.datagrams): string[] =>
    rows.filter(({ count }) => count > 0).map(({ label, protocol, count }) => `${label} ${protocol} ${count}`);
  assert.deepEqual(nonZero(merged.datagrams).sort(), nonZero(expected.datagrams).sort());
});

test('the counters of accounting are in the snapshot and add up over receivers', () => {
  const config = ingestConfig();
  const settings = receiverSettingsOf(config, planOf(config, 1, 1));
  const receivers = [0, 0].map((now) => new Receiver(settings, now));
  for (const receiver of receivers) {
    for (const datagram of telemetry('netflow5', flowsTo('192.0.2.200', 30))) {
      receiver.receive('netflow', datagram, '192.0.2.1', 1000);
    }
  }
  const snapshots = receivers.map((receiver) => receiver.snapshot(2000));
  assert.equal(snapshots[0].unprotectedFlows, 30);
  assert.ok(snapshots[0].hostTableBytes > 0);
  const counted = { ...EMPTY_SNAPSHOT, unreportedHosts: 3, lastingFlows: 4 };
  const merged = mergeSnapshots([...snapshots, counted, counted]);
  assert.equal(merged.unprotectedFlows, 60);
  assert.equal(merged.hostTableBytes, 2 * snapshots[0].hostTableBytes);
  assert.deepEqual([merged.unreportedHosts, merged.lastingFlows], [6, 8]);
});
