import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostReport } from '../../src/engine/hostReport.ts';
import type { IncidentEvent } from '../../src/incidents/incidentEvent.ts';
import { matchVictim } from '../../src/mitigation/flowspecRules.ts';
import { enginePlan } from '../engine/planFixture.ts';
import { allRates, hostReport } from '../engine/reportFixture.ts';
import { address, prefix } from '../fixtures/addressFixture.ts';
import { activeBanOf } from '../fixtures/banFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { cycleFixture } from './cycleFixture.ts';

const HOST = '10.0.0.1';
const OTHER = '10.0.0.2';

function reportAt(now: number, ...floods: readonly string[]): HostReport {
  return hostReport(Object.fromEntries(floods.map((host) => [host, allRates(1e9)])), now);
}

/** A report, and what it calls for. */
function step(cycle: ReturnType<typeof cycleFixture>['cycle'], now: number, ...floods: readonly string[]): void {
  const crossed = cycle.report(0, reportAt(now, ...floods), now);
  if (crossed.length > 0) cycle.open(crossed, [], now);
  cycle.tick(now);
}

function linesOf(events: readonly IncidentEvent[]): string[] {
  return events.map((event) => {
    if (!('attack' in event)) return event.kind;
    const target = event.attack?.targetText ?? event.ban?.targetText;
    return `${event.kind} ${target} ${event.ban?.state ?? '-'}`;
  });
}

test('an attack is told first with the ban that answers it, then its ban, and the same at the end', () => {
  const { cycle, events } = cycleFixture();
  cycle.restore(0);
  step(cycle, 1000, HOST);
  assert.deepEqual(linesOf(events.splice(0)), [`attack_started ${HOST} active`, `ban_started ${HOST} active`]);
  for (let now = 1100; now < 70_000; now += 1000) step(cycle, now);
  assert.deepEqual(linesOf(events), [
    `ban_unconfirmed ${HOST} active`,
    `ban_failed ${HOST} active`,
    `attack_ended ${HOST} withdrawn`,
    `ban_ended ${HOST} withdrawn`,
  ]);
});

test('an event stays as it was, whatever becomes of its attack and ban', () => {
  const { cycle, events } = cycleFixture();
  cycle.restore(0);
  step(cycle, 1000, HOST);
  const [first] = events;
  const before = JSON.stringify(first);
  for (let now = 1100; now < 70_000; now += 1000) step(cycle, now);
  assert.equal(JSON.stringify(first), before);
});

test('an incident keeps its attack, the ban that answers it and its timeline, also once it ended', () => {
  const { cycle } = cycleFixture();
  cycle.restore(0);
  step(cycle, 1000, HOST, OTHER);
  const [incident, other] = cycle.incidents.active();
  assert.deepEqual([incident.attack.targetText, other.attack.targetText], [HOST, OTHER]);
  assert.equal(incident.ban?.state, 'active');
  for (let now = 1100; now < 70_000; now += 1000) step(cycle, now, OTHER);
  assert.deepEqual(cycle.incidents.active(), [other]);
  assert.deepEqual(cycle.incidents.ended(), [incident]);
  assert.equal(cycle.incidents.of(incident.attack.id), incident);
  assert.deepEqual([incident.attack.active, incident.ban?.endedBy?.code], [false, 'attack_ended']);
  const kinds = incident.timeline.entries().map(({ event }) => event);
  assert.deepEqual(kinds, [
    'attack_started',
    'ban_started',
    'ban_unconfirmed',
    'ban_failed',
    'attack_ended',
    'ban_ended',
  ]);
  const end = incident.timeline.entries().at(-1);
  assert.equal(end?.detail, 'the attack ended');
});

test('a ban by hand answers the attack on its target, and a refused one does not take the place of what covers it', () => {
  const { cycle, events } = cycleFixture({}, { whitelist: ['203.0.113.1/32'] });
  cycle.restore(0);
  step(cycle, 1000, HOST);
  const automatic = cycle.incidents.active()[0].ban;
  const match = { ...matchVictim(address(HOST)), source: prefix('203.0.113.0/24') };
  const refused = cycle.controller.ban({ target: address(HOST), operator: 'ana', match }, 1100);
  assert.equal(refused.ban.rejectedBy, 'whitelist');
  assert.equal(cycle.incidents.active()[0].ban, automatic);
  const { ban } = cycle.controller.ban({ target: address(HOST), operator: 'ana' }, 1200);
  assert.equal(cycle.incidents.active()[0].ban, ban);
  assert.equal(events.at(-1)?.kind, 'ban_started');
  assert.equal(
    events.every((event) => !('attack' in event) || event.attack?.targetText === HOST),
    true,
  );
});

