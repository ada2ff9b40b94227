import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '../../src/notify/channel.ts';
import type { Notification } from '../../src/notify/notification.ts';
import { fastnetmonCall } from '../../src/notify/programCall.ts';
import { attackFacts, banFacts, notificationOf } from './notifyFixture.ts';

function messageOf(overrides: Partial<Notification> = {}): Message {
  return { notifications: [notificationOf(overrides)], consoleUrl: '' };
}

test('ban and unban are used only for routes that a peer was sent', () => {
  const withdrawn = banFacts({ state: 'withdrawn' });
  const rejected = banFacts({ state: 'rejected', route: '' });
  const cases: readonly (readonly [Partial<Notification>, string])[] = [
    [{ event: 'ban_announced' }, 'ban'],
    [{ event: 'ban_ended', ban: withdrawn }, 'unban'],
    [{ event: 'ban_failed', failure: 'ended', ban: withdrawn }, 'unban'],
    [{ event: 'attack_started' }, 'attack_details'],
    [{ event: 'attack_updated' }, 'attack_details'],
    [{ event: 'attack_ended', ban: withdrawn }, 'attack_details'],
    [{ ban: undefined }, 'attack_details'],
    [{ event: 'ban_rejected', ban: rejected }, 'attack_details'],
    [{ event: 'ban_failed', failure: 'not_announced' }, 'attack_details'],
    [{ event: 'ban_failed', failure: 'fallback' }, 'attack_details'],
    [{ event: 'ban_recovered', failure: 'not_announced' }, 'attack_details'],
    [{ event: 'test' }, 'attack_details'],
  ];
  for (const [overrides, action] of cases) {
    assert.equal(fastnetmonCall(messageOf(overrides)).args[3], action, JSON.stringify(overrides));
    assert.equal(fastnetmonCall(messageOf({ ...overrides, dryRun: true })).args[3], 'attack_details');
  }
  const slow = messageOf({ event: 'ban_announced', attack: attackFacts({ pps: 0.4 }) });
  assert.deepEqual(fastnetmonCall(slow).args, ['203.0.113.7', 'incoming', '0', 'ban']);
});
