import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Classification } from '../../src/engine/attack.ts';
import { LEAST_STAY_MS, REVIEW_EVERY_MS, VectorReview } from '../../src/engine/vectorReview.ts';

const NTP: Classification = { type: 'ntp_amplification', confidence: 1, srcPort: 123 };
const SYN: Classification = { type: 'syn_flood', confidence: 0.9, srcPort: undefined };
const UDP: Classification = { type: 'udp_flood', confidence: 0.7, srcPort: undefined };

test('an attack is looked at once a second, the first time a second after it began', () => {
  const review = new VectorReview();
  const due = [0, 500, 999, 1000, 1001, 1999, 2000, 2500].filter((now) => review.isDue('a', now));
  assert.deepEqual(due, [REVIEW_EVERY_MS, 2 * REVIEW_EVERY_MS]);
});

test('a vector changes when two looks in a row find the same other one', () => {
  const review = new VectorReview();
  assert.equal(review.confirm('a', NTP, SYN, 1000), false);
  assert.equal(review.confirm('a', NTP, UDP, 2000), false, 'another other one');
  assert.equal(review.confirm('a', NTP, NTP, 3000), false, 'it was right');
  assert.equal(review.confirm('a', NTP, SYN, 4000), false);
  assert.equal(review.confirm('a', NTP, SYN, 5000), true);
  assert.equal(review.confirm('b', NTP, SYN, 5000), false, 'each attack by itself');
});

test('a reflector on another port is another vector, more confidence is not', () => {
  const review = new VectorReview();
  assert.equal(review.confirm('a', NTP, { ...NTP, confidence: 0.7 }, 1000), false);
  assert.equal(review.confirm('a', NTP, { ...NTP, confidence: 0.7 }, 2000), false);
  assert.equal(review.confirm('a', NTP, { ...NTP, srcPort: 53 }, 3000), false);
  assert.equal(review.confirm('a', NTP, { ...NTP, srcPort: 53 }, 4000), true);
});

test('a flood that alternates moves the rules at most once in ten seconds after the first change', () => {
  const review = new VectorReview();
  let current = NTP;
  const changes: number[] = [];
  for (let now = 1000; now <= 60_000; now += 1000) {
    const found = Math.floor(now / 3000) % 2 === 0 ? NTP : SYN;
    if (!review.confirm('a', current, found, now)) continue;
    current = found;
    changes.push(now);
  }
  assert.ok(changes.length > 1);
  for (let i = 1; i < changes.length; i++) assert.ok(changes[i] - changes[i - 1] >= LEAST_STAY_MS);
});
