import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventPublisher } from '../../src/daemon/eventPublisher.ts';
import { NO_EVIDENCE } from '../../src/mitigation/announcer.ts';
import type { Notification } from '../../src/notify/notification.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { configFixture } from '../fixtures/configFixture.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';

const AT = 1_700_000_000_000;
const attack = attackFixture('a', '198.51.100.1', AT);

function publisherWith(incident: () => void) {
  const sent: Notification[] = [];
  const publisher = new EventPublisher({
    config: () => configFixture(),
    runningSince: () => AT,
    log: silentLogger(),
    history: { incident },
    notifier: { notify: (notification) => sent.push(notification) },
    announcer: { evidence: () => ({ ...NO_EVIDENCE, installed: true, advertisedTo: ['192.0.2.7'] }) },
  });
  return { publisher, sent };
}

test('a listener that fails stops neither the others nor the caller', () => {
  const { publisher, sent } = publisherWith(() => {
    throw new Error('a bug');
  });
  publisher.incident({ kind: 'attack_started', at: AT, attack, ban: undefined });
  assert.deepEqual(
    sent.map(({ event }) => event),
    ['attack_started'],
  );
});

test('a notification carries what GoBGP says of an active real ban, and of no other', () => {
  const { publisher, sent } = publisherWith(() => undefined);
  for (const ban of [banOf(), banOf({ dryRun: true }), banOf({ state: 'withdrawn' }), banOf({ routes: [] })]) {
    publisher.incident({ kind: 'attack_started', at: AT, attack, ban });
  }
  assert.deepEqual(
    sent.map(({ ban }) => ban?.rib?.advertised_to),
    [['192.0.2.7'], undefined, undefined, undefined],
  );
});
