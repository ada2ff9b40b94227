import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotificationFeed } from '../../src/daemon/notificationFeed.ts';
import type { Attack } from '../../src/engine/attack.ts';
import type { Ban } from '../../src/mitigation/ban.ts';
import type { Notification } from '../../src/notify/notification.ts';
import { attackFixture } from '../mitigation/attackFixture.ts';
import { configFixture, groupFixture } from '../mitigation/configFixture.ts';
import { banOf } from '../storage/banFixture.ts';

const AT = 1_700_000_000_000;

function feedOf() {
  const told: Notification[] = [];
  const groups = [groupFixture(), groupFixture({ name: 'web', tenant: 'acme' })];
  const config = configFixture({ groups, dryRun: false });
  const feed = new NotificationFeed({ config: () => config, notify: (notification) => told.push(notification) });
  const lines = () => told.map(({ event, target, ban }) => `${event} ${target} ${ban?.state ?? '-'}`);
  return { feed, told, lines };
}

function attackOn(id: string, changes: Partial<Attack> = {}): Attack {
  return { ...attackFixture(id, '198.51.100.1', AT), ...changes };
}

function answerTo(attack: Attack, changes: Partial<Ban> = {}): Ban {
  return banOf({ attackId: attack.id, targetText: attack.targetText, ...changes });
}

test('an attack is told with its ban, and what went wrong with the ban after it', () => {
  const { feed, lines } = feedOf();
  const covered = attackOn('a');
  const refused = attackOn('b', { targetText: '198.51.100.2' });
  const fellBack = attackOn('c', { targetText: '198.51.100.3' });
  const left = attackOn('d', { targetText: '198.51.100.4' });
  feed.opened([covered, refused, fellBack, left], AT, () => {
    feed.onMitigation({ kind: 'ban_started', at: AT, ban: answerTo(covered) });
    const ban = answerTo(refused, { state: 'rejected', reason: 'whitelist: it is' });
    feed.onMitigation({ kind: 'ban_rejected', at: AT, ban, guard: 'whitelist' });
    const stopgap = answerTo(fellBack, { fellBackFrom: 'flowspec', fellBackReason: 'no peer' });
    feed.onMitigation({ kind: 'ban_started', at: AT, ban: stopgap });
  });
  assert.deepEqual(lines(), [
    'attack_started 198.51.100.1 active',
    'attack_started 198.51.100.2 rejected',
    'attack_started 198.51.100.3 active',
    'attack_started 198.51.100.4 -',
    'ban_rejected 198.51.100.2 rejected',
    'ban_failed 198.51.100.3 active',
  ]);
});

test('the end is told with what became of the ban, and with the peak', () => {
  const { feed, told, lines } = feedOf();
  const attack = attackOn('a', { rate: 9000, rates: { pps: 9000, mbps: 80 } });
  feed.opened([attack], AT, () => feed.onMitigation({ kind: 'ban_started', at: AT, ban: answerTo(attack) }));
  feed.onMitigation({ kind: 'ban_changed', at: AT, ban: answerTo(attack, { method: 'divert' }) });
  feed.onMitigation({ kind: 'ban_ended', at: AT, ban: answerTo(attack, { state: 'withdrawn', method: 'divert' }) });
  feed.ended([attack], AT + 5000);
  assert.deepEqual(lines().slice(1), ['attack_ended 198.51.100.1 withdrawn']);
  assert.equal(told[1].ban?.method, 'divert');
  assert.equal(told[1].attack?.pps, 9000);
  assert.equal(told[1].at, AT + 5000);
});

test('a notification stays as it was while the attack goes on changing', () => {
  const { feed, told } = feedOf();
  const attack = attackOn('a', { rate: 5000, rates: { pps: 5000 } });
  feed.opened([attack], AT, () => undefined);
  attack.rate = 1;
  attack.rates = { pps: 1 };
  assert.deepEqual([told[0].attack?.rate, told[0].attack?.pps], [5000, 5000]);
});

test('group, tenant and mode are those of the ban, or of the config where there is none', () => {
  const { feed, told } = feedOf();
  const attack = attackOn('a', { groupName: 'web' });
  feed.opened([attack], AT, () => undefined);
  assert.deepEqual([told[0].group, told[0].tenant, told[0].dryRun], ['web', 'acme', false]);
  const ban = banOf({
    madeBy: 'operator',
    attackId: undefined,
    group: 'web',
    dryRun: true,
    state: 'rejected',
    reason: 'no',
  });
  feed.onMitigation({ kind: 'ban_rejected', at: AT, ban, guard: 'whitelist' });
  assert.deepEqual([told[1].group, told[1].tenant, told[1].dryRun], ['web', 'acme', true]);
  assert.equal(told[1].attack, undefined);
});

test('an attack of before a restart is not told again, but its end is', () => {
  const { feed, lines } = feedOf();
  const attack = attackOn('a');
  feed.adopt(attack, answerTo(attack));
  feed.onMitigation({ kind: 'ban_failed', at: AT, ban: answerTo(attack), reason: 'GoBGP is away' });
  feed.ended([attack], AT);
  assert.deepEqual(lines(), ['ban_failed 198.51.100.1 active', 'attack_ended 198.51.100.1 active']);
});

test('what is in order is not told', () => {
  const { feed, told } = feedOf();
  const ban = banOf();
  feed.onMitigation({ kind: 'ban_started', at: AT, ban });
  feed.onMitigation({ kind: 'ban_changed', at: AT, ban });
  feed.onMitigation({ kind: 'ban_ended', at: AT, ban });
  feed.onMitigation({ kind: 'store_failed', at: AT, reason: 'disk full' });
  feed.onMitigation({ kind: 'store_recovered', at: AT });
  assert.deepEqual(told, []);
});
