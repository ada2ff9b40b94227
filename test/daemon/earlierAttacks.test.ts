import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EarlierAttacks } from '../../src/daemon/earlierAttacks.ts';
import { attackJson } from '../../src/shapes/attackJson.ts';
import { HistoryError, type PastAttack } from '../../src/storage/history/historyStore.ts';
import { attackOf, FakeDaemon } from '../api/fakeDaemon.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';

function past(target: string): PastAttack {
  const json = attackJson({ attack: attackOf(target), ban: undefined }, new FakeDaemon().config());
  return { id: json.id, attack: JSON.stringify(json) };
}

function fixture(t: TestContext, answers: (() => readonly PastAttack[])[]) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const attacks = async () => ({ rows: answers.shift()?.() ?? [], nextCursor: undefined });
  const earlier = new EarlierAttacks({ attacks }, silentLogger());
  t.after(() => earlier.stop());
  return earlier;
}

const unavailable = () => {
  throw new HistoryError('unavailable', 'down');
};

test('what history has is ended, and a damaged row is left out', async (t) => {
  const earlier = fixture(t, [() => [past('192.0.2.1'), { id: 'damaged', attack: '{}' }, past('192.0.2.2')]]);
  assert.deepEqual(earlier.list(), []);
  await earlier.load();
  assert.deepEqual(
    earlier.list().map(({ target, active }) => [target, active]),
    [
      ['192.0.2.1', false],
      ['192.0.2.2', false],
    ],
  );
});

test('while history does not answer it is asked again, until the daemon stops', async (t) => {
  const earlier = fixture(t, [unavailable, unavailable, () => [past('192.0.2.1')]]);
  await earlier.load();
  t.mock.timers.tick(10_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(earlier.list(), []);
  t.mock.timers.tick(10_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(earlier.list().length, 1);
});
