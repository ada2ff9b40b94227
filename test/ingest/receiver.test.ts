import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { samplesOf } from '../../src/engine/attackSample.ts';
import { planOf } from '../../src/engine/enginePlan.ts';
import type { ExporterSnapshot } from '../../src/ingest/ingestSnapshot.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { address, flowsTo, ingestConfig, telemetry } from './runningPool.ts';

const TARGET = '198.51.100.7';
const MINUTE = 60_000;

function receiverOf(overrides: Parameters<typeof ingestConfig>[0] = {}): Receiver {
  const config = ingestConfig(overrides);
  return new Receiver(receiverSettingsOf(config, planOf(config, 1, 1)), 0);
}

function onlyExporter(receiver: Receiver, now: number): ExporterSnapshot {
  const { exporters } = receiver.snapshot(now);
  assert.equal(exporters.length, 1);
  return exporters[0];
}

/** The data set of an IPFIX datagram without the templates before it. */
function withoutTemplates(): Uint8Array {
  const encoded = telemetry('ipfix', flowsTo(TARGET, 60));
  return encoded[1];
}

test('an exporter whose data cannot be decoded is blind until some of it can', () => {
  const receiver = receiverOf();
  receiver.receive('netflow', withoutTemplates(), '192.0.2.1', 1000);
  assert.equal(onlyExporter(receiver, 1000).blind, true);
  assert.equal(onlyExporter(receiver, 1000).awaitingTemplate, 1);
  assert.equal(receiver.snapshot(1000).decodeErrorDatagrams, 0, 'data before its template is no error');
  receiver.receive('netflow', telemetry('ipfix', flowsTo(TARGET, 1))[0], '192.0.2.1', 2000);
  assert.equal(onlyExporter(receiver, 2000).blind, false);
  assert.equal(onlyExporter(receiver, 2000).awaitingTemplate, 0);
});

test('an exporter whose flows stop is blind after a minute of data that cannot be decoded', () => {
  const receiver = receiverOf();
  receiver.receive('netflow', telemetry('netflow5', flowsTo(TARGET, 1))[0], '192.0.2.1', 0);
  for (let now = 1000; now <= 2 * MINUTE; now += 1000) {
    receiver.receive('netflow', new Uint8Array([0, 7, 0, 1]), '192.0.2.1', now);
    assert.equal(onlyExporter(receiver, now).blind, now > MINUTE, `after ${now} ms`);
  }
});

test('an exporter that is silent, or sends only counters, is not blind', () => {
  const receiver = receiverOf();
  receiver.receive('netflow', withoutTemplates(), '192.0.2.1', 0);
  assert.equal(onlyExporter(receiver, MINUTE + 1).blind, false);

  const counters = receiverOf();
  const header = Buffer.from('0000000500000001c00002010000000000000001000003e800000000', 'hex');
  counters.receive('sflow', header, '192.0.2.1', 0);
  assert.equal(onlyExporter(counters, 0).blind, false);
});

for (const protocol of ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const) {
  test(`a sample names the exporters and input interfaces of ${protocol}`, () => {
    const receiver = receiverOf();
    const kind = protocol === 'sflow5' ? 'sflow' : 'netflow';
    const send = (source: string, inInterface: number, count: number): void => {
      const flows = flowsTo(TARGET, count).map((flow) => ({ ...flow, inInterface }));
      for (const datagram of telemetry(protocol, flows, 1, source)) receiver.receive(kind, datagram, source, 1000);
    };
    send('192.0.2.1', 17, 5);
    send('192.0.2.1', 3, 1);
    send('2001:db8:e::1', 17, 2);
    const target = [address(TARGET)];
    const [sample] = samplesOf([receiver.sample(target, 1000)], target, 20);
    assert.deepEqual(
      sample.topExporters.map(({ key, packets }) => [key, packets]),
      [
        ['192.0.2.1', 60],
        ['2001:db8:e::1', 20],
      ],
    );
    assert.deepEqual(
      sample.topInterfaces.map(({ key, packets }) => [key, packets]),
      [
        ['192.0.2.1 17', 50],
        ['2001:db8:e::1 17', 20],
        ['192.0.2.1 3', 10],
      ],
    );
  });
}

test('an sFlow datagram belongs to its agent, and to its sender where it has none', () => {
  const receiver = receiverOf();
  receiver.receive('sflow', telemetry('sflow5', flowsTo(TARGET, 1))[0], '192.0.2.1', 0);
  receiver.receive('sflow', new Uint8Array(3), '192.0.2.1', 0);
  const { exporters } = receiver.snapshot(0);
  assert.deepEqual(
    exporters.map((row) => [row.address, row.datagrams, row.decodeErrors]),
    [
      ['192.0.2.77', 1, {}],
      ['192.0.2.1', 1, { header_truncated: 1 }],
    ],
  );
});

