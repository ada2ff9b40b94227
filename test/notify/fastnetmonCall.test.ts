import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '../../src/notify/channel.ts';
import { fastnetmonCall } from '../../src/notify/fastnetmonCall.ts';
import type { Notification } from '../../src/notify/notification.ts';
import { attackFacts, banFacts, notificationOf } from './notifyFixture.ts';

function messageOf(overrides: Partial<Notification> = {}): Message {
  return { notifications: [notificationOf(overrides)], consoleUrl: '' };
}

test('ban and unban are used only for real routes', () => {
  const withdrawn = banFacts({ state: 'withdrawn' });
  const rejected = banFacts({ state: 'rejected', route: '' });
  const cases: readonly (readonly [Partial<Notification>, string])[] = [
    [{}, 'ban'],
    [{ event: 'attack_ended', ban: withdrawn }, 'unban'],
    [{ ban: undefined }, 'attack_details'],
    [{ ban: banFacts({ method: 'none', route: '' }) }, 'attack_details'],
    [{ ban: rejected }, 'attack_details'],
    [{ event: 'ban_rejected', ban: rejected }, 'attack_details'],
    [{ event: 'ban_failed' }, 'attack_details'],
    [{ event: 'attack_ended', ban: undefined }, 'attack_details'],
    [{ event: 'attack_ended', ban: rejected }, 'attack_details'],
    [{ event: 'attack_ended', ban: banFacts() }, 'attack_details'],
    [{ event: 'test' }, 'attack_details'],
  ];
  for (const [overrides, action] of cases) {
    assert.equal(fastnetmonCall(messageOf(overrides)).args[3], action, JSON.stringify(overrides));
    assert.equal(fastnetmonCall(messageOf({ ...overrides, dryRun: true })).args[3], 'attack_details');
  }
  const slow = messageOf({ attack: attackFacts({ pps: 0.4 }) });
  assert.deepEqual(fastnetmonCall(slow).args, ['203.0.113.7', 'incoming', '0', 'ban']);
});
