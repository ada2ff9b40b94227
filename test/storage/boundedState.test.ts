import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedState } from '../../src/storage/boundedState.ts';
import { identityProblem } from '../../src/storage/gobgpIdentity.ts';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { readStoredState } from '../../src/storage/storedState.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { stateDirectory } from './stateDirectory.ts';

const NOW = 1_700_000_000_000;
const YEAR_MS = 31_536_000_000;

test('a ban stored while the clock was ahead ends its lifetime after it was first seen, and is seen first only once', (t) => {
  const directory = stateDirectory(t);
  const ahead = NOW + YEAR_MS;
  const store = new SqliteBanStore(directory, { now: () => ahead });
  store.save([banOf({ startedAt: ahead, expiresAt: ahead + 60_000 })]);
  store.close();
  const endAt = (now: number) => boundedState(readStoredState(directory), directory, now).bans[0].expiresAt;
  assert.equal(endAt(NOW), NOW + 60_000);
  assert.equal(endAt(NOW + 30_000), NOW + 60_000, 'a timer that comes every minute must not renew it');
  assert.equal(endAt(NOW + YEAR_MS / 2), NOW + 60_000);
});

test('no ban lives longer than its lifetime after it was saved', (t) => {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory, { now: () => NOW });
  store.save([banOf({ startedAt: NOW, expiresAt: NOW + YEAR_MS })]);
  store.close();
  assert.equal(boundedState(readStoredState(directory), directory, NOW).bans[0].expiresAt, NOW + 60_000);
});

test('another mark or a missing GoBGP is a problem while real bans are in force, an added GoBGP is not', () => {
  const saved = { instanceId: 1, addresses: ['a:1', 'b:1'], asns: [64512] };
  const same = { ...saved, asns: [] };
  assert.equal(identityProblem(undefined, same, 5), undefined);
  assert.equal(identityProblem(saved, same, 5), undefined);
  assert.equal(identityProblem(saved, { ...same, addresses: ['b:1', 'a:1', 'c:1'] }, 5), undefined);
  assert.match(
    identityProblem(saved, { ...same, instanceId: 2 }, 1) ?? '',
    /instance_id was 1 and is 2.*withdraw --all/,
  );
  assert.match(identityProblem(saved, { ...same, addresses: ['a:1'] }, 1) ?? '', /no longer has b:1/);
  assert.equal(
    identityProblem(saved, { ...saved, asns: [64513] }, 1),
    undefined,
    'its routes are found by the old mark',
  );
  assert.equal(identityProblem(saved, { ...same, instanceId: 2 }, 0), undefined);
});
