import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Notification, severityOf } from '../../src/notify/notification.ts';
import { attackFacts, banFacts, notificationOf } from './notifyFixture.ts';

test('severity depends on how far an attack is over its limit, and a ban that protects nobody is critical', () => {
  const severity = (overrides: Partial<Notification>) => severityOf(notificationOf(overrides));
  const ofRatio = (ratio: number) => severity({ attack: attackFacts({ rate: 1000 * ratio, threshold: 1000 }) });
  assert.deepEqual([1, 1.99, 2, 9.99, 10].map(ofRatio), ['info', 'info', 'warning', 'warning', 'critical']);
  assert.equal(severity({ event: 'ban_rejected' }), 'critical');
  assert.equal(severity({ event: 'ban_failed' }), 'critical');
  const ban = banFacts({ fellBackFrom: 'flowspec' });
  assert.equal(severity({ event: 'ban_failed', failure: 'fallback', ban }), 'warning');
  assert.equal(severity({ event: 'ban_failed', failure: 'not_announced', ban }), 'critical', 'it fell back long ago');
  assert.equal(severity({ event: 'gobgp_down', scope: 'gobgp' }), 'critical');
  assert.equal(severity({ event: 'gobgp_down', scope: 'gobgp', dryRun: true }), 'warning');
});
