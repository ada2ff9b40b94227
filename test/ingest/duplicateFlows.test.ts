/* Which flows are found to be reported more than once, through the datagrams of several exporters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../../src/engine/enginePlan.ts';
import type { TelemetryKind } from '../../src/ingest/datagramBatch.ts';
import type { DuplicateCounts } from '../../src/ingest/duplicateFlows.ts';
import { DuplicateWarnings } from '../../src/ingest/duplicateWarnings.ts';
import { type ExporterSnapshot, mergeSnapshots } from '../../src/ingest/ingestSnapshot.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { ingestSnapshot } from '../api/countersFixture.ts';
import {
  ethernet,
  type Field,
  flowSample,
  ipv4,
  ipv4Packet,
  netflow9,
  rawHeader,
  set,
  sflow,
  template,
  udp,
  uint,
} from '../decode/telemetryBytes.ts';
import { ingestConfig } from './runningPool.ts';

const ROUND = 120_000;
const [A, B, C] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const INGRESS = 0;
const EGRESS = 1;
const HOST = '198.51.100.7';

interface Reported {
  readonly packets?: number;
  readonly direction?: number;
  readonly dst?: string;
  readonly input?: number;
}

const FIELDS: readonly Field[] = [
  [8, 4],
  [12, 4],
  [7, 2],
  [10, 4],
  [14, 4],
  [61, 1],
  [4, 1],
  [2, 4],
  [1, 4],
];

/** Flows of a network; each has another source and another source port. Every exporter has a thread of its own, or one for all. */
class Network {
  readonly #receivers: Receiver[];
  readonly #warnings = new DuplicateWarnings();
  #now = 0;

  constructor(threads = 1, boundaries: [string, { externalInterfaces: number[]; egressSampling: boolean }][] = []) {
    const sampling = { defaultRate: 1, maxStatedRate: 1000, overrides: new Map(), boundaries: new Map(boundaries) };
    const config = ingestConfig({ sampling });
    const settings = receiverSettingsOf(config, planOf(config, threads, 7));
    this.#receivers = Array.from({ length: threads }, () => new Receiver(settings, 0));
  }

  /** The exporter reports the flows with these numbers. */
  report(exporter: string, from: number, to: number, reported: Reported = {}): void {
    const { packets = 10, direction = INGRESS, dst = HOST, input = 1 } = reported;
    for (let first = from; first < to; first += 100) {
      const body: number[] = [];
      for (let flow = first; flow < Math.min(to, first + 100); flow++) {
        body.push(...uint(0xcb00_0000 + flow, 4), ...ipv4(dst), ...uint(flow % 50_000, 2), ...uint(input, 4));
        body.push(...uint(11, 4), direction, 17, ...uint(packets, 4), ...uint(packets * 100, 4));
      }
      const datagram = netflow9([set(0, template(256, FIELDS)), set(256, body)]);
      this.receive('netflow', datagram, exporter);
    }
  }

  receive(kind: TelemetryKind, datagram: Uint8Array, exporter: string): void {
    const thread = Number(exporter.slice(exporter.lastIndexOf('.') + 1)) % this.#receivers.length;
    this.#receivers[thread].receive(kind, datagram, exporter, this.#now);
  }

  /** Begins the next round. */
  endRound(): void {
    this.#now += ROUND;
  }

