import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BAN_END_CODES } from '../../src/mitigation/ban.ts';
import { messageText } from '../../src/notify/messageText.ts';
import { NOTIFICATION_EVENTS, type Notification, notificationPayload } from '../../src/notify/notification.ts';
import { tenantNotification } from '../../src/notify/tenantNotification.ts';
import { banFacts, notificationOf } from './notifyFixture.ts';

/** Stands for whatever a sentence may say of the whole deployment. */
const SECRET = 'peer 192.0.2.251, 7 of 10 bans, whitelisted by 192.0.2.0/28';

const RIB = {
  installed: false,
  last_error: SECRET,
  advertised_to: ['192.0.2.251'],
  not_advertised_to: [{ peer: '192.0.2.252', why: SECRET }],
};

function shownToTenant(notification: Notification): string {
  const reduced = tenantNotification(notification);
  const text = messageText({ notifications: [reduced], consoleUrl: '' });
  const summary = messageText({ notifications: [reduced, reduced], consoleUrl: '' });
  return JSON.stringify([notificationPayload(reduced), text, summary]);
}

/** Their reasons are made of the attack and of the plan of the tenant's own group. */
const OWN_REASONS = ['attack_updated', 'ban_escalated', 'ban_updated'];

test('no event tells a tenant peers, errors, limits or entries, whatever its reason says', () => {
  for (const event of NOTIFICATION_EVENTS.filter((name) => !OWN_REASONS.includes(name))) {
    for (const failure of [undefined, 'fallback', 'not_announced', 'ended'] as const) {
      for (const endedBy of [undefined, ...BAN_END_CODES]) {
        const ban = banFacts({ rib: RIB, endedBy, fellBackFrom: 'flowspec' });
        const shown = shownToTenant(notificationOf({ event, failure, ban, reason: SECRET }));
        assert.doesNotMatch(shown, /192\.0\.2\.25|7 of 10|whitelisted by/, `${event} ${failure} ${endedBy}`);
      }
    }
  }
});

test('a tenant is told which rule it was, by its code, and whether the route is in GoBGP', () => {
  const refused = banFacts({ state: 'rejected', rejectedBy: 'max_active_bans', rib: undefined });
  const rejection = tenantNotification(notificationOf({ event: 'ban_rejected', ban: refused, reason: SECRET }));
  assert.equal(rejection.reason, 'max_active_bans: too many bans are active');
  const announced = banFacts({ state: 'active', rib: { ...RIB, installed: true, last_error: undefined } });
  assert.match(shownToTenant(notificationOf({ event: 'ban_announced', ban: announced })), /Announced: yes/);
});
