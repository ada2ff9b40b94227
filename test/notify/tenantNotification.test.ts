import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANGES, type IncidentEvent } from '../../src/incidents/incidentEvent.ts';
import { BAN_END_CODES } from '../../src/mitigation/ban.ts';
import { messageText } from '../../src/notify/messageText.ts';
import { NOTIFICATION_EVENTS, type Notification, notificationPayload } from '../../src/notify/notification.ts';
import { notificationsOf } from '../../src/notify/notificationOf.ts';
import { tenantNotification } from '../../src/notify/tenantNotification.ts';
import { attackFixture, flowFixture, sampleOf } from '../fixtures/attackFixture.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { configFixture } from '../fixtures/configFixture.ts';
import { blackhole } from '../fixtures/routeFixture.ts';
import { banFacts, NOW, notificationOf } from './notifyFixture.ts';

const CHANGE_CODES = Object.keys(CHANGES) as (keyof typeof CHANGES)[];

/** Stands for whatever a sentence may say of the whole deployment. */
const SECRET = 'peer 192.0.2.251, 7 of 10 bans, whitelisted by 192.0.2.0/28';

const RIB = {
  installed: false,
  last_error: SECRET,
  advertised_to: ['192.0.2.251'],
  not_advertised_to: [{ peer: '192.0.2.252', why: SECRET }],
};

/** Also the exporter that the sample of the fixtures names. */
const FOREIGN = /192\.0\.2\.25[12]|7 of 10|whitelisted by|192\.0\.2\.1"|192\.0\.2\.1 17/;

function shownToTenant(notification: Notification): string {
  const reduced = tenantNotification(notification);
  const text = messageText({ notifications: [reduced], consoleUrl: '' });
  const summary = messageText({ notifications: [reduced, reduced], consoleUrl: '' });
  return JSON.stringify([notificationPayload(reduced), text, summary]);
}

/** Their reasons are made of the attack and of the plan of the tenant's own group: see the next test. */
const OWN_REASONS = ['attack_updated', 'ban_escalated', 'ban_updated'];

test('no event tells a tenant peers, errors, limits or entries, whatever its reason says', () => {
  for (const event of NOTIFICATION_EVENTS.filter((name) => !OWN_REASONS.includes(name))) {
    for (const failure of [undefined, 'fallback', 'not_announced', 'ended'] as const) {
      for (const endedBy of [undefined, ...BAN_END_CODES]) {
        const ban = banFacts({ rib: RIB, endedBy, fellBackFrom: 'flowspec' });
        const shown = shownToTenant(notificationOf({ event, failure, ban, reason: SECRET }));
        assert.doesNotMatch(shown, FOREIGN, `${event} ${failure} ${endedBy}`);
      }
    }
  }
});

test('every event of an attack or a ban, as it is made, tells a tenant none of it either', () => {
  const attack = attackFixture('a', '203.0.113.7', NOW, { sample: sampleOf([flowFixture()]) });
  const told = {
    reason: SECRET,
    fellBackFrom: 'flowspec',
    fellBackReason: SECRET,
    routes: [blackhole('203.0.113.7')],
  } as const;
  const ban = banOf({ ...told, targetText: '203.0.113.7', startedAt: NOW });
  const about = { at: NOW, attack, ban };
  const events: IncidentEvent[] = [
    { ...about, kind: 'attack_started' },
    { ...about, kind: 'attack_updated', cause: 'vector' },
    { ...about, kind: 'attack_updated', cause: 'progress' },
    { ...about, kind: 'ban_started', verdicts: [] },
    { ...about, kind: 'ban_rejected', ban: { ...ban, state: 'rejected', rejectedBy: 'whitelist' }, verdicts: [] },
    ...CHANGE_CODES.map((change) => ({ ...about, kind: 'ban_changed', change }) as const),
    { ...about, kind: 'ban_advertised', peers: ['192.0.2.251'] },
    { ...about, kind: 'ban_failed', cause: 'sent_to_no_peer', reason: SECRET },
    ...BAN_END_CODES.map((code) => {
      const ended = { ...ban, state: 'withdrawn', endedBy: { code, detail: SECRET } } as const;
      return { ...about, kind: 'ban_ended', ban: ended } as const;
    }),
    { ...about, kind: 'attack_ended' },
  ];
  const context = { config: configFixture({ dryRun: false }), runningSince: NOW - 1000, ribOf: () => RIB };
  const notifications = events.flatMap((event) => notificationsOf(event, context));
  for (const notification of notifications) {
    assert.doesNotMatch(shownToTenant(notification), FOREIGN, notification.event);
  }
  const kinds = new Set(notifications.map(({ event }) => event));
  const ofHosts = NOTIFICATION_EVENTS.filter((event) => event.startsWith('attack_') || event.startsWith('ban_'));
  assert.deepEqual([...kinds].sort(), [...ofHosts].sort(), 'every kind is here');
});

test('a tenant is told which rule it was, by its code, and whether the route is in GoBGP', () => {
  const refused = banFacts({ state: 'rejected', rejectedBy: 'max_active_bans', rib: undefined });
  const rejection = tenantNotification(notificationOf({ event: 'ban_rejected', ban: refused, reason: SECRET }));
  assert.equal(rejection.reason, 'max_active_bans: too many bans are active');
  const announced = banFacts({ state: 'active', rib: { ...RIB, installed: true, last_error: undefined } });
  assert.match(shownToTenant(notificationOf({ event: 'ban_announced', ban: announced })), /Announced: yes/);
});