test('the attacks of bans that outlived the last run go on, are told at their end only, and end by the hysteresis', () => {
  const first = cycleFixture();
  first.cycle.restore(0);
  step(first.cycle, 1000, HOST);
  const second = cycleFixture({ store: first.store, plan: enginePlan({ hysteresisSeconds: 20 }) });
  second.cycle.restore(2000);
  assert.deepEqual(second.events, []);
  assert.equal(second.cycle.incidents.active()[0].ban?.state, 'active');
  assert.deepEqual(second.cycle.watched().length, 1);
  for (let now = 2100; now < 70_000; now += 1000) step(second.cycle, now);
  const kinds = second.events.map(({ kind }): string => kind).filter((kind) => kind.endsWith('_ended'));
  assert.deepEqual(kinds, ['attack_ended', 'ban_ended']);
});

test('a decision that throws takes no effect, then or later, whoever asked for it', () => {
  const asked: { readonly [who: string]: (fixture: ReturnType<typeof cycleFixture>) => void } = {
    report: ({ cycle }) => step(cycle, 2000, HOST, OTHER),
    tick: ({ cycle }) => cycle.tick(2000),
    'an operator': ({ cycle }) => cycle.controller.ban({ target: address(OTHER), operator: 'ana' }, 2000),
    'an unban': ({ cycle }) => cycle.controller.unban(address(HOST), 2000, 'ana'),
    reload: ({ cycle, config }) => cycle.reconfigure({ ...config, dryRun: true }, enginePlan(), 2000),
    'the clock': ({ cycle }) => cycle.clockStepped(60_000, 2000),
  };
  for (const [who, ask] of Object.entries(asked)) {
    let broken = false;
    const fixture = cycleFixture({
      newId: () => {
        if (broken) throw new Error('a bug');
        return `id-${++ids}`;
      },
      bgpEndpoints: () => {
        if (broken) throw new Error('a bug');
        return [];
      },
    });
    let ids = 0;
    const { cycle, events, failures, store, announcer } = fixture;
    cycle.restore(0);
    step(cycle, 1000, HOST);
    const before = [[...announcer.wanted().keys()], JSON.stringify(store.loadActive()), events.length];
    broken = true;
    if (who === 'an unban' || who === 'the clock' || who === 'reload') breakTransition(fixture);
    assert.throws(() => ask(fixture), /a bug/, who);
    broken = false;
    assert.deepEqual(
      failures.map(({ message }) => message),
      ['a bug'],
      who,
    );
    cycle.tick(5000);
    assert.throws(() => cycle.report(0, reportAt(5000), 5000), /nothing is decided after a failure/, who);
    assert.throws(
      () => cycle.controller.ban({ target: address(OTHER), operator: 'ana' }, 5000),
      /after a failure/,
      who,
    );
    cycle.controller.shutdown(6000, 'withdraw');
    const after = [[...announcer.wanted().keys()], JSON.stringify(store.loadActive()), events.length];
    assert.deepEqual(after, before, `${who}: nothing of it was announced, saved or told`);
  }
});

/** Where the decision asks nothing that a test can break, the ban that it is about breaks it. */
function breakTransition({ cycle }: ReturnType<typeof cycleFixture>): void {
  const ban = activeBanOf(cycle.controller, HOST);
  assert.ok(ban !== undefined);
  Object.defineProperty(ban, 'state', {
    get: () => {
      throw new Error('a bug');
    },
  });
}

test('what the guards would say is asked without touching what is counted', () => {
  const groups = [groupFixture({ mitigation: 'flowspec' })];
  const { cycle } = cycleFixture({}, { groups, flowspecMaxRules: 1 });
  cycle.restore(0);
  step(cycle, 1000, HOST);
  const ban = activeBanOf(cycle.controller, HOST);
  assert.equal(ban?.method, 'flowspec');
  const asked = () => cycle.controller.explain(address(HOST), 1500).judgement;
  assert.equal(asked().refusedBy, undefined, 'its own rule is not in its way');
  assert.equal(asked().method, 'flowspec');
  const others = cycle.controller.explain(address(OTHER), 1500).judgement;
  assert.equal(others.fellBackFrom, 'flowspec', 'the rule of the other ban is counted as before');
});

test('restarts, however many, neither keep the ban of an attack that is over nor climb its ladder', () => {
  const ban = { ...groupFixture().ban, ttlSeconds: 60, unbanHysteresisSeconds: 20 };
  const escalation = [
    { afterSeconds: 0, action: 'flowspec' as const },
    { afterSeconds: 30, action: 'blackhole' as const },
  ];
  const config = { groups: [groupFixture({ ban, escalation })] };
  const { cycle, store } = cycleFixture({}, config);
  cycle.restore(0);
  step(cycle, 1000, HOST);
  let endedAt: number | undefined;
  // Killed every 5 s from then on, which is before the detector could tell that the attack is over.
  for (let now = 6000; now < 300_000 && endedAt === undefined; now += 5000) {
    const { cycle: next, events } = cycleFixture({ store }, config);
    next.restore(now);
    step(next, now + 500);
    const [active] = next.controller.activeBans();
    if (active === undefined) endedAt = now;
    else assert.deepEqual([active.method, active.escalationStep], ['flowspec', 0]);
    for (const event of events) assert.notEqual(event.kind, 'ban_changed');
  }
  assert.ok(endedAt !== undefined, 'the ban never ended');
  assert.ok(endedAt >= 61_000 && endedAt <= 1000 + 60_000 + 20_000 + 5000, `ended at ${endedAt} ms`);
});

