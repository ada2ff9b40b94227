/*
 * The benchmark of detection itself: its exporters report the packets that were sent, its truth is right, and it runs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, SMALL_CACHES, sflowModel } from './exporterModels.ts';
import { FAMILIES } from './families.ts';
import { runMember, runMembers } from './runMembers.ts';
import { runScenario } from './runScenario.ts';
import type { Scenario } from './scenario.ts';
import { PacketSampler } from './simulator/packetSampler.ts';
import type { ExporterSettings } from './simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, scattered, shortFlows, steady, TCP_DATA, UDP_PACKETS } from './simulator/traffic.ts';
import { BIN_MS, TrafficSeries } from './trafficSeries.ts';
import { judgeHost } from './verdict.ts';

const TRAFFIC_MS = 30_000;

/** All kinds of sources at this rate together, against a limit of 1000. */
function mixedScenario(exporter: ExporterSettings, packetsPerSecond: number): Scenario {
  const random = new SeededRandom(1);
  const third = steady(0, TRAFFIC_MS, packetsPerSecond / 3);
  return {
    limits: { pps: 1000 },
    hosts: 1,
    exporters: [exporter],
    sources: [
      lastingFlow(newFlow(UDP_PACKETS, random), third),
      scattered(UDP_PACKETS, third),
      shortFlows(TCP_DATA, third, 10, 7, random),
    ],
    trafficMs: TRAFFIC_MS,
  };
}

test('every exporter that does not sample reports all packets that were sent', () => {
  for (const exporter of [...EARLY_EXPORTERS, ...SMALL_CACHES, ...CACHES, sflowModel(1)]) {
    const { packets, exportedPackets, datagrams } = runScenario(mixedScenario(exporter, 600), 1);
    assert.equal(packets, 18_000);
    assert.equal(exportedPackets, packets, exporter.name);
    assert.ok(datagrams > 10);
  }
});

test('a sampler takes one packet in N, exactly or about', () => {
  for (const mode of ['every', 'random'] as const) {
    const sampler = new PacketSampler(64, mode, new SeededRandom(5));
    let taken = 0;
    for (let i = 0; i < 64_000; i++) taken += sampler.take(i % 7);
    const expected = 192_000 / 64;
    assert.ok(Math.abs(taken - expected) <= (mode === 'every' ? 1 : 4 * Math.sqrt(expected)), `${mode}: ${taken}`);
  }
});

test('the same seed gives the same result', () => {
  const scenario = (): Scenario => mixedScenario(sflowModel(16), 2000);
  assert.deepEqual(runScenario(scenario(), 3), runScenario(scenario(), 3));
});

test('the level of a window is its mean rate over the limit', () => {
  const series = new TrafficSeries(20_000, 5, 1000);
  series.addEvenly(2000, 12_000, 12_000);
  const levels = series.levels();
  assert.equal(levels[12_000 / BIN_MS - 1].toFixed(6), '1.200000');
  assert.equal(levels[4500 / BIN_MS - 1].toFixed(6), '0.600000');
  assert.equal(series.latestOver(), 12_800);
});

test('a host is judged by the truth and the limit', () => {
  const levelsOf = (level: number, bins: number): Float64Array => new Float64Array(400).fill(level, 100, 100 + bins);
  const judge = (level: number, bins: number, ...attacks: readonly (readonly [number, number | undefined])[]) => {
    const levels = levelsOf(level, bins);
    const truth = { levels, momentaryLevels: levels, firstShownMs: undefined, lastShownMs: undefined };
    const seen = attacks.map(([startedAt, endedAt], i) => ({ id: `${i}`, target: '', startedAt, level: 1, endedAt }));
    return judgeHost(truth, seen, 5000, 10_000);
  };
  const found = judge(1.2, 100, [13_000, 31_000]);
  assert.deepEqual([found.truth, found.found, found.detectionSeconds, found.releaseSeconds], ['attack', true, 3, 1]);
  assert.equal(judge(1.2, 100).found, false);
  assert.equal(judge(1.2, 100, [12_000, 25_000]).endedEarly, true);
  assert.equal(judge(1.2, 100, [12_000, undefined]).unreleased, true);
  assert.equal(judge(1.2, 79).truth, 'either');
  assert.equal(judge(1.05, 100).truth, 'either');
  assert.equal(judge(0.99, 100, [12_000, 25_000]).truth, 'quiet');
  assert.equal(judge(0.99, 100, [12_000, 25_000]).falseAlarms.length, 1);
  assert.equal(judge(1.2, 100, [5000, 31_000]).falseAlarms.length, 1);
});

test('each family names its members once', () => {
  for (const family of FAMILIES) {
    const names = family.members.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length, family.name);
  }
});

test('scenarios run, and floods and quiet hosts are told apart where every packet is reported', () => {
  const flood = FAMILIES.filter(({ name }) => name === 'flood');
  const outcomes = runMembers(flood, { families: ['flood'], member: 'sflow-1:1', short: false, seeds: [1] });
  for (const { level, result } of outcomes) {
    const [host] = result.hosts;
    assert.deepEqual([host.truth, host.found], level > 1 ? ['attack', true] : ['quiet', false]);
  }
});

/** Scenarios in which one thing went wrong once. */
function verdictsOf(familyName: string, memberName: string, seeds: readonly number[]) {
  const family = FAMILIES.find(({ name }) => name === familyName);
  const member = family?.members.find(({ name }) => name === memberName);
  assert.ok(family && member, `${familyName} ${memberName}`);
  return seeds.flatMap((seed) => runMember(family, member, seed).result.hosts);
}

test('traffic that is reported late does not count twice when its host is looked at for the first time', () => {
  for (const [family, member] of [
    ['flood', '0.9x v5-60'],
    ['pulsed', '0.9x v9-10'],
    ['restarts', '0.9x v9-60'],
    ['clocks', '0.9x v5-early-wraps'],
  ] as const) {
    const alarms = verdictsOf(family, member, [1, 2]).flatMap(({ falseAlarms }) => falseAlarms);
    assert.deepEqual(alarms, [], `${family} ${member}`);
  }
});

test('the traffic before a host came near its limit counts in a flood that is reported late', () => {
  for (const { found } of verdictsOf('finished', '1.08x v9-60', [1, 3])) assert.ok(found);
});

test('after a restart an attack does not end before exporters can have reported the flows that they hold', () => {
  for (const { endedEarly } of verdictsOf('restarts', '1.2x ipfix-60-totals', [1, 2])) assert.equal(endedEarly, false);
});

test('an attack does not end between two batches of an exporter that holds its messages', () => {
  for (const { endedEarly } of verdictsOf('batched', '1.2x v9-10-batch20', [1, 2])) assert.equal(endedEarly, false);
});