  exporters(): readonly ExporterSnapshot[] {
    return mergeSnapshots(this.#receivers.map((receiver) => receiver.snapshot(this.#now))).exporters;
  }

  of(exporter: string): DuplicateCounts | undefined {
    return this.exporters().find(({ address }) => address === exporter)?.duplicates;
  }

  /** The log lines that are due. */
  lines(): unknown[] {
    return this.#warnings.due(this.exporters()).map(({ fields }) => fields);
  }
}

test('the flows of one exporter that no other reports are not duplicates, however often it reports them', () => {
  const network = new Network();
  for (let i = 0; i < 3; i++) network.report(A, 0, 200, { input: i + 1 });
  network.report(B, 200, 400);
  const none = { checked: 200, byDirection: 0, partners: [], tooMany: false };
  assert.deepEqual([network.of(A), network.of(B)], [none, none]);
});

test('flows that several exporters report are shown at each of them, with the others', () => {
  for (const threads of [1, 3]) {
    const network = new Network(threads);
    network.report(A, 0, 200);
    network.report(B, 100, 200);
    network.report(C, 0, 20);
    assert.deepEqual(network.of(A), {
      checked: 200,
      byDirection: 0,
      partners: [
        { exporter: B, flows: 100 },
        { exporter: C, flows: 20 },
      ],
      tooMany: true,
    });
    assert.deepEqual(network.of(B), {
      checked: 100,
      byDirection: 0,
      partners: [{ exporter: A, flows: 100 }],
      tooMany: true,
    });
    assert.equal(network.of(C)?.tooMany, false, '20 flows are too few to judge');
  }
});

test('flows that one exporter reports at ingress and at egress are shown', () => {
  const network = new Network();
  network.report(A, 0, 200);
  network.report(A, 150, 200, { direction: EGRESS });
  assert.deepEqual(network.of(A), { checked: 200, byDirection: 50, partners: [], tooMany: false });
  network.report(A, 100, 150, { direction: EGRESS });
  assert.deepEqual(network.of(A), { checked: 200, byDirection: 100, partners: [], tooMany: true });
});

test('a border ends the duplicates', () => {
  const bordered = new Network(1, [[A, { externalInterfaces: [1], egressSampling: false }]]);
  bordered.report(A, 0, 200);
  bordered.report(A, 0, 200, { direction: EGRESS });
  bordered.report(A, 0, 200, { input: 11 });
  assert.deepEqual(bordered.of(A), { checked: 200, byDirection: 0, partners: [], tooMany: false });
});

test('flows to hosts that are not protected are not checked, nor flows of which little was seen', () => {
  const network = new Network();
  for (const exporter of [A, B]) {
    network.report(exporter, 0, 200, { dst: '203.0.113.9' });
    network.report(exporter, 200, 400, { packets: 3 });
  }
  assert.equal(network.of(A), undefined);
  // Three packets and one more are enough, and the other exporter needs to have seen only one.
  network.report(A, 200, 400, { packets: 1 });
  assert.deepEqual(network.of(A)?.partners, [{ exporter: B, flows: 200 }]);
  assert.equal(network.of(B), undefined);
});

test('samples of packets tell the flows that two agents see, and not those that one sees', () => {
  const network = new Network();
  const send = (agent: string, flow: number): void => {
    const packet = ipv4Packet({ src: `203.0.113.${flow}`, dst: HOST, protocol: 17 }, udp(53, flow));
    const sample = flowSample([rawHeader(ethernet(0x0800, packet), 100)]);
    network.receive('sflow', sflow([sample, sample], { agent: ipv4(agent) }), agent);
  };
  for (let packet = 0; packet < 3; packet++) {
    for (let flow = 0; flow < 150; flow++) send(A, flow);
    for (let flow = 0; flow < 75; flow++) send(B, flow);
  }
  assert.deepEqual(network.of(A), {
    checked: 150,
    byDirection: 0,
    partners: [{ exporter: B, flows: 75 }],
    tooMany: true,
  });
});

test('of very many flows a sample is checked, and its shares are right', () => {
  // With three threads those of A and B have different samples.
  for (const threads of [1, 3]) {
    const network = new Network(threads);
    network.report(A, 0, 60_000);
    network.report(B, 0, 20_000);
    network.report(A, 60_000, 90_000);
    const counts = network.of(A);
    assert.ok(counts !== undefined && counts.checked > 500 && counts.checked <= 2048, `${counts?.checked} checked`);
    assert.ok(Math.abs(counts.partners[0].flows / counts.checked - 2 / 9) < 0.05);
    const partner = network.of(B);
    assert.ok(partner !== undefined && partner.partners[0].flows === partner.checked);
  }
});

test('a round and the one before are shown, and nothing older', () => {
  const network = new Network();
  for (const exporter of [A, B]) network.report(exporter, 0, 400);
  network.endRound();
  network.report(A, 0, 600);
  assert.deepEqual(network.of(A), {
    checked: 1000,
    byDirection: 0,
    partners: [{ exporter: B, flows: 400 }],
    tooMany: true,
  });
  network.endRound();
  assert.equal(network.of(A)?.checked, 600);
  assert.equal(network.of(B), undefined);
  network.endRound();
  assert.equal(network.of(A), undefined);
});

test('many duplicates are logged once for each exporter, and again only after they were gone', () => {
  const network = new Network();
  const roundWith = (...exporters: string[]): unknown[] => {
    network.endRound();
    for (const exporter of exporters) network.report(exporter, 0, 200);
    return network.lines();
  };
  assert.deepEqual(roundWith(A), []);
  assert.deepEqual(roundWith(A, B), [
    { exporter: A, checked_flows: 400, by_direction: 0, with: { [B]: 0.5 } },
    { exporter: B, checked_flows: 200, by_direction: 0, with: { [A]: 1 } },
  ]);
  assert.deepEqual(roundWith(A, B), []);
  assert.deepEqual(roundWith(A), []);
  assert.deepEqual(roundWith(A), []);
  assert.equal(roundWith(A, B).length, 2);
});

test('exporters that are gone leave room for the lines of others', () => {
  const warnings = new DuplicateWarnings();
  const [row] = ingestSnapshot(0).exporters;
  const linesOf = (first: number): number => {
    const exporters = Array.from({ length: 40 }, (_, i) => ({ ...row, address: `192.0.2.${first + i}` }));
    return warnings.due(exporters).length;
  };
  assert.deepEqual([linesOf(0), linesOf(0), linesOf(100)], [30, 0, 30]);
});

test('a forged flood of flows and exporters leaves the sample bounded', () => {
  const network = new Network();
  for (let i = 0; i < 300; i++) network.report(`192.0.2.${i % 250}`, i * 500, i * 500 + 500);
  const checked = network.exporters().map(({ duplicates }) => duplicates?.checked ?? 0);
  const sum = checked.reduce((total, count) => total + count, 0);
  assert.ok(sum > 500 && sum <= 2049, `${sum} checked`);
});
