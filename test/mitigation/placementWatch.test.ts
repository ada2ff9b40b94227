import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_EVIDENCE, type RouteEvidence } from '../../src/mitigation/announcer.ts';
import { FAILED_AFTER_MS, PlacementWatch, UNCONFIRMED_AFTER_MS } from '../../src/mitigation/placementWatch.ts';
import { banOf } from '../fixtures/banFixture.ts';

const BAN = banOf();
const MISSING: RouteEvidence = { ...NO_EVIDENCE, lastError: 'cannot reach GoBGP' };

function installed(...peers: string[]): RouteEvidence {
  return { ...NO_EVIDENCE, installed: true, advertisedTo: peers };
}

function watching() {
  const watch = new PlacementWatch();
  const kinds = (now: number, routes: readonly RouteEvidence[], notStored?: string) =>
    watch.review(BAN, { notStored, routes }, now).map(({ kind }) => kind);
  return { watch, kinds };
}

test('a ban is confirmed once all its routes are in the RIB, and advertised with each further peer', () => {
  const { watch, kinds } = watching();
  assert.deepEqual(kinds(0, [MISSING, MISSING]), []);
  assert.deepEqual(kinds(100, [installed('192.0.2.1'), MISSING]), [], 'half of it is not all of it');
  assert.deepEqual(kinds(200, [installed('192.0.2.1'), installed()]), ['ban_confirmed']);
  assert.deepEqual(kinds(300, [installed('192.0.2.1'), installed('192.0.2.1')]), ['ban_advertised']);
  assert.deepEqual(kinds(400, [installed('192.0.2.1'), installed('192.0.2.1')]), [], 'nothing changed');
  const both = installed('192.0.2.1', '192.0.2.2');
  assert.deepEqual(watch.review(BAN, { notStored: undefined, routes: [both, both] }, 500), [
    { kind: 'ban_advertised', peers: ['192.0.2.1', '192.0.2.2'] },
  ]);
});

test('what is missing is unconfirmed after a second, failed after ten, and recovered when it is back', () => {
  const { kinds } = watching();
  assert.deepEqual(kinds(0, [MISSING]), []);
  assert.deepEqual(kinds(UNCONFIRMED_AFTER_MS - 1, [MISSING]), []);
  assert.deepEqual(kinds(UNCONFIRMED_AFTER_MS, [MISSING]), ['ban_unconfirmed']);
  assert.deepEqual(kinds(FAILED_AFTER_MS - 1, [MISSING]), []);
  assert.deepEqual(kinds(FAILED_AFTER_MS, [MISSING]), ['ban_failed']);
  assert.deepEqual(kinds(10 * FAILED_AFTER_MS, [MISSING]), [], 'once for each time');
  assert.deepEqual(kinds(11 * FAILED_AFTER_MS, [installed('192.0.2.1')]), [
    'ban_confirmed',
    'ban_advertised',
    'ban_recovered',
  ]);
  assert.deepEqual(kinds(12 * FAILED_AFTER_MS, [MISSING]), []);
  assert.deepEqual(kinds(13 * FAILED_AFTER_MS, [MISSING]), ['ban_unconfirmed', 'ban_failed'], 'it is lost again');
});

test('a ban that is in the RIB and sent to no peer fails after ten seconds, with what each peer says', () => {
  const { watch, kinds } = watching();
  const why = [
    { peer: '192.0.2.1', why: 'session down' },
    { peer: '192.0.2.2', why: 'export policy' },
  ];
  const unsent: RouteEvidence = { ...installed(), notAdvertisedTo: why };
  assert.deepEqual(kinds(0, [unsent]), ['ban_confirmed']);
  assert.deepEqual(kinds(FAILED_AFTER_MS - 1, [unsent]), []);
  assert.deepEqual(watch.review(BAN, { notStored: undefined, routes: [unsent] }, FAILED_AFTER_MS), [
    {
      kind: 'ban_failed',
      cause: 'sent_to_no_peer',
      reason: 'in GoBGP, but sent to no peer: 192.0.2.1 (session down), 192.0.2.2 (export policy)',
    },
  ]);
  assert.deepEqual(kinds(2 * FAILED_AFTER_MS, [unsent]), [], 'once for each time');
  assert.deepEqual(kinds(3 * FAILED_AFTER_MS, [installed('192.0.2.1')]), ['ban_advertised', 'ban_recovered']);
  assert.deepEqual(kinds(4 * FAILED_AFTER_MS, [unsent]), []);
  assert.deepEqual(kinds(5 * FAILED_AFTER_MS, [unsent]), ['ban_failed'], 'it is lost again');
  assert.deepEqual(kinds(6 * FAILED_AFTER_MS, [installed('192.0.2.1')]), ['ban_advertised', 'ban_recovered']);
});

test('a ban that leaves the RIB while no peer is sent it has failed for the whole time', () => {
  const { kinds } = watching();
  assert.deepEqual(kinds(0, [MISSING]), []);
  assert.deepEqual(kinds(FAILED_AFTER_MS / 2, [installed()]), ['ban_confirmed']);
  assert.deepEqual(kinds(FAILED_AFTER_MS, [installed()]), ['ban_failed']);
});

test('while it is not known what the peers are sent, nothing is reported of it', () => {
  const { kinds } = watching();
  const unread: RouteEvidence = { ...installed(), isReachUnknown: true };
  assert.deepEqual(kinds(0, [unread]), ['ban_confirmed']);
  assert.deepEqual(kinds(10 * FAILED_AFTER_MS, [unread]), []);
  assert.deepEqual(kinds(10 * FAILED_AFTER_MS + 1, [installed()]), []);
  assert.deepEqual(kinds(11 * FAILED_AFTER_MS + 1, [installed()]), ['ban_failed']);
});

test('a ban that is not stored is not announced, and the reason says so', () => {
  const { watch, kinds } = watching();
  assert.deepEqual(kinds(0, [installed('192.0.2.1')], 'disk full'), []);
  assert.deepEqual(watch.review(BAN, { notStored: 'disk full', routes: [installed()] }, FAILED_AFTER_MS), [
    { kind: 'ban_unconfirmed', reason: 'cannot be stored: disk full' },
    { kind: 'ban_failed', cause: 'not_in_rib', reason: 'cannot be stored: disk full' },
  ]);
});

test('a clock that is set neither hurries nor delays a failure', () => {
  const { watch, kinds } = watching();
  kinds(0, [MISSING]);
  watch.clockStepped(3_600_000);
  assert.deepEqual(kinds(3_600_000 + UNCONFIRMED_AFTER_MS - 1, [MISSING]), []);
  assert.deepEqual(kinds(3_600_000 + FAILED_AFTER_MS, [MISSING]), ['ban_unconfirmed', 'ban_failed']);
});
