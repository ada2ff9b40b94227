import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attack } from '../../src/engine/attack.ts';
import type { IncidentEvent } from '../../src/incidents/incidentEvent.ts';
import type { Ban } from '../../src/mitigation/ban.ts';
import type { Notification } from '../../src/notify/notification.ts';
import { notificationOf } from '../../src/notify/notificationOf.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';

const AT = 1_700_000_000_000;
const CONFIG = configFixture({
  groups: [groupFixture(), groupFixture({ name: 'web', tenant: 'acme' })],
  dryRun: false,
});

function notificationsOf(...events: IncidentEvent[]): Notification[] {
  return events.flatMap((event) => notificationOf(event, CONFIG) ?? []);
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

test('an attack is told with its ban, and what went wrong with the ban after it', () => {
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

test('the end is told with what became of the ban, and with the peak', () => {
  const attack = attackOn('a', { rate: 9000, rates: { pps: 9000, mbps: 80 } });
  const ban = answerTo(attack, { state: 'withdrawn', method: 'divert' });
  const [told] = notificationsOf({ kind: 'attack_ended', at: AT + 5000, attack, ban });
  assert.deepEqual([told.event, told.target, told.ban?.state], ['attack_ended', '198.51.100.1', 'withdrawn']);
  assert.equal(told.ban?.method, 'divert');
  assert.equal(told.attack?.pps, 9000);
  assert.equal(told.at, AT + 5000);
});

test('a notification stays as it was while the attack goes on changing', () => {
  const attack = attackOn('a', { rate: 5000, rates: { pps: 5000 } });
  const [told] = notificationsOf(started(attack));
  attack.rate = 1;
  attack.rates = { pps: 1 };
  assert.deepEqual([told.attack?.rate, told.attack?.pps], [5000, 5000]);
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

test('what is in order is not told', () => {
  const ban = banOf();
  const at = AT;
  const attack = undefined;
  assert.deepEqual(
    notificationsOf(
      { kind: 'ban_started', at, ban, attack, verdicts: [] },
      { kind: 'ban_changed', at, ban, attack, change: 'rung' },
      { kind: 'ban_ended', at, ban, attack },
      { kind: 'ban_confirmed', at, ban, attack },
      { kind: 'ban_advertised', at, ban, attack, peers: ['192.0.2.1'] },
    ),
    [],
  );
});
