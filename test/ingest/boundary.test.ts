/*
 * Which records count at an exporter with a border, from the datagrams of a router with the external interfaces 1 and 2
 * and the internal ones 11 and 12.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BoundaryConfig } from '../../src/config/sections/sampling.ts';
import { planOf } from '../../src/engine/enginePlan.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import {
  ethernet,
  expandedFlowSample,
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
import { address, ingestConfig } from './runningPool.ts';

const HOST = '198.51.100.7';
const REMOTE = '203.0.113.1';
const EXPORTER = '192.0.2.1';
const MINUTE = 60_000;

const INGRESS = 0;
const EGRESS = 1;
const UNSTATED = 255;
type Row = readonly [from: number, to: number, direction: number];

const SAMPLED_TWICE: BoundaryConfig = { externalInterfaces: [1, 2], egressSampling: true };
const SAMPLED_ONCE: BoundaryConfig = { externalInterfaces: [1, 2], egressSampling: false };

const FIELDS: readonly Field[] = [
  [8, 4],
  [12, 4],
  [10, 4],
  [14, 4],
  [61, 1],
  [4, 1],
  [2, 4],
  [1, 4],
];

/** One flow of 100 packets for each row. A direction of 255 is not one that exists. */
function records(rows: readonly Row[], src: string, dst: string): Uint8Array {
  const body = rows.flatMap(([from, to, direction]) => [
    ...ipv4(src),
    ...ipv4(dst),
    ...uint(from, 4),
    ...uint(to, 4),
    direction,
    17,
    ...uint(100, 4),
    ...uint(50_000, 4),
  ]);
  return netflow9([set(0, template(256, FIELDS)), set(256, body)]);
}

class Border {
  readonly receiver: Receiver;
  #now = 0;

  constructor(boundary: BoundaryConfig | undefined) {
    this.receiver = new Receiver(settingsOf(boundary), 0);
  }

