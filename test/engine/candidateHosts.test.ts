import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RateWindow } from '../../src/engine/rateWindow.ts';
import { FLOWS, PACKET_VARIANCE, PACKETS } from '../../src/engine/trafficCounters.ts';
import { HISTORY_BUCKETS } from '../../src/engine/trafficHistory.ts';
import { FLOW_ENDED } from '../../src/flowBatch.ts';
import { METRICS } from '../../src/trafficMetrics.ts';
import { AccountingDriver } from './accountingDriver.ts';
import { type PlacedRecord, placedIn } from './placedTraffic.ts';
import { address, enginePlan } from './planFixture.ts';

const HOST = '192.0.2.1';
const WINDOW_SECONDS = 4;
const PLAN = enginePlan({
  networks: ['192.0.2.0/24'],
  limits: Object.fromEntries(METRICS.map((metric) => [metric, 1])),
  windowSeconds: WINDOW_SECONDS,
});

const anyRecord = fc.record({
  afterMs: fc.oneof(fc.nat(400), fc.nat(5000)),
  endAgoMs: fc.oneof(fc.constant(0), fc.nat(900), fc.nat(20_000)),
  lastsMs: fc.oneof(fc.constant(0), fc.nat(WINDOW_SECONDS * 1000)),
  packets: fc.integer({ min: 1, max: 1000 }),
  sampling: fc.constantFrom(1, 100),
});

test('a candidate has each record where its packets passed, once, whichever way it was counted', () => {
  fc.assert(
    fc.property(
      fc.array(anyRecord, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 0, max: 4000 }),
      (records, idleMs) => {
        const driver = new AccountingDriver(PLAN);
        driver.account(0, { to: HOST, packets: 1 });
        driver.accounting.watch([address(HOST)]);
        driver.accounting.tick(0);
        const window = new RateWindow(WINDOW_SECONDS, 0);
        const placed: PlacedRecord[] = [{ fromMs: 0, untilMs: 0, packets: 1, samplingRate: 1 }];
        let now = 0;
        for (const { afterMs, endAgoMs, lastsMs, packets, sampling } of records) {
          now += afterMs;
          const flow = { to: HOST, packets, sampling, endAgoMs, durationMs: lastsMs, flowEnd: FLOW_ENDED };
          driver.account(now, flow);
          const untilMs = now - endAgoMs;
          placed.push({ fromMs: untilMs - lastsMs, untilMs, packets: packets * sampling, samplingRate: sampling });
        }
        now += idleMs;
        window.advance(now);
        const { series, columns } = driver.accounting.tick(now);
        const value = (place: number, column: number): number =>
          series[place * columns.length + columns.indexOf(column)];
        for (let place = 0; place < HISTORY_BUCKETS; place++) {
          const bucket = window.bucket - (HISTORY_BUCKETS - 1 - place);
          const { packets, variance, flows } = placedIn(window, bucket, placed);
          const message = `bucket ${bucket}`;
          assert.ok(isNear(value(place, PACKETS), packets), `${message}: ${value(place, PACKETS)} of ${packets}`);
          assert.ok(isNear(value(place, PACKET_VARIANCE), variance), message);
          assert.equal(value(place, FLOWS), flows, message);
        }
      },
    ),
  );
});

test('a host stays a candidate while its history has a bucket over its part of a share, and not for long after', () => {
  const driver = new AccountingDriver(PLAN);
  const historySeconds = HISTORY_BUCKETS * (WINDOW_SECONDS / 4);
  driver.account(0, { to: HOST, packets: 1 });
  // A host that is no candidate would be evicted after ten buckets.
  const trackedAt = (seconds: number): number => {
    driver.accounting.tick(seconds * 1000);
    return driver.accounting.counters().trackedHosts;
  };
  for (let second = 1; second < historySeconds; second++) assert.equal(trackedAt(second), 1, `second ${second}`);
  assert.equal(trackedAt(historySeconds + 1), 0);
});

function isNear(value: number, expected: number): boolean {
  // Reports have floats of 32 bits.
  return Math.abs(value - expected) <= 1e-6 * Math.abs(expected) + 1e-6;
}
