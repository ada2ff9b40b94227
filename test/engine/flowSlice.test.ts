import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sliceBuffers } from '../../src/engine/flowSlice.ts';
import { MAX_FLOWS_PER_DATAGRAM } from '../../src/flowBatch.ts';
import { formatAddress } from '../../src/net/address.ts';
import { AccountingDriver } from './accountingDriver.ts';
import { anyFlow } from './anyFlow.ts';
import { address, enginePlan } from './planFixture.ts';

const TARGETS = ['10.0.0.1', '2001:db8::1'].map(address);

test('a slice holds exactly the flows of the last window to the requested hosts, newest first', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ afterMs: fc.nat(900), flow: anyFlow }), { maxLength: 60 }), (steps) => {
      const driver = new AccountingDriver(enginePlan({ windowSeconds: 5 }), 0, 1000);
      const seen: { at: number; to: string; packets: number; bytes: number }[] = [];
      let now = 0;
      for (const { afterMs, flow } of steps) {
        now += afterMs;
        driver.account(now, flow);
        seen.push({ at: now, to: flow.to, packets: flow.packets * flow.sampling, bytes: flow.bytes * flow.sampling });
      }
      const slice = driver.accounting.sample(TARGETS, now);
      const expected = seen
        .filter(({ at, to }) => at >= now - 5000 && (to === '10.0.0.1' || to === '2001:db8::1'))
        .reverse();
      assert.equal(slice.count, expected.length);
      expected.forEach(({ at, to, packets, bytes }, i) => {
        assert.deepEqual(
          [slice.receivedAtMs[i], slice.target[i], slice.packets[i], slice.bytes[i]],
          [at, to === '10.0.0.1' ? 0 : 1, packets, bytes],
        );
      });
    }),
  );
});

test('after the ring has begun again, overwritten flows are missing and the others are there', () => {
  const driver = new AccountingDriver(enginePlan(), 0, 50);
  for (let n = 0; n < MAX_FLOWS_PER_DATAGRAM; n++)
    driver.account(n / 10, { to: n % 3 === 0 ? '10.0.0.1' : '10.0.0.2', bytes: n });
  const now = MAX_FLOWS_PER_DATAGRAM / 10;
  const slice = driver.accounting.sample([address('10.0.0.1')], now);
  assert.ok(slice.count > 0 && slice.count <= Math.ceil(driver.batch.capacity / 3));
  for (let i = 0; i < slice.count; i++) assert.equal(slice.bytes[i] % 3, 0);
  for (let i = 1; i < Math.min(slice.count, 16); i++) assert.equal(slice.bytes[i - 1] - slice.bytes[i], 3);
});

test('a flow to the earlier host of a slot is not in a sample', () => {
  const driver = new AccountingDriver(enginePlan({ networks: ['10.0.0.0/8'] }));
  driver.account(0, { to: '10.1.0.1' });
  driver.accounting.reconfigure(enginePlan({ networks: ['10.2.0.0/16'] }), 0);
  driver.account(1, { to: '10.2.0.1', packets: 7 });
  const slice = driver.accounting.sample([address('10.2.0.1')], 2);
  assert.deepEqual([...slice.packets], [7]);
});

test('a slice is empty where samples are off or the host is not known', () => {
  const off = new AccountingDriver(enginePlan({ samplesEnabled: false }));
  off.account(0, { to: '10.0.0.1' });
  assert.equal(off.accounting.sample(TARGETS, 0).count, 0);
  assert.equal(new AccountingDriver(enginePlan()).accounting.sample(TARGETS, 0).count, 0);
});

test('a slice names each exporter once, and the exporter and input interface of each flow', () => {
  const driver = new AccountingDriver(enginePlan());
  driver.account(0, { to: '10.0.0.1', exporter: '192.0.2.1', inInterface: 17 });
  driver.account(1, { to: '10.0.0.1', exporter: '2001:db8::9', inInterface: 0xffff_fffe });
  driver.account(2, { to: '10.0.0.1', exporter: '192.0.2.1', inInterface: 3 });
  const { exporters, exporter, inInterface } = driver.accounting.sample(TARGETS, 2);
  assert.deepEqual(exporters.map(formatAddress), ['192.0.2.1', '2001:db8::9']);
  assert.deepEqual([...exporter], [0, 1, 0]);
  assert.deepEqual([...inInterface], [3, 0xffff_fffe, 17]);
});

test('a slice can be posted with its buffers transferred', () => {
  const driver = new AccountingDriver(enginePlan());
  driver.account(0, { to: '10.0.0.1', packets: 3 });
  const slice = driver.accounting.sample(TARGETS, 0);
  const posted = structuredClone(slice, { transfer: sliceBuffers(slice) });
  assert.deepEqual([...posted.packets], [3]);
  for (const column of Object.values(slice).filter(ArrayBuffer.isView)) assert.equal(column.byteLength, 0);
});
