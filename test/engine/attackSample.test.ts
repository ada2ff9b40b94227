import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AttackSample } from '../../src/engine/attack.ts';
import { samplesOf } from '../../src/engine/attackSample.ts';
import { AccountingDriver, type FlowFixture } from './accountingDriver.ts';
import { anyFlow } from './anyFlow.ts';
import { address, enginePlan } from './planFixture.ts';

const TARGET = '10.0.0.1';
const TARGETS = [TARGET, '2001:db8::1'].map(address);

test('flows spread over four threads make the same sample as in one', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyFlow, fc.nat(3)), { maxLength: 120 }), (flows) => {
      const one = new AccountingDriver(enginePlan(), 0, 1000);
      const four = [0, 1, 2, 3].map(() => new AccountingDriver(enginePlan(), 0, 1000));
      flows.forEach(([flow, thread], i) => {
        one.account(i, flow);
        four[thread].account(i, flow);
      });
      const now = flows.length;
      // As slices arrive from threads: each with its own copies of the exporters' addresses.
      const slices = four.map((driver) => structuredClone(driver.accounting.sample(TARGETS, now)));
      assert.deepEqual(samplesOf(slices, TARGETS, 20), samplesOf([one.accounting.sample(TARGETS, now)], TARGETS, 20));
    }),
  );
});

test('a sample says at which exporters and input interfaces the traffic enters, largest first', () => {
  const sample = sampleOf(
    { to: TARGET, exporter: '192.0.2.1', inInterface: 17, packets: 2, bytes: 200, sampling: 100 },
    { to: TARGET, exporter: '192.0.2.1', inInterface: 3, packets: 5, bytes: 500, sampling: 100 },
    { to: TARGET, exporter: '192.0.2.1', inInterface: 17, packets: 1, bytes: 100, sampling: 100 },
    { to: TARGET, exporter: '2001:db8::9', inInterface: 17, packets: 1, bytes: 1000, sampling: 1000 },
    { to: '10.0.0.2', exporter: '192.0.2.7', inInterface: 1, packets: 9, bytes: 900, sampling: 1000 },
  );
  assert.deepEqual(sample.topExporters, [
    { key: '2001:db8::9', packets: 1000, bytes: 1_000_000 },
    { key: '192.0.2.1', packets: 800, bytes: 80_000 },
  ]);
  assert.deepEqual(sample.topInterfaces, [
    { key: '2001:db8::9 17', packets: 1000, bytes: 1_000_000 },
    { key: '192.0.2.1 3', packets: 500, bytes: 50_000 },
    { key: '192.0.2.1 17', packets: 300, bytes: 30_000 },
  ]);
});

test('a flow without an input interface counts for its exporter only, and a fragment counts for both', () => {
  const sample = sampleOf(
    { to: TARGET, exporter: '192.0.2.1', inInterface: 0, packets: 3, bytes: 300 },
    { to: TARGET, exporter: '192.0.2.1', inInterface: 4, packets: 2, bytes: 200, fragment: true },
  );
  assert.deepEqual(sample.topExporters, [{ key: '192.0.2.1', packets: 5, bytes: 500 }]);
  assert.deepEqual(sample.topInterfaces, [{ key: '192.0.2.1 4', packets: 2, bytes: 200 }]);
});

test('of many interfaces the twenty largest are shown', () => {
  const flows = Array.from({ length: 50 }, (_, n) => ({ to: TARGET, inInterface: n + 1, packets: n + 1, bytes: 100 }));
  const { topInterfaces, topExporters } = sampleOf(...flows);
  assert.deepEqual(
    topInterfaces.map(({ key }) => key),
    Array.from({ length: 20 }, (_, n) => `192.0.2.1 ${50 - n}`),
  );
  assert.equal(topExporters[0].packets, (50 * 51) / 2);
});

function sampleOf(...flows: readonly FlowFixture[]): AttackSample {
  const driver = new AccountingDriver(enginePlan());
  driver.account(0, ...flows);
  const target = [address(TARGET)];
  return samplesOf([driver.accounting.sample(target, 0)], target, 20)[0];
}
