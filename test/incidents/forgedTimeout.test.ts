/*
 * One forged statement of an active timeout, or of the time of an exporter's start, changes nothing: neither makes it an
 * attack of flows that go on, nor does it hide one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../../src/engine/enginePlan.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { type Field, ipfix, ipfixOptionsTemplate, ipv4, set, template, uint } from '../decode/telemetryBytes.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { cycleFixture } from './cycleFixture.ts';

const EXPORT_SECONDS = 1_777_600_000;
const PERIOD_SECONDS = 60;
const LIMIT = 50_000;

/** What is reported of flow `flow` at this second: it goes on, and its start time stays. */
function recordOf(flow: number, second: number, packets: number): Uint8Array {
  const exportTime = EXPORT_SECONDS + second;
  const values: readonly (readonly [number, readonly number[]])[] = [
    [8, ipv4('198.51.100.7')],
    [12, ipv4('203.0.113.66')],
    [4, [17]],
    [7, uint(1000 + flow, 2)],
    [2, uint(packets, 8)],
    [1, uint(packets * 500, 8)],
    [152, uint((exportTime - PERIOD_SECONDS) * 1000, 8)],
    [153, uint(exportTime * 1000, 8)],
  ];
  const fields = values.map(([element, value]): Field => [element, value.length]);
  const data = values.flatMap(([, value]) => value);
  return ipfix([set(2, template(300, fields)), set(300, data)], { exportTime });
}

function timeoutOf(seconds: number, second: number): Uint8Array {
  const options = ipfixOptionsTemplate(400, [[149, 4]], [[36, 2]]);
  const exportTime = EXPORT_SECONDS + second;
  return ipfix([set(3, options), set(400, [...uint(0, 4), ...uint(seconds, 2)])], { exportTime });
}

/**
 * So many flows of `pps` together, each reported once a minute; after five minutes the forged datagram. Starts and ends of
 * attacks.
 */
function attackEvents(flows: number, pps: number, forgedSeconds: number): string[] {
  const group = groupFixture({ thresholds: { pps: LIMIT, mbps: 0, flows_per_sec: 0 } });
  const config = configFixture({ networks: ['203.0.113.0/24'], groups: [group], dryRun: true });
  const plan = planOf(config, 1, 7);
  const { cycle, events } = cycleFixture({ config, plan });
  cycle.restore(0);
  const receiver = new Receiver(receiverSettingsOf(config, plan), 0);
  for (let second = 0; second < 600; second++) {
    const now = second * 1000;
    if (second % (PERIOD_SECONDS / flows) === 0) {
      const packets = (pps * PERIOD_SECONDS) / flows;
      const flow = ((second * flows) / PERIOD_SECONDS) % flows;
      receiver.receive('netflow', recordOf(flow, second, packets), '192.0.2.1', now);
    }
    if (second === 300) receiver.receive('netflow', timeoutOf(forgedSeconds, second), '192.0.2.1', now);
    const crossed = cycle.report(0, receiver.tick(now), now);
    if (crossed.length > 0) cycle.open(crossed, [], now);
    cycle.tick(now);
  }
  return events.map(({ kind }) => kind).filter((kind) => kind.startsWith('attack_') && kind !== 'attack_updated');
}

for (const seconds of [1, 5, 3600]) {
  test(`a forged active timeout of ${seconds} s makes no attack and ends none`, () => {
    for (const flows of [1, 60]) {
      assert.deepEqual(attackEvents(flows, LIMIT / 5, seconds), [], `${flows} flows`);
      assert.deepEqual(attackEvents(flows, 2 * LIMIT, seconds), ['attack_started'], `${flows} flows`);
    }
  });
}

const FLOOD_FIELDS: readonly Field[] = [
  [8, 4],
  [12, 4],
  [4, 1],
  [2, 8],
  [1, 8],
  [22, 4],
  [21, 4],
];
const UPTIME = 5_000_000;

function startOf(startMs: number): number[][] {
  const options = ipfixOptionsTemplate(400, [[149, 4]], [[160, 8]]);
  return [set(3, options), set(400, [...uint(0, 4), ...uint(startMs, 8)])];
}

/** A flood of so many packets a second, and a forged time of start from this port: starts and ends of attacks. */
function eventsWithStart(pps: number, forgedPort: number): string[] {
  const group = groupFixture({ thresholds: { pps: LIMIT, mbps: 0, flows_per_sec: 0 } });
  const config = configFixture({ networks: ['203.0.113.0/24'], groups: [group], dryRun: true });
  const plan = planOf(config, 1, 7);
  const { cycle, events } = cycleFixture({ config, plan });
  cycle.restore(0);
  const receiver = new Receiver(receiverSettingsOf(config, plan), 0);
  const startMs = EXPORT_SECONDS * 1000 - UPTIME;
  for (let second = 0; second < 200; second++) {
    const now = second * 1000;
    const exportTime = EXPORT_SECONDS + second;
    const times = [...uint(UPTIME + now - 1000, 4), ...uint(UPTIME + now, 4)];
    const record = [
      ...ipv4('198.51.100.7'),
      ...ipv4('203.0.113.66'),
      17,
      ...uint(pps, 8),
      ...uint(pps * 500, 8),
      ...times,
    ];
    const sets = [
      ...(second % 20 === 0 ? startOf(startMs) : []),
      set(2, template(300, FLOOD_FIELDS)),
      set(300, record),
    ];
    receiver.receive('netflow', ipfix(sets, { exportTime, sequence: 100_000 + second }), '192.0.2.1', now, 9);
    const forged = ipfix(startOf(startMs - 1_200_000), { exportTime });
    if (second === 100) receiver.receive('netflow', forged, '192.0.2.1', now, forgedPort);
    const crossed = cycle.report(0, receiver.tick(now), now);
    if (crossed.length > 0) cycle.open(crossed, [], now);
    cycle.tick(now);
  }
  return events.map(({ kind }) => kind).filter((kind) => kind === 'attack_started' || kind === 'attack_ended');
}

for (const port of [9, 10]) {
  test(`a forged time of start makes no attack and ends none, from port ${port} beside 9`, () => {
    assert.deepEqual(eventsWithStart(0.8 * LIMIT, port), []);
    assert.deepEqual(eventsWithStart(2 * LIMIT, port), ['attack_started']);
  });
}
