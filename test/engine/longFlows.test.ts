import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LONG_FLOW_LIMIT, LONG_HOST_LIMIT, LONGEST_FLOW_MS } from '../../src/engine/longFlows.ts';
import { AccountingDriver } from './accountingDriver.ts';
import { enginePlan } from './planFixture.ts';

const HOST = '10.0.0.1';
const WINDOW_SECONDS = 5;

test('a flow record of one minute counts at its mean rate for a minute, and makes no spike', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: WINDOW_SECONDS }));
  driver.account(0, { to: HOST, packets: 60_000, bytes: 6e6, durationMs: 60_000 });
  for (let now = 100; now <= 70_000; now += 100) {
    const { pps, mbps, udp_pps: udpPps } = driver.rates(now, HOST);
    assert.equal(udpPps, pps);
    assert.ok(pps <= 1000 + 1e-6, `${pps} pps after ${now} ms`);
    if (now >= 1000 * WINDOW_SECONDS * 1.25 && now <= 60_000) {
      assert.ok(Math.abs(pps - 1000) < 1e-6, `${pps} pps after ${now} ms`);
      assert.ok(Math.abs(mbps - 0.8) < 1e-9, `${mbps} mbps after ${now} ms`);
    }
    if (now > 60_000 + 1000 * WINDOW_SECONDS * 1.25) assert.equal(pps, 0);
  }
  assert.equal(driver.accounting.counters().longFlows, 0);
});

test('a continuing flow that is reported once in an active timeout gives a steady rate without gap or bump', () => {
  for (const activeTimeoutMs of [7000, 10_000, 60_000]) {
    const driver = new AccountingDriver(enginePlan({ windowSeconds: WINDOW_SECONDS }));
    for (let now = 0; now < 4 * activeTimeoutMs; now += 100) {
      if (now % activeTimeoutMs === 0) {
        driver.account(now, { to: HOST, packets: activeTimeoutMs / 10, sampling: 100, durationMs: activeTimeoutMs });
      }
      const { pps } = driver.rates(now, HOST);
      if (now > 7000) assert.ok(Math.abs(pps - 10_000) < 10, `${pps} pps at ${now} of ${activeTimeoutMs}`);
    }
  }
});

test('an exporter that is a second late changes the rate by a second of the window, not by the whole flow', () => {
  for (const lateMs of [-1000, 1000]) {
    const driver = new AccountingDriver(enginePlan({ windowSeconds: WINDOW_SECONDS }));
    for (let now = 0; now < 50_000; now += 100) {
      if (now === 0 || now === 20_000 + lateMs || now === 40_000) {
        driver.account(now, { to: HOST, packets: 20_000, durationMs: 20_000 });
      }
      const { pps } = driver.rates(now, HOST);
      if (now > 7000) assert.ok(Math.abs(pps - 1000) < 1000 / WINDOW_SECONDS + 10, `${pps} pps at ${now}`);
    }
  }
});

const anyRecord = fc.record({
  afterMs: fc.nat(4000),
  packets: fc.integer({ min: 1, max: 100_000 }),
  durationMs: fc.integer({ min: 0, max: 40_000 }),
  host: fc.nat(2),
});

test('over time, every packet of every record is counted once', () => {
  const windowSeconds = 2;
  const bucketMs = (windowSeconds * 1000) / 4;
  fc.assert(
    fc.property(
      fc.array(anyRecord, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 20, max: 400 }),
      (records, tickMs) => {
        const driver = new AccountingDriver(enginePlan({ windowSeconds, limits: { pps: 100 } }));
        const packets = [0, 0, 0];
        const tolerance = [1e-6, 1e-6, 1e-6];
        const integral = [0, 0, 0];
        const due = [...records];
        let nextAt = due[0].afterMs;
        for (let now = 0; now < 150_000; now += tickMs) {
          while (due.length > 0 && nextAt <= now) {
            const record = due.shift() ?? records[0];
            driver.account(now, {
              to: `10.0.0.${record.host}`,
              packets: record.packets,
              durationMs: record.durationMs,
            });
            packets[record.host] += record.packets;
            // What arrives at once stays for 3.5 to 4.5 buckets instead of 4, and the integral here is a sum over ticks.
            const atOnce = record.durationMs > windowSeconds * 1000 ? bucketMs / record.durationMs : 1;
            tolerance[record.host] += record.packets * (atOnce / 8 + tickMs / (windowSeconds * 1000));
            nextAt += due[0]?.afterMs ?? 0;
          }
          for (let host = 0; host < 3; host++) {
            integral[host] += (driver.rates(now, `10.0.0.${host}`).pps * tickMs) / 1000;
          }
        }
        for (let host = 0; host < 3; host++) {
          const error = Math.abs(integral[host] - packets[host]);
          assert.ok(error <= tolerance[host], `host ${host}: ${integral[host]} of ${packets[host]} packets`);
        }
      },
    ),
    { numRuns: 25 },
  );
});

