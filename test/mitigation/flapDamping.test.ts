import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { START, started, VICTIM } from './controllerFixture.ts';

const HYSTERESIS_MS = 20_000;

/** What a victim whose telemetry is dropped upstream does: seen while no route is up, quiet while one is. */
function flap(seconds: number) {
  const ban = { ...groupFixture().ban, ttlSeconds: 600 };
  const world = started(configFixture({ groups: [groupFixture({ ban })] }));
  const { controller, keys } = world;
  const spells: number[] = [];
  let upSince: number | undefined;
  let attack: { id: string; quietSince: number } | undefined;
  for (let now = START; now < START + seconds * 1000; now += 1000) {
    if (keys().length === 0 && attack === undefined) {
      attack = { id: `attack-${now}`, quietSince: now };
      controller.attackOpened(attackFixture(attack.id, VICTIM, now), now);
    }
    if (attack !== undefined && now - attack.quietSince >= HYSTERESIS_MS) {
      controller.attackEnded(attack.id, now);
      attack = undefined;
    }
    controller.tick(now);
    if (keys().length > 0) upSince ??= now;
    else if (upSince !== undefined) {
      spells.push((now - upSince) / 1000);
      upSince = undefined;
    }
  }
  return { ...world, spells };
}

test('a route that ends its own telemetry is held twice as long each time, at most for its TTL, and each end is a probe', () => {
  const { spells, controller } = flap(3600);
  assert.deepEqual(spells.slice(0, 7), [20, 40, 80, 160, 320, 600, 600]);
  const probe = controller.bans().find(({ reason }) => reason.includes('probe'));
  assert.match(probe?.reason ?? '', /it had been back .* if it is back within 30 s, it is held for \d+ s/);
});

test('an attack that is back only after a while is a new matter', () => {
  const { controller, keys } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  controller.attackEnded('a', START + HYSTERESIS_MS);
  const later = START + HYSTERESIS_MS + 31_000;
  controller.attackOpened(attackFixture('b', VICTIM, later), later);
  controller.attackEnded('b', later + HYSTERESIS_MS);
  assert.deepEqual(keys(), []);
  assert.equal(controller.bans()[0].reason, 'the attack ended');
});

test('an attack that is seen while its ban is held goes on, and ends by the hysteresis once the hold is over', () => {
  const { controller, keys, run } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  controller.attackEnded('a', START + HYSTERESIS_MS);
  const back = START + HYSTERESIS_MS + 1000;
  controller.attackOpened(attackFixture('b', VICTIM, back), back);
  controller.attackEnded('b', back + HYSTERESIS_MS);
  assert.equal(keys().length, 1, 'held');
  controller.attackOpened(attackFixture('c', VICTIM, back + 25_000), back + 25_000);
  const now = run(back + 25_000, 40, 'c');
  assert.equal(keys().length, 1, 'it is seen');
  controller.attackEnded('c', now);
  assert.deepEqual(keys(), []);
});
