import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RateWindow } from '../../src/engine/rateWindow.ts';
import { BUCKET_VALUES, FLOWS, PACKET_VARIANCE, PACKETS } from '../../src/engine/trafficCounters.ts';
import { HISTORY_BUCKETS, HISTORY_LIMIT, HISTORY_VALUES, TrafficHistory } from '../../src/engine/trafficHistory.ts';
import { type PlacedRecord, placedIn } from './placedTraffic.ts';

const BUCKET_MS = 1000;
const WINDOW_SECONDS = 4;

const anyRecord = fc.record({
  afterMs: fc.nat(5000),
  endAgoMs: fc.nat(20_000),
  lastsMs: fc.oneof(fc.constant(0), fc.nat(40_000)),
  packets: fc.integer({ min: 1, max: 1000 }),
  sampling: fc.constantFrom(1, 100),
});

test('traffic is placed in the buckets in which it passed, like in a plain list of records', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 30 }), fc.nat(1e6), (records, startedAt) => {
      const window = new RateWindow(WINDOW_SECONDS, startedAt);
      const history = new TrafficHistory(window);
      const row = history.allocate();
      const placed: PlacedRecord[] = [];
      let now = startedAt;
      for (const { afterMs, endAgoMs, lastsMs, packets, sampling } of records) {
        now += afterMs;
        window.advance(now);
        const untilMs = now - endAgoMs;
        const fromMs = untilMs - lastsMs;
        history.fromMs = fromMs;
        history.untilMs = untilMs;
        history.place(row, packets, 0, 0, sampling);
        placed.push({ fromMs, untilMs, packets, samplingRate: sampling });
      }
      const series = new Float64Array(HISTORY_VALUES);
      history.read(row, series);
      for (let place = 0; place < HISTORY_BUCKETS; place++) {
        const bucket = window.bucket - (HISTORY_BUCKETS - 1 - place);
        const { packets, variance, flows } = placedIn(window, bucket, placed);
        // A record may have reached back before the first bucket that the history had then.
        const at = place * BUCKET_VALUES;
        assert.ok(Math.abs(series[at + PACKETS] - packets) < 1e-6, `bucket ${bucket}: ${series[at]} of ${packets}`);
        assert.ok(Math.abs(series[at + PACKET_VARIANCE] - variance) < 1e-4);
        assert.equal(series[at + FLOWS], flows);
      }
    }),
  );
});

test('the number of histories is limited, and a freed one begins empty', () => {
  const window = new RateWindow(WINDOW_SECONDS, 0);
  const history = new TrafficHistory(window);
  const rows = Array.from({ length: HISTORY_LIMIT }, () => history.allocate());
  assert.equal(history.allocate(), -1);
  history.fromMs = 0;
  history.untilMs = 0;
  history.place(rows[7], 5, 5, 0, 1);
  history.free(rows[7]);
  window.advance(BUCKET_MS / 2);
  assert.equal(history.allocate(), rows[7]);
  const series = new Float64Array(HISTORY_VALUES);
  history.read(rows[7], series);
  assert.ok(series.every((value) => value === 0));
});
