import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SendSchedule } from '../../src/flowgen/sendTelemetry.ts';

const rate = fc.double({ min: 0.5, max: 5e6, noNaN: true });
const seconds = fc.double({ min: 0.1, max: 100, noNaN: true });
/** Shares of the run at which the timer fires, in whatever order the machine's load makes of it. */
const ticks = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 50 });

test('with any delay of the timer, the packets taken are within one of the stated rate', () => {
  fc.assert(
    fc.property(rate, seconds, ticks, (packetsPerSecond, runSeconds, shares) => {
      const schedule = new SendSchedule(packetsPerSecond, runSeconds);
      let taken = 0;
      for (const share of shares.sort((a, b) => a - b)) {
        const elapsedMs = share * runSeconds * 1_000;
        taken += schedule.take(elapsedMs);
        const exact = (elapsedMs / 1_000) * packetsPerSecond;
        assert.ok(Math.abs(taken - exact) <= 1, `${taken} packets taken, ${exact} due`);
      }
    }),
  );
});

test('the run ends with exactly the packets that rate and length make, and takes no more after it', () => {
  fc.assert(
    fc.property(rate, seconds, ticks, (packetsPerSecond, runSeconds, shares) => {
      const schedule = new SendSchedule(packetsPerSecond, runSeconds);
      let taken = 0;
      for (const share of shares.sort((a, b) => a - b)) taken += schedule.take(share * runSeconds * 1_000);
      // A total rounded up needs up to one packet's time more than the run is long.
      taken += schedule.take(runSeconds * 1_000 + 1_000 / packetsPerSecond + 1);
      assert.equal(taken, Math.round(packetsPerSecond * runSeconds));
      assert.equal(schedule.finished, true);
      assert.equal(schedule.take(runSeconds * 10_000), 0);
    }),
  );
});

test('a clock that stands still or steps back makes nothing due', () => {
  const schedule = new SendSchedule(1_000, 10);
  assert.equal(schedule.take(500), 500);
  assert.equal(schedule.take(500), 0);
  assert.equal(schedule.take(100), 0);
  assert.equal(schedule.take(501), 1);
});
