import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NETFLOW5, SFLOW5 } from '../../src/decode/exporter/protocol.ts';
import type { Exporter } from '../../src/ingest/exporter.ts';
import { ExporterTable, type Source } from '../../src/ingest/exporterTable.ts';
import type { ExporterPolicy } from '../../src/ingest/receiverSettings.ts';
import type { Address } from '../../src/net/address.ts';
import { address } from './runningPool.ts';

const POLICY: ExporterPolicy = {
  flowSources: [],
  enforce: false,
  defaultSamplingRate: 1,
  samplingOverrides: new Map(),
  maxStatedRate: 10_000_000,
  boundaries: new Map(),
  flowTiming: new Map(),
  unknownBytes: 2 ** 20,
  labels: 3,
};

function words({ word0, word1, word2, word3 }: Address): Uint32Array {
  return Uint32Array.of(word0, word1, word2, word3);
}

function sourceOf(table: ExporterTable, text: string): Source | undefined {
  return table.source(words(address(text)), 0);
}

function receive(table: ExporterTable, sourceText: string, now = 0): Exporter | undefined {
  const source = sourceOf(table, sourceText);
  const exporter = source && table.ofSource(source, now);
  if (exporter !== undefined) {
    exporter.state.datagrams[NETFLOW5]++;
    exporter.lastSeenAt = now;
  }
  return exporter;
}

function sender(table: ExporterTable, text = '192.0.2.200'): Source {
  const source = sourceOf(table, text);
  assert.ok(source);
  return source;
}

/** Datagrams of NetFlow v5 by label, without zeros. */
function byLabel(table: ExporterTable): Record<string, number> {
  const rows = table.labelledDatagrams().filter(({ protocol, count }) => protocol === 'netflow5' && count > 0);
  return Object.fromEntries(rows.map(({ label, count }) => [label, count]));
}

test('senders are found by their addresses, with more of them than there are places', () => {
  const table = new ExporterTable({ ...POLICY, flowSources: ['192.0.2.1'], enforce: true });
  const addresses = Array.from({ length: 20_000 }, (_, i) => {
    return i % 2 === 0 ? `10.1.${(i >> 8) & 255}.${i & 255}` : `2001:db8:${i.toString(16)}::1`;
  });
  for (let round = 0; round < 2; round++) {
    for (const text of addresses) {
      assert.equal(sourceOf(table, text), undefined);
      assert.equal(table.lastUntrustedSource?.text, text);
      assert.equal(sourceOf(table, '192.0.2.1')?.text, '192.0.2.1');
    }
  }
  assert.equal(table.untrustedDatagrams, 40_000);
});

test('an sFlow agent and a NetFlow exporter with the same address have one row', () => {
  const table = new ExporterTable(POLICY);
  const agent = address('2001:db8::5');
  const exporter = table.ofAgent(words(agent), sender(table), 0);
  assert.equal(receive(table, '2001:db8:0::5'), exporter);
  assert.equal(table.ofAgent(words(agent), sender(table), 0), exporter);
});

test('every agent is found, with more agents than the cache has slots', () => {
  const table = new ExporterTable(POLICY);
  const agents = Array.from({ length: 1500 }, (_, i) => address(`10.${i & 7}.${i >> 8}.${i & 255}`));
  for (let round = 0; round < 2; round++) {
    agents.forEach((agent, i) => {
      const relay = sender(table, `192.0.2.${i % 10}`);
      assert.deepEqual(table.ofAgent(words(agent), relay, 0)?.address, agent);
    });
  }
  assert.equal(table.size, 1500);
});

test('a sender that invents agents keeps neither other senders out nor the known agents that it relays', () => {
  const known = '10.0.0.1';
  const table = new ExporterTable({ ...POLICY, flowSources: [known] });
  const forger = sender(table, '198.51.100.1');
  for (let i = 0; i < 5000; i++) table.ofAgent(words(address(`10.9.${i >> 8}.${i & 255}`)), forger, i);
  assert.equal(table.size, 256);
  assert.equal(table.refusedDatagrams, 5000 - 256);
  assert.ok(table.ofAgent(words(address(known)), forger, 5000));
  assert.ok(table.ofAgent(words(forger.address), forger, 5000), 'its own address is no relayed agent');
  assert.ok(table.ofAgent(words(address('10.8.0.1')), sender(table, '198.51.100.2'), 5000));
  assert.ok(receive(table, '192.0.2.1', 5000));
  // Those that fell silent give way.
  assert.ok(table.ofAgent(words(address('10.9.200.1')), forger, 60_000));
});

