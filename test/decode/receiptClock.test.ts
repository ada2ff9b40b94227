import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReceiptClock } from '../../src/decode/exporter/receiptClock.ts';

const times = (now: number, exportTimeMs: number) => ({ now, exportTimeMs, uptimeMs: -1 });

/** What is said of messages that were exported at these times and received at those, in seconds, after 90 seconds of both. */
function held(messages: readonly (readonly [exported: number, received: number])[], offset = -7_000_000): number[] {
  const clock = new ReceiptClock();
  for (let second = 0; second <= 90; second++) clock.heldMs(times(second * 1000, second * 1000 + offset));
  return messages.map(([exported, received]) => clock.heldMs(times(received * 1000, exported * 1000 + offset)));
}

test('a message was held for as long as it came later than those that were not', () => {
  assert.deepEqual(held([[91, 91]]), [0]);
  assert.deepEqual(
    held([
      [92, 102],
      [95, 102],
      [101, 102],
    ]),
    [10_000, 7000, 0],
  );
});

test('an exporter that always holds its messages for up to 20 s is seen through', () => {
  const clock = new ReceiptClock();
  const found: number[] = [];
  for (let batch = 20; batch <= 200; batch += 20) {
    for (let second = batch - 20; second < batch; second += 5) {
      const heldMs = clock.heldMs(times(batch * 1000, second * 1000));
      if (batch > 120) found.push(heldMs);
    }
  }
  assert.deepEqual([...new Set(found)], [15_000, 10_000, 5000, 0]);
});

test('whole seconds in the header are not taken for holding', () => {
  const clock = new ReceiptClock();
  for (let ms = 0; ms < 120_000; ms += 130) assert.equal(clock.heldMs(times(ms, Math.floor(ms / 1000) * 1000)), 0);
});

test('nothing is known of a clock that stands still, runs slowly, or was set', () => {
  for (const clockAt of [
    () => 5000,
    (ms: number) => ms / 10,
    (ms: number) => (ms < 100_000 ? ms : ms - 3_600_000),
    (ms: number) => 2 * ms,
  ]) {
    const clock = new ReceiptClock();
    for (let ms = 0; ms < 300_000; ms += 1000) assert.equal(clock.heldMs(times(ms, clockAt(ms))), 0, `at ${ms}`);
  }
});

test('a forged message from the future makes nothing of those that follow', () => {
  const clock = new ReceiptClock();
  for (let ms = 0; ms < 300_000; ms += 1000) {
    if (ms === 75_000) clock.heldMs(times(ms, ms + 30_000));
    assert.ok(clock.heldMs(times(ms, ms)) <= 0, `at ${ms}`);
  }
});
