import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attack } from '../../src/engine/attack.ts';
import type { IncidentEvent } from '../../src/incidents/incidentEvent.ts';
import type { Ban, BanEndCode } from '../../src/mitigation/ban.ts';
import { headline } from '../../src/notify/headline.ts';
import { type Notification, severityOf } from '../../src/notify/notification.ts';
import { type NotificationContext, notificationsOf as notificationsOfOne } from '../../src/notify/notificationOf.ts';
import { OPERATIONAL_EVENT_KINDS, type OperationalEvent } from '../../src/operationalEvent.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';

const AT = 1_700_000_000_000;
const CONFIG = configFixture({
  groups: [groupFixture(), groupFixture({ name: 'web', tenant: 'acme' })],
  dryRun: false,
});

const RIB = { installed: true, advertised_to: ['192.0.2.7'], not_advertised_to: [] };
const CONTEXT: NotificationContext = {
  config: CONFIG,
  runningSince: AT - 60_000,
  ribOf: ({ state, dryRun }) => (state === 'active' && !dryRun ? RIB : undefined),
};

function notificationsOf(...events: (IncidentEvent | OperationalEvent)[]): Notification[] {
  return events.flatMap((event) => notificationsOfOne(event, CONTEXT));
}

function linesOf(...events: IncidentEvent[]): string[] {
  return notificationsOf(...events).map(({ event, target, ban }) => `${event} ${target} ${ban?.state ?? '-'}`);
}

function attackOn(id: string, changes: Partial<Attack> = {}): Attack {
  return { ...attackFixture(id, '198.51.100.1', AT), ...changes };
}

function answerTo(attack: Attack, changes: Partial<Ban> = {}): Ban {
  return banOf({ attackId: attack.id, targetText: attack.targetText, ...changes });
}

function started(attack: Attack, ban?: Ban): IncidentEvent {
  return { kind: 'attack_started', at: AT, attack, ban };
}

test('an attack comes with its ban, and a failure of the ban comes after it', () => {
  const covered = attackOn('a');
  const refused = attackOn('b', { targetText: '198.51.100.2' });
  const fellBack = attackOn('c', { targetText: '198.51.100.3' });
  const left = attackOn('d', { targetText: '198.51.100.4' });
  const cover = answerTo(covered);
  const refusal = answerTo(refused, { state: 'rejected', reason: 'whitelist: it is', rejectedBy: 'whitelist' });
  const stopgap = answerTo(fellBack, { fellBackFrom: 'flowspec', fellBackReason: 'no peer' });
  assert.deepEqual(
    linesOf(
      started(covered, cover),
      started(refused, refusal),
      started(fellBack, stopgap),
      started(left),
      { kind: 'ban_started', at: AT, ban: cover, attack: covered, verdicts: [] },
      { kind: 'ban_rejected', at: AT, ban: refusal, attack: refused, verdicts: [] },
      { kind: 'ban_started', at: AT, ban: stopgap, attack: fellBack, verdicts: [] },
    ),
    [
      'attack_started 198.51.100.1 active',
      'attack_started 198.51.100.2 rejected',
      'attack_started 198.51.100.3 active',
      'attack_started 198.51.100.4 -',
      'ban_rejected 198.51.100.2 rejected',
      'ban_failed 198.51.100.3 active',
    ],
  );
});

test('the end of an attack has the last state of the ban and the peak', () => {
  const attack = attackOn('a', { rate: 9000, rates: { pps: 9000, mbps: 80 } });
  const ban = answerTo(attack, { state: 'withdrawn', method: 'divert' });
  const [sent] = notificationsOf({ kind: 'attack_ended', at: AT + 5000, attack, ban });
  assert.deepEqual([sent.event, sent.target, sent.ban?.state], ['attack_ended', '198.51.100.1', 'withdrawn']);
  assert.equal(sent.ban?.method, 'divert');
  assert.equal(sent.attack?.pps, 9000);
  assert.equal(sent.at, AT + 5000);
});

test('a notification stays as it was while the attack goes on changing', () => {
  const attack = attackOn('a', { rate: 5000, rates: { pps: 5000 } });
  const [sent] = notificationsOf(started(attack));
  attack.rate = 1;
  attack.rates = { pps: 1 };
  assert.deepEqual([sent.attack?.rate, sent.attack?.pps], [5000, 5000]);
});