test('an exporter that was there only for a minute gives way sooner', () => {
  const table = new ExporterTable({ ...POLICY, labels: 1 }, 3);
  for (const now of [0, 60_000]) {
    for (const text of ['198.51.100.0', '198.51.100.1']) {
      const exporter = receive(table, text, now);
      if (exporter !== undefined) exporter.state.flows[SFLOW5] = 7;
    }
  }
  const short = receive(table, '198.51.100.2', 60_000);
  if (short !== undefined) short.state.flows[SFLOW5] = 7;
  assert.equal(receive(table, '198.51.100.9', 119_000), undefined);
  assert.ok(receive(table, '198.51.100.9', 121_000));
  assert.deepEqual(
    [...table.exporters()].map(({ text }) => text),
    ['198.51.100.0', '198.51.100.1', '198.51.100.9'],
  );
});

test('the number of unknown exporters is limited, and datagrams of the others are counted as refused', () => {
  const table = new ExporterTable({ ...POLICY, flowSources: ['192.0.2.1'] }, 10);
  for (let i = 0; i < 25; i++) receive(table, `198.51.100.${i}`);
  assert.equal(table.size, 10);
  assert.equal(table.refusedDatagrams, 15);
  assert.ok(receive(table, '192.0.2.1'), 'a known exporter always gets a row');
  assert.equal(receive(table, '198.51.100.24'), undefined);
  assert.equal(table.refusedDatagrams, 16);
});

test('an idle unknown exporter is evicted for another, and its counters stay in the totals', () => {
  const table = new ExporterTable({ ...POLICY, labels: 1 }, 3);
  for (const now of [-60_000, 0]) {
    for (let i = 0; i < 3; i++) {
      const exporter = receive(table, `198.51.100.${i}`, now);
      if (exporter !== undefined) exporter.state.flows[SFLOW5] = 7;
    }
  }
  receive(table, '198.51.100.2', 500_000);
  assert.equal(receive(table, '198.51.100.9', 599_000), undefined);
  const newcomer = receive(table, '198.51.100.9', 601_000);
  assert.equal(newcomer?.text, '198.51.100.9');
  assert.deepEqual(
    [...table.exporters()].map(({ text }) => text),
    // The first has its own label, which must not disappear from the metrics.
    ['198.51.100.0', '198.51.100.2', '198.51.100.9'],
  );
  assert.equal(table.evictedFlows[SFLOW5], 7);
  assert.deepEqual(byLabel(table), { '198.51.100.0': 2, other: 6 });
});

test('without flow_sources the first exporters get labels, with it only those in it', () => {
  const unknown = new ExporterTable(POLICY);
  for (let i = 0; i < 6; i++) receive(unknown, `198.51.100.${i}`);
  assert.deepEqual(byLabel(unknown), { '198.51.100.0': 1, '198.51.100.1': 1, '198.51.100.2': 1, other: 3 });

  const known = new ExporterTable({ ...POLICY, flowSources: ['198.51.100.4', '198.51.100.5'] });
  for (let i = 0; i < 5; i++) receive(known, `198.51.100.${i}`);
  assert.deepEqual(byLabel(known), { '198.51.100.4': 1, other: 4 });
  const zeros = known.labelledDatagrams().filter(({ label }) => label === '198.51.100.5');
  assert.deepEqual(
    zeros.map(({ protocol, count }) => [protocol, count]),
    [
      ['netflow5', 0],
      ['netflow9', 0],
      ['ipfix', 0],
      ['sflow5', 0],
    ],
  );
});

test('with any datagrams and reloads, no labelled counter goes backwards and every datagram is counted', () => {
  const source = fc.integer({ min: 0, max: 12 }).map((i) => `198.51.100.${i}`);
  const hear = fc.record({ from: source, after: fc.constantFrom(0, 1000, 700_000) });
  const reload = fc.record({ flowSources: fc.uniqueArray(source, { maxLength: 4 }), enforce: fc.boolean() });
  fc.assert(
    fc.property(fc.array(fc.oneof({ arbitrary: hear, weight: 8 }, reload), { maxLength: 80 }), (steps) => {
      const table = new ExporterTable(POLICY, 4);
      let now = 0;
      let sent = 0;
      let before: Record<string, number> = {};
      for (const step of steps) {
        if ('from' in step) {
          now += step.after;
          receive(table, step.from, now);
          sent++;
        } else {
          table.reconfigure({ ...POLICY, ...step });
        }
        const after = byLabel(table);
        for (const [label, count] of Object.entries(before)) assert.ok((after[label] ?? 0) >= count, label);
        const labelled = Object.values(after).reduce((sum, count) => sum + count, 0);
        assert.equal(labelled + table.untrustedDatagrams + table.refusedDatagrams, sent);
        before = after;
      }
    }),
  );
});