  inward(...rows: Row[]): void {
    this.receiver.receive('netflow', records(rows, REMOTE, HOST), EXPORTER, this.#now);
  }

  outward(...rows: Row[]): void {
    this.receiver.receive('netflow', records(rows, HOST, REMOTE), EXPORTER, this.#now);
  }

  advance(ms: number): void {
    this.#now += ms;
  }

  /** Flows that counted for the host, and those of any host that did not count at the border. */
  get counts(): { host: number; notAtBorder: number } {
    const top = this.receiver.topHosts({ metric: 'pps', limit: 1 }, this.#now);
    const [exporter] = this.receiver.snapshot(this.#now).exporters;
    const packets = (top.rates[0] ?? 0) * ingestConfig().detection.windowSeconds;
    return { host: Math.round(packets / 100), notAtBorder: exporter.notAtBorder };
  }

  get doubts(): object {
    return this.receiver.snapshot(this.#now).exporters[0].doubts;
  }
}

function settingsOf(boundary: BoundaryConfig | undefined) {
  const boundaries = new Map(boundary === undefined ? [] : [[EXPORTER, boundary]]);
  const sampling = { defaultRate: 1, maxStatedRate: 1000, overrides: new Map(), boundaries };
  const config = ingestConfig({ sampling });
  return receiverSettingsOf(config, planOf(config, 1, 1));
}

test('without a border every record counts', () => {
  const border = new Border(undefined);
  border.inward([1, 11, INGRESS], [1, 11, EGRESS], [11, 12, INGRESS], [0, 0, UNSTATED]);
  assert.deepEqual(border.counts, { host: 4, notAtBorder: 0 });
});

test('traffic to a protected host counts where it enters an external interface', () => {
  for (const boundary of [SAMPLED_ONCE, SAMPLED_TWICE]) {
    const border = new Border(boundary);
    border.inward([1, 11, INGRESS], [2, 11, UNSTATED], [2, 1, INGRESS]);
    assert.deepEqual(border.counts, { host: 3, notAtBorder: 0 });
    border.inward([11, 12, INGRESS], [11, 12, EGRESS], [12, 2, INGRESS], [11, 1, EGRESS], [12, 11, UNSTATED]);
    assert.deepEqual(border.counts, { host: 3, notAtBorder: 5 });
  }
});

test('an incoming flow that is also sampled when it leaves the router counts once', () => {
  for (const boundary of [SAMPLED_ONCE, SAMPLED_TWICE]) {
    const border = new Border(boundary);
    for (let i = 0; i < 10; i++) border.inward([1, 11, INGRESS], [1, 11, EGRESS]);
    assert.deepEqual(border.counts, { host: 10, notAtBorder: 10 });
  }
});

test('an incoming flow that is only sampled when it leaves counts there where egress is sampled', () => {
  const border = new Border(SAMPLED_TWICE);
  border.inward([1, 11, EGRESS], [1, 11, EGRESS]);
  assert.deepEqual(border.counts, { host: 2, notAtBorder: 0 });
  // Interface 2 is sampled at ingress as well: only there the record of the egress is the second one.
  border.inward([2, 11, EGRESS], [2, 11, INGRESS], [1, 11, EGRESS]);
  assert.deepEqual(border.counts, { host: 4, notAtBorder: 1 });
  border.advance(11 * MINUTE);
  border.inward([2, 11, EGRESS]);
  assert.deepEqual(border.counts, { host: 1, notAtBorder: 1 });

  const once = new Border(SAMPLED_ONCE);
  once.inward([1, 11, EGRESS]);
  assert.deepEqual(once.counts, { host: 0, notAtBorder: 1 });
});

test('outgoing traffic counts where it leaves an external interface, as seen at ingress', () => {
  const border = new Border(SAMPLED_ONCE);
  border.outward([11, 1, INGRESS], [12, 2, UNSTATED]);
  assert.equal(border.counts.notAtBorder, 0);
  border.outward([11, 1, EGRESS], [11, 12, INGRESS], [1, 11, INGRESS]);
  assert.equal(border.counts.notAtBorder, 3);
});

test('outgoing traffic counts as seen at egress where that is sampled', () => {
  const border = new Border(SAMPLED_TWICE);
  border.outward([11, 1, INGRESS]);
  assert.equal(border.counts.notAtBorder, 0, 'nothing is known of interface 1 yet');
  for (let i = 0; i < 10; i++) border.outward([11, 1, EGRESS], [11, 1, INGRESS]);
  assert.equal(border.counts.notAtBorder, 10);
  border.outward([12, 2, INGRESS], [2, 12, EGRESS]);
  assert.equal(border.counts.notAtBorder, 11);
});

test('transit from one external interface to another counts once', () => {
  for (const boundary of [SAMPLED_ONCE, SAMPLED_TWICE]) {
    const border = new Border(boundary);
    const rows: Row[] = [
      [1, 2, EGRESS],
      [1, 2, INGRESS],
    ];
    border.receiver.receive('netflow', records(rows, REMOTE, '203.0.113.2'), EXPORTER, 0);
    assert.equal(border.counts.notAtBorder, 1);
    border.inward([1, 2, INGRESS], [1, 2, EGRESS]);
    assert.deepEqual(border.counts, { host: 1, notAtBorder: 2 });
  }
});

test('a record without an interface counts, and its exporter is doubted', () => {
  const border = new Border(SAMPLED_ONCE);
  border.inward([0, 11, INGRESS], [0, 0, UNSTATED], [1, 0, INGRESS], [0, 11, EGRESS]);
  assert.deepEqual(border.counts, { host: 3, notAtBorder: 1 });
  assert.deepEqual(border.doubts, { interface_unknown: 2 });

  const twice = new Border(SAMPLED_TWICE);
  twice.inward([0, 11, EGRESS]);
  twice.inward([0, 11, EGRESS], [1, 11, INGRESS]);
  assert.deepEqual(twice.counts, { host: 2, notAtBorder: 1 });
});

test('the interface that an sFlow sample was taken at tells whether the packet entered or left', () => {
  const packet = ipv4Packet({ src: REMOTE, dst: HOST, protocol: 17 }, udp(53, 4000));
  const header = rawHeader(ethernet(0x0800, packet), 100);
  const interfaces = { rate: 100, input: 1, output: 11 };
  for (const sampleOf of [flowSample, expandedFlowSample]) {
    for (const source of [1, 0]) {
      const border = new Border(SAMPLED_TWICE);
      const at = (source: number): number[] => sampleOf([header], { ...interfaces, source });
      const datagram = sflow([at(source), at(11), at(11), at(source)], { agent: ipv4(EXPORTER) });
      border.receiver.receive('sflow', datagram, EXPORTER, 0);
      assert.deepEqual(border.counts, { host: 2, notAtBorder: 2 });
    }
  }
});

test('a reload gives, changes and takes a border, and the flows that did not count stay counted', () => {
  const border = new Border(undefined);
  const { receiver } = border;
  const use = (boundary: BoundaryConfig | undefined): void => {
    const { plan, exporters } = settingsOf(boundary);
    receiver.reconfigure(plan, exporters, 0);
  };
  border.inward([11, 12, INGRESS]);
  use(SAMPLED_ONCE);
  border.inward([11, 12, INGRESS]);
  assert.deepEqual(border.counts, { host: 1, notAtBorder: 1 });
  use({ externalInterfaces: [11], egressSampling: false });
  border.inward([11, 12, INGRESS], [1, 11, INGRESS]);
  assert.deepEqual(border.counts, { host: 2, notAtBorder: 2 });
  use(undefined);
  border.inward([11, 12, INGRESS]);
  assert.deepEqual(border.counts, { host: 3, notAtBorder: 2 });
  assert.equal(receiver.snapshot(0).notAtBorderFlows, 2);
});

test('a flow that does not count is not in the sample of an attack', () => {
  const border = new Border(SAMPLED_ONCE);
  for (let i = 0; i < 3; i++) border.inward([11, 12, INGRESS], [1, 11, INGRESS], [12, 11, INGRESS]);
  const slice = border.receiver.sample([address(HOST)], 0);
  assert.deepEqual([slice.count, ...slice.inInterface], [3, 1, 1, 1]);
  assert.equal(border.receiver.snapshot(0).exporters[0].flows, 9);
  assert.equal(border.receiver.snapshot(0).exporters[0].blind, false);
});