test('a flow ends at its own time, though its host was brought up to date later', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: WINDOW_SECONDS }));
  driver.account(0, { to: HOST, packets: 10_000, durationMs: 10_000 });
  driver.accounting.tick(9_900);
  // Adding this one settles the host, 90 ms after the first one's end and 10 ms before a tick ends it.
  driver.account(10_090, { to: HOST, packets: 60, durationMs: 60_000 });
  const { pps } = driver.rates(10_100, HOST);
  const expected = (1000 * 4.9 + 0.01) / WINDOW_SECONDS;
  assert.ok(Math.abs(pps - expected) < 1e-6, `${pps} pps, expected ${expected}`);
});

test('a long flow record counts as one flow record', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
  driver.account(0, { to: HOST, durationMs: 60_000 }, { to: HOST });
  assert.equal(driver.rates(0, HOST).flows_per_sec, 2);
  assert.equal(driver.rates(5000, HOST).flows_per_sec, 0);
});

test('a host is reported while its long flows are over a limit, also when no datagram arrives', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: WINDOW_SECONDS, limits: { pps: 1000 } }));
  for (let n = 0; n < 15; n++) driver.account(0, { to: HOST, packets: 100 * 30, durationMs: 30_000 });
  for (let now = 0; now <= 40_000; now += 100) {
    const reported = driver.reported(now).length > 0;
    if (now <= 3000) assert.equal(reported, false, `at ${now}`);
    if (now >= 4000 && now <= 30_000) assert.equal(reported, true, `at ${now}`);
    if (now >= 33_000) assert.equal(reported, false, `at ${now}`);
  }
});

test('a host with long flows is not evicted', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
  driver.account(0, { to: HOST, packets: 60_000, durationMs: 60_000 });
  for (let now = 0; now < 60_000; now += 100) driver.accounting.tick(now);
  assert.equal(driver.accounting.counters().trackedHosts, 1);
  for (let now = 60_000; now < 80_000; now += 100) driver.accounting.tick(now);
  assert.equal(driver.accounting.counters().trackedHosts, 0);
});

test('a flow of two hours counts at its mean rate, for half an hour', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
  driver.account(0, { to: HOST, packets: 7_200_000, durationMs: 7_200_000 });
  assert.ok(Math.abs(driver.rates(60_000, HOST).pps - 1000) < 1e-6);
  assert.ok(Math.abs(driver.rates(LONGEST_FLOW_MS - 10_000, HOST).pps - 1000) < 1e-6);
  assert.equal(driver.rates(LONGEST_FLOW_MS + 10_000, HOST).pps, 0);
});

test('a long flow without room in the table counts for one window at its mean rate, and the overflow is counted', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1, networks: ['10.0.0.0/8'] }), 0, 0);
  for (let n = 0; n < LONG_HOST_LIMIT; n++) {
    driver.account(0, { to: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, packets: 60, durationMs: 60_000 });
  }
  assert.equal(driver.accounting.counters().longFlowOverflow, 0);
  driver.account(0, { to: '10.200.0.1', packets: 6000, durationMs: 60_000 });
  assert.equal(driver.accounting.counters().longFlowOverflow, 1);
  assert.equal(driver.rates(0, '10.200.0.1').pps, 100);
  for (let n = LONG_HOST_LIMIT; n <= LONG_FLOW_LIMIT; n++) driver.account(0, { to: '10.0.0.0', durationMs: 60_000 });
  assert.equal(driver.accounting.counters().longFlows, LONG_FLOW_LIMIT);
  assert.equal(driver.accounting.counters().longFlowOverflow, 2);
});