test('an exporter has one row for all spellings of its address', () => {
  const receiver = receiverOf();
  const spellings = ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', 'fe80::1%eth0', 'FE80:0::1'];
  for (const text of spellings) receiver.receive('netflow', telemetry('netflow5', flowsTo(TARGET, 1))[0], text, 0);
  assert.deepEqual(
    receiver.snapshot(0).exporters.map((row) => [row.address, row.datagrams]),
    [
      ['192.0.2.1', 3],
      ['fe80::1', 2],
    ],
  );
});

test('the sample of a host has its latest flows', () => {
  const receiver = receiverOf();
  const flows = [...flowsTo(TARGET, 20), ...flowsTo('198.51.100.8', 5)];
  for (const datagram of telemetry('netflow5', flows, 10)) receiver.receive('netflow', datagram, '192.0.2.1', 1000);
  const slice = receiver.sample([address(TARGET)], 1500);
  assert.equal(slice.count, 20);
  assert.deepEqual(new Set(slice.packets), new Set([100]));
  assert.deepEqual(new Set(slice.receivedAtMs), new Set([1000]));
});

test('a decode error is logged at once, then once a minute with the errors since', () => {
  const receiver = receiverOf();
  const bad = new Uint8Array([0, 7, 0, 1]);
  receiver.receive('netflow', bad, '192.0.2.1', 0);
  assert.deepEqual(receiver.warnings(0), [
    {
      level: 'warn',
      message: 'telemetry could not be decoded',
      fields: { exporter: '192.0.2.1', errors: { unsupported_version: 1 }, newest: 'unsupported_version', at_byte: 0 },
    },
  ]);
  for (let now = 1000; now < MINUTE; now += 1000) {
    receiver.receive('netflow', bad, '192.0.2.1', now);
    assert.deepEqual(receiver.warnings(now), []);
  }
  const lines = receiver.warnings(MINUTE);
  assert.deepEqual(
    lines.map(({ fields }) => fields.errors),
    [{ unsupported_version: 59 }],
  );
  assert.deepEqual(receiver.warnings(3 * MINUTE), []);
});

test('the number of log lines is limited, with any number of exporters that send garbage', () => {
  const receiver = receiverOf();
  for (let i = 0; i < 500; i++) receiver.receive('netflow', new Uint8Array(1), `198.51.${i >> 8}.${i & 255}`, 0);
  const lines = [0, 1000, 2000].flatMap((now) => receiver.warnings(now));
  assert.equal(lines.length, 30);
});

test('any bytes from any source are counted and throw nothing', () => {
  const kind = fc.constantFrom('netflow' as const, 'sflow' as const);
  const version = fc.constantFrom([0, 5], [0, 9], [0, 10], [0, 0, 0, 5, 0, 0, 0, 1], [0, 0, 0, 5, 0, 0, 0, 2], []);
  const bytes = fc
    .tuple(version, fc.uint8Array({ maxLength: 600 }))
    .map(([head, tail]) => Uint8Array.from([...head, ...tail]));
  const source = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('', '%', 'fe80::1%', '::ffff:1.2.3.4', 'x'));
  fc.assert(
    fc.property(fc.array(fc.tuple(kind, bytes, source), { maxLength: 30 }), (datagrams) => {
      const receiver = receiverOf();
      datagrams.forEach(([to, payload, from], i) => {
        receiver.receive(to, payload, from, i);
      });
      receiver.tick(datagrams.length);
      const { exporters, untrustedDatagrams, refusedDatagrams } = receiver.snapshot(datagrams.length);
      const taken = exporters.reduce((sum, row) => sum + row.datagrams, 0);
      assert.equal(taken + untrustedDatagrams + refusedDatagrams, datagrams.length);
    }),
  );
});

test('a buffer of flows that is overwritten within a window is counted as an overrun', () => {
  const windowMs = ingestConfig().detection.windowSeconds * 1000;
  const overrunsOf = (enabled: boolean, millisecondsBetween: number): number => {
    const receiver = receiverOf({ samples: { enabled, bufferFlows: 1000, flowsPerAttack: 20 } });
    const [datagram] = telemetry('netflow5', flowsTo(TARGET, 20));
    // 2,500 flows: the buffer begins again twice.
    for (let i = 0; i < 125; i++) receiver.receive('netflow', datagram, '192.0.2.1', i * millisecondsBetween);
    return receiver.snapshot(125 * millisecondsBetween).sampleOverruns;
  };
  assert.equal(overrunsOf(true, 1), 1);
  assert.equal(overrunsOf(true, windowMs / 40), 0);
  assert.equal(overrunsOf(false, 1), 0);
});
