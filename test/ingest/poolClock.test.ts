import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostReport } from '../../src/engine/hostReport.ts';
import { ReceiverPool } from '../../src/ingest/receiverPool.ts';
import { ingestConfig, planFor, until } from './runningPool.ts';

test('the times in reports follow a clock that is set forward or back', async (t) => {
  let stepMs = 0;
  const clock = { now: (): number => Date.UTC(2026, 0, 1) + performance.now() + stepMs };
  const reports: { readonly report: HostReport; readonly at: number }[] = [];
  const config = ingestConfig();
  const pool = new ReceiverPool(config, planFor(config), clock, {
    onReport: (_worker, report) => reports.push({ report, at: clock.now() }),
    onFailure: assert.ifError,
    onLog: () => {},
  });
  t.after(() => pool.stop());
  await pool.start();
  await until('a report', () => reports.length > 0);
  const [before] = reports;
  const behindMs = before.at - before.report.now;
  for (const step of [3_600_000, -7_200_000]) {
    stepMs += step;
    reports.length = 0;
    await until('a report', () => reports.length > 0);
    const { report, at } = reports[0];
    assert.ok(Math.abs(at - report.now - behindMs) < 5000, `the report is ${at - report.now} ms old`);
    const elapsedMs = report.now - report.bucketStartMs;
    assert.ok(
      elapsedMs >= 0 && elapsedMs <= 250 * config.detection.windowSeconds,
      `${elapsedMs} ms of a bucket passed`,
    );
  }
});