test('group, tenant and mode are those of the ban, or of the config where there is none', () => {
  const [ofAttack] = notificationsOf(started(attackOn('a', { groupName: 'web' })));
  assert.deepEqual([ofAttack.group, ofAttack.tenant, ofAttack.dryRun], ['web', 'acme', false]);
  const ban = banOf({
    madeBy: 'operator',
    attackId: undefined,
    group: 'web',
    dryRun: true,
    state: 'rejected',
    reason: 'no',
  });
  const [ofBan] = notificationsOf({ kind: 'ban_rejected', at: AT, ban, attack: undefined, verdicts: [] });
  assert.deepEqual([ofBan.group, ofBan.tenant, ofBan.dryRun], ['web', 'acme', true]);
  assert.equal(ofBan.attack, undefined);
});

function banEvent(kind: 'ban_confirmed' | 'ban_recovered' | 'ban_ended', ban: Ban, attack?: Attack): IncidentEvent {
  return { kind, at: AT, ban, attack };
}

function advertised(ban: Ban, attack?: Attack): IncidentEvent {
  return { kind: 'ban_advertised', at: AT, ban, attack, peers: ['192.0.2.7'] };
}

function changed(change: 'rung' | 'fallback' | 'return', ban: Ban): IncidentEvent {
  return { kind: 'ban_changed', at: AT, ban, attack: undefined, change };
}

test('a ban is announced only once a peer was sent its routes, and says where they are and until when', () => {
  const attack = attackOn('a');
  const ban = answerTo(attack, { startedAt: AT });
  const quiet: IncidentEvent[] = [
    { kind: 'ban_started', at: AT, ban, attack, verdicts: [] },
    banEvent('ban_confirmed', ban, attack),
    { kind: 'ban_unconfirmed', at: AT, ban, attack, reason: 'not yet' },
  ];
  assert.deepEqual(linesOf(...quiet), []);
  const [recovered, sent] = notificationsOf(advertised(ban, attack));
  assert.equal(recovered.event, 'ban_recovered');
  assert.equal(recovered.recipients.routes, 'never', 'only for those who got a failure');
  assert.equal(sent.event, 'ban_announced');
  assert.deepEqual(sent.ban?.rib, RIB);
  assert.equal(sent.ban?.expiresAt, ban.expiresAt);
  assert.deepEqual(sent.recipients.opens, ['ban ban-1']);
  assert.equal(sent.recipients.followUpOf, 'attack a');
  const before = answerTo(attack, { startedAt: AT - 60_001 });
  assert.deepEqual(
    notificationsOf(advertised(before, attack)).map(({ event }) => event),
    ['ban_recovered'],
    'a restart does not announce it again',
  );
});

test('a failure says what failed, whatever happened to the ban before', () => {
  const fellBackBefore = banOf({ fellBackFrom: 'flowspec', fellBackReason: 'no peer takes FlowSpec' });
  const failure = {
    kind: 'ban_failed',
    at: AT,
    ban: fellBackBefore,
    attack: undefined,
    cause: 'not_in_rib',
    reason: 'GoBGP is down',
  } as const;
  const [failed, recovered, fallback, back] = notificationsOf(
    failure,
    advertised({ ...fellBackBefore, startedAt: 0 }),
    changed('fallback', fellBackBefore),
    changed('return', banOf()),
  );
  assert.deepEqual([failed.event, failed.failure, failed.reason], ['ban_failed', 'not_announced', 'GoBGP is down']);
  assert.equal(severityOf(failed), 'critical');
  assert.deepEqual([recovered.event, recovered.failure], ['ban_recovered', 'not_announced']);
  assert.deepEqual(notificationsOf(banEvent('ban_recovered', fellBackBefore)), [], 'in GoBGP, but sent to no peer yet');
  assert.deepEqual([fallback.event, fallback.failure], ['ban_failed', 'fallback']);
  assert.equal(fallback.reason, 'no peer takes FlowSpec');
  assert.deepEqual([back.event, back.failure], ['ban_recovered', 'fallback']);
  for (const [problem, end] of [
    [failed, recovered],
    [fallback, back],
  ]) {
    assert.ok(problem.recipients.opens.includes(end.recipients.followUpOf ?? ''));
    assert.equal(end.recipients.closes, true);
  }
});

