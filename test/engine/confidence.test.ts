import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Detector } from '../../src/engine/detector.ts';
import { AccountingDriver } from './accountingDriver.ts';
import { enginePlan } from './planFixture.ts';

const HOST = '10.0.0.1';
const LIMIT = 50_000;
const TICK_MS = 100;

/** Numbers between 0 and 1, always the same for a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Packets at this rate, of which one in `sampling` is taken at random. Calls back with the time of each attack. Returns
 * the attacks that began.
 */
function attacksIn(options: {
  readonly pps: number;
  readonly sampling: number;
  readonly seconds: number;
  readonly confidence: number;
  readonly seed: number;
}): number[] {
  const { pps, sampling, seconds, confidence, seed } = options;
  const plan = enginePlan({ limits: { pps: LIMIT }, hysteresisSeconds: 10, confidence });
  const driver = new AccountingDriver(plan);
  const detector = new Detector(plan, () => 'id');
  const random = randomOf(seed);
  const samplesPerMs = pps / sampling / 1000;
  const startedAt: number[] = [];
  let nextAt = 0;
  for (let now = 0; now < seconds * 1000; now += TICK_MS) {
    while (nextAt < now + TICK_MS) {
      driver.account(nextAt, { to: HOST, packets: 1, bytes: 500, sampling });
      nextAt += -Math.log(1 - random()) / samplesPerMs;
    }
    detector.report(0, driver.accounting.tick(now + TICK_MS));
    const { crossed } = detector.advance(now + TICK_MS);
    for (const attack of detector.open(crossed, [], now + TICK_MS)) startedAt.push(attack.startedAt);
    driver.accounting.watch(detector.watched());
  }
  return startedAt;
}

const SEEDS = [1, 2, 3, 4, 5, 6];

test('a steady host at nine tenths of its limit is hardly ever taken for an attack', () => {
  for (const sampling of [100, 1024, 4096]) {
    const found = SEEDS.flatMap((seed) => attacksIn({ pps: 0.9 * LIMIT, sampling, seconds: 600, confidence: 2, seed }));
    // An hour in all.
    assert.ok(found.length < SEEDS.length, `1:${sampling}: ${found.length} times`);
  }
});

test('without confidence the same traffic is banned by chance', () => {
  const found = SEEDS.flatMap((seed) =>
    attacksIn({ pps: 0.9 * LIMIT, sampling: 4096, seconds: 60, confidence: 0, seed }),
  );
  assert.ok(found.length > 0);
});

test('a flood is found, soon where it is clear and also where it is close to the limit', () => {
  const within = { 1.08: 120, 1.2: 60, 2: 6, 5: 3, 10: 2 };
  for (const [factor, seconds] of Object.entries(within)) {
    for (const sampling of [100, 1024, 4096]) {
      for (const seed of SEEDS) {
        const pps = Number(factor) * LIMIT;
        const [foundAt] = attacksIn({ pps, sampling, seconds: seconds + 5, confidence: 2, seed });
        assert.ok(foundAt <= seconds * 1000, `${factor} × the limit, 1:${sampling}, seed ${seed}: ${foundAt}`);
      }
    }
  }
});

test('a single sample decides nothing, however much it stands for', () => {
  for (const sampling of [100_000, 1e6, 1e7]) {
    const plan = enginePlan({ limits: { pps: LIMIT, mbps: 1000 } });
    const driver = new AccountingDriver(plan);
    const detector = new Detector(plan, () => 'id');
    driver.account(0, { to: HOST, packets: 1, bytes: 1500, sampling });
    for (let now = 0; now < 60_000; now += TICK_MS) {
      detector.report(0, driver.accounting.tick(now));
      assert.equal(detector.advance(now).crossed.length, 0);
    }
  }
});