test('an attack that is seen again after a restart keeps its ban, which climbs as before', () => {
  const escalation = [
    { afterSeconds: 0, action: 'flowspec' as const },
    { afterSeconds: 30, action: 'blackhole' as const },
  ];
  const config = { groups: [groupFixture({ escalation })] };
  const { cycle, store } = cycleFixture({}, config);
  cycle.restore(0);
  step(cycle, 1000, HOST);
  const { cycle: next } = cycleFixture({ store }, config);
  next.restore(10_000);
  for (let now = 11_000; now <= 40_000; now += 1000) step(next, now, HOST);
  const [active] = next.controller.activeBans();
  assert.deepEqual([active?.attackId, active?.method], [store.loadActive()[0]?.attackId, 'blackhole']);
});

test('while the process stands still no quiet is counted, so the ban of an attack that goes on stays', () => {
  const { cycle, events } = cycleFixture({ plan: enginePlan({ hysteresisSeconds: 20 }) });
  cycle.restore(0);
  for (let now = 1000; now <= 10_000; now += 1000) step(cycle, now, HOST);
  // Stopped for 65 s, which is longer than the hysteresis and the TTL; the first reports have nothing in them yet.
  for (let now = 75_000; now <= 80_000; now += 1000) step(cycle, now);
  for (let now = 81_000; now <= 90_000; now += 1000) step(cycle, now, HOST);
  assert.equal(cycle.controller.activeBans()[0]?.startedAt, 1000);
  for (let now = 91_000; now <= 110_000; now += 1000) step(cycle, now);
  assert.deepEqual(cycle.controller.activeBans(), [], 'quiet that was observed ends it');
  assert.equal(events.filter(({ kind }) => kind === 'ban_started').length, 1);
});

test('quiet is not counted while an exporter that sent flows of the attack cannot be read', () => {
  const plan = enginePlan({ hysteresisSeconds: 20 });
  const ban = { ...groupFixture().ban, ttlSeconds: 120 };
  const { cycle, store } = cycleFixture({ plan }, { groups: [groupFixture({ ban })] });
  cycle.restore(0);
  for (let now = 1000; now <= 10_000; now += 1000) step(cycle, now, HOST);
  const { cycle: next } = cycleFixture({ plan, store }, { groups: [groupFixture({ ban })] });
  next.restore(12_000);
  const unread = { ...reportAt(13_000), unreadableSince: 13_000 };
  for (let now = 13_000; now <= 60_000; now += 1000) {
    next.report(0, unread, now);
    next.tick(now);
  }
  assert.equal(next.controller.activeBans().length, 1, 'the exporter has sent no template yet');
  for (let now = 61_000; now <= 81_000; now += 1000) step(next, now);
  assert.equal(next.controller.activeBans().length, 0, 'now it can be read, and the attack is over');
});

test('an exporter that could not be read before the attack was last seen keeps no ban', () => {
  const { cycle } = cycleFixture({ plan: enginePlan({ hysteresisSeconds: 20 }) });
  cycle.restore(0);
  for (let now = 1000; now <= 10_000; now += 1000) step(cycle, now, HOST);
  for (let now = 11_000; now <= 31_000; now += 1000) {
    cycle.report(0, { ...reportAt(now), unreadableSince: 5000 }, now);
    cycle.tick(now);
  }
  assert.equal(cycle.controller.activeBans().length, 0);
});

test('the cycle reports progress in the one stream of events, and the timeline leaves it out', () => {
  const { notify } = configFixture();
  const { cycle, events } = cycleFixture({}, { notify: { ...notify, updateSeconds: 10 } });
  cycle.restore(0);
  for (let now = 1000; now <= 25_000; now += 500) step(cycle, now, HOST);
  const updates = events.filter((event) => event.kind === 'attack_updated');
  assert.deepEqual(
    updates.map((event) => [event.cause, event.at, event.ban?.state]),
    [
      ['progress', 11_000, 'active'],
      ['progress', 21_000, 'active'],
    ],
  );
  const [incident] = cycle.incidents.active();
  assert.ok(incident.timeline.entries().length > 0);
  assert.ok(incident.timeline.entries().every(({ event }) => event !== 'attack_updated'));
  updates[0].attack.rate = -1;
  assert.notEqual(incident.attack.rate, -1, 'an event is a snapshot');
});
