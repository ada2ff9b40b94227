import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeKey } from '../../src/mitigation/route.ts';
import { hostReport } from '../engine/reportFixture.ts';
import { flowFixture, sampleOf } from '../fixtures/attackFixture.ts';
import { groupFixture } from '../fixtures/configFixture.ts';
import { cycleFixture } from './cycleFixture.ts';

const HOST = '10.0.0.1';
const NTP_SAMPLE = sampleOf([flowFixture({ dst: HOST })]);
const SYN_SAMPLE = sampleOf([flowFixture({ dst: HOST, ipProtocol: 6, srcPort: 40_000, tcpFlags: 2 })]);

const NTP = { pps: 1e9, mbps: 1e9, udp_pps: 1e9, udp_mbps: 1e9 };
const SYN = { pps: 1e9, mbps: 1e9, tcp_pps: 1e9, tcp_mbps: 1e9, tcp_syn_pps: 1e9, tcp_syn_mbps: 1e9 };

/** A cycle in which the host is under NTP amplification for three seconds. */
function underNtp(flowspecMaxRules = Number.POSITIVE_INFINITY) {
  const fixture = cycleFixture({}, { groups: [groupFixture({ mitigation: 'flowspec' })], flowspecMaxRules });
  const { cycle } = fixture;
  const step = (now: number, rates: typeof NTP | typeof SYN, sample: typeof NTP_SAMPLE) => {
    const crossed = cycle.report(0, hostReport({ [HOST]: rates }, now), now);
    if (crossed.length > 0) cycle.open(crossed, [sample], now);
    const due = cycle.dueForReview(now);
    cycle.review(
      due,
      due.map(() => sample),
      now,
    );
    cycle.tick(now);
  };
  cycle.restore(0);
  for (let now = 1000; now <= 4000; now += 500) step(now, NTP, NTP_SAMPLE);
  const keys = () => cycle.controller.activeBans()[0].routes.map(routeKey);
  return { ...fixture, step, keys };
}

const NTP_RULE = `ipv4-flowspec dst ${HOST}/32 proto udp src-port 123`;
const SYN_RULE = `ipv4-flowspec dst ${HOST}/32 proto tcp tcp-flags syn,!ack`;

test('when NTP reflection turns into SYN packets, the rule follows within seconds, and everybody is told', () => {
  const { step, keys, events, cycle } = underNtp();
  assert.deepEqual(keys(), [NTP_RULE]);
  events.splice(0);
  for (let now = 4500; now <= 7000; now += 500) step(now, SYN, SYN_SAMPLE);
  assert.deepEqual(keys(), [SYN_RULE]);
  const [updated, changed] = events;
  assert.equal(updated.kind, 'attack_updated');
  assert.ok('attack' in updated && updated.attack?.classification.type === 'syn_flood');
  assert.ok(changed.kind === 'ban_changed' && changed.change === 'rules');
  const [incident] = cycle.incidents.active();
  assert.equal(incident.attack.sample, SYN_SAMPLE);
  assert.equal(events.length, 2, 'and only once');
});

test('new rules are announced only once they are stored; until then the old ones stay', () => {
  const { step, store, announcer, cycle } = underNtp();
  store.failure = 'disk full';
  for (let now = 4500; now <= 7000; now += 500) step(now, SYN, SYN_SAMPLE);
  assert.deepEqual([...announcer.wanted().keys()], [NTP_RULE]);
  store.failure = undefined;
  cycle.tick(9000);
  assert.deepEqual([...announcer.wanted().keys()], [SYN_RULE]);
});

test('without a sample an attack keeps its vector and its rules', () => {
  const { step, keys } = underNtp();
  for (let now = 4500; now <= 7000; now += 500) step(now, SYN, sampleOf([]));
  assert.deepEqual(keys(), [NTP_RULE]);
});