test('the next step of an escalation is sent to those who know the attack', () => {
  const attack = attackOn('a');
  const ban = answerTo(attack, { escalationStep: 1, method: 'blackhole' });
  const [sent] = notificationsOf({ kind: 'ban_changed', at: AT, ban, attack, change: 'rung' });
  assert.deepEqual([sent.event, sent.recipients.followUpOf], ['ban_escalated', 'attack a']);
  assert.match(sent.reason, /step 2/);
});

test('other rules are a change of the ban, and no escalation', () => {
  const attack = attackOn('a');
  const ban = answerTo(attack, { method: 'flowspec' });
  const [sent] = notificationsOf({ kind: 'ban_changed', at: AT, ban, attack, change: 'rules' });
  assert.deepEqual([sent.event, sent.recipients.followUpOf], ['ban_updated', 'attack a']);
  assert.match(headline(sent), /rules follow the attack's vector/);
});

test('an update says whether the vector changed or the attack only goes on', () => {
  const attack = attackOn('a');
  const headlines = (['vector', 'progress'] as const).flatMap((cause) =>
    notificationsOf({ kind: 'attack_updated', cause, at: AT, attack, ban: undefined }).map(headline),
  );
  assert.match(headlines[0], /^Attack on \S+ changed: /);
  assert.match(headlines[1], /^Attack on \S+ goes on: /);
});

test('the end of a ban is a failure where it leaves an attack without an answer', () => {
  const attack = attackOn('a');
  const endOf = (code: BanEndCode, ended = attack) => {
    const ban = answerTo(attack, {
      state: 'withdrawn',
      endedBy: { code, detail: 'why' },
      reason: 'why',
      startedAt: AT,
    });
    const [sent] = notificationsOf(banEvent('ban_ended', ban, ended));
    return sent === undefined
      ? 'nothing'
      : `${sent.event} ${sent.failure ?? ''} ${sent.reason}${sent.audience === 'all' ? '' : ' for programs'}`;
  };
  assert.equal(endOf('harmful'), 'ban_failed ended why');
  assert.equal(endOf('cap_lowered'), 'ban_failed ended why');
  assert.equal(endOf('harmful', attackOn('a', { active: false, endedAt: AT })), 'ban_ended  why');
  assert.equal(endOf('ttl_expired'), 'ban_ended  why');
  assert.equal(endOf('unbanned'), 'ban_ended  why');
  assert.equal(endOf('attack_ended', attackOn('a', { active: false, endedAt: AT })), 'ban_ended  why for programs');
  assert.equal(endOf('replaced'), 'nothing', 'the ban that replaces it keeps the routes');
});

test('the end of a ban goes to those who got its announcement, or after a restart by the routes', () => {
  const end = { state: 'withdrawn', endedBy: { code: 'ttl_expired', detail: 'over' } } as const;
  const [ofThisRun, ofLastRun, dry] = notificationsOf(
    banEvent('ban_ended', banOf({ ...end, startedAt: AT })),
    banEvent('ban_ended', banOf({ ...end, startedAt: AT - 3_600_000 })),
    banEvent('ban_ended', banOf({ ...end, startedAt: AT - 3_600_000, dryRun: true })),
  );
  assert.deepEqual(
    [ofThisRun, ofLastRun, dry].map(({ recipients }) => [recipients.followUpOf, recipients.routes]),
    [
      ['ban ban-1', 'never'],
      ['ban ban-1', 'if_unknown'],
      ['ban ban-1', 'never'],
    ],
  );
});

test('a failing store and every operational problem is sent, and its end goes to the same recipients', () => {
  const operations = OPERATIONAL_EVENT_KINDS.map((kind) => ({ kind, at: AT, subject: '192.0.2.7', detail: 'seen' }));
  const sent = notificationsOf(
    { kind: 'store_failed', at: AT, reason: 'disk is full' },
    { kind: 'store_recovered', at: AT },
    ...operations,
  );
  assert.equal(sent.length, 2 + operations.length);
  for (let i = 0; i < sent.length; i += 2) {
    const [problem, end] = [sent[i], sent[i + 1]];
    assert.equal(problem.recipients.routes, 'always');
    assert.deepEqual([end.recipients.followUpOf], problem.recipients.opens);
    assert.deepEqual([end.recipients.routes, end.recipients.closes], ['never', true]);
    assert.notEqual(severityOf(problem), 'info', problem.event);
    assert.equal(problem.group, '');
  }
});
