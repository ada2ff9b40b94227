import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AccountingDriver, ratesByHost } from './accountingDriver.ts';
import { enginePlan } from './planFixture.ts';

const anyFlows = fc.array(
  fc.record({ host: fc.nat(60), packets: fc.integer({ min: 1, max: 9999 }), bytes: fc.integer({ min: 64, max: 1e6 }) }),
  { minLength: 1, maxLength: 150 },
);

test('the top hosts are the first of all hosts in order, whether scanned at once or in steps', () => {
  fc.assert(
    fc.property(anyFlows, fc.integer({ min: 1, max: 70 }), fc.constantFrom('pps', 'mbps'), (flows, limit, metric) => {
      const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
      const sums = new Map<string, number>();
      for (const { host, packets, bytes } of flows) {
        const to = `10.0.0.${host}`;
        driver.account(0, { to, packets, bytes });
        sums.set(to, (sums.get(to) ?? 0) + (metric === 'pps' ? packets : (bytes * 8) / 1e6));
      }
      const expected = [...sums.values()].sort((a, b) => b - a).slice(0, limit);
      const top = ratesByHost(driver.accounting.topHosts({ metric, limit }, 0));
      const rates = [...top].map(([, each]) => each[metric]);
      assert.equal(rates.length, expected.length);
      rates.forEach((rate, i) => {
        assert.ok(Math.abs(rate - expected[i]) < 1e-6);
      });
      for (const [host, each] of top) assert.ok(Math.abs(each[metric] - (sums.get(host) ?? 0)) < 1e-6);

      const scan = driver.accounting.beginTopHosts({ metric, limit });
      while (!scan.done) driver.accounting.stepTopHosts(scan, 7, 0);
      assert.deepEqual(driver.accounting.topHostsReport(scan, 0), driver.accounting.topHosts({ metric, limit }, 0));
    }),
  );
});

test('hosts that were evicted between two steps are left out', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
  driver.account(0, { to: '10.0.0.1', packets: 10 }, { to: '10.0.0.2', packets: 20 });
  const scan = driver.accounting.beginTopHosts({ metric: 'pps', limit: 10 });
  driver.accounting.stepTopHosts(scan, 100, 0);
  for (let now = 0; now < 20_000; now += 100) driver.accounting.tick(now);
  assert.equal(driver.accounting.topHostsReport(scan, 20_000).count, 0);
});
