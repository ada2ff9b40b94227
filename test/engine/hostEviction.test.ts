/*
 * Hostile load: floods to random addresses of protected networks, with more hosts than the table holds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostEviction, ROWS_LOOKED_AT } from '../../src/engine/hostEviction.ts';
import { GROUP_AND_FLAGS, HostTable } from '../../src/engine/hostTable.ts';
import { RateWindow } from '../../src/engine/rateWindow.ts';
import { SeededRandom } from '../../src/flowgen/seededRandom.ts';
import { AccountingDriver, type FlowFixture, ratesByHost } from './accountingDriver.ts';
import { address, enginePlan } from './planFixture.ts';

const LIMIT = 2000;

const ATTACKED = ['10.9.0.1', '10.9.0.2', '10.7.200.3', '2001:db8::4', '2001:db8:ffff::5'];
const BUSY = Array.from({ length: 200 }, (_, n) => `10.1.${n >> 6}.${n & 63}`);

/** Any address of 10.7.0.0/16 or of 2001:db8::/32. */
function anyDestination(random: SeededRandom): string {
  if (random.below(2) === 0) return `10.7.${random.below(256)}.${random.below(256)}`;
  const words = Array.from({ length: 6 }, () => random.below(65_536).toString(16));
  return `2001:db8:${words.join(':')}`;
}

function hostileFlow(random: SeededRandom, flow: Partial<FlowFixture>): FlowFixture {
  return { to: anyDestination(random), from: `198.18.${random.below(256)}.${random.below(256)}`, ...flow };
}

/**
 * Six seconds, with 20 flows of the flood a millisecond: a whole table in 100 ms. Every busy host has 100 packets a
 * second from the start, every attacked one 40,000 from second 3 on.
 */
function runFlood(flow: Partial<FlowFixture>): AccountingDriver {
  const random = new SeededRandom(7);
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1, limits: { pps: 20_000 }, hostLimit: LIMIT }));
  for (let now = 0; now < 6000; now++) {
    const flows = Array.from({ length: 20 }, () => hostileFlow(random, flow));
    for (let n = now % 50; n < BUSY.length; n += 50) flows.push({ to: BUSY[n], packets: 5 });
    if (now >= 3000 && now % 10 === 0) for (const to of ATTACKED) flows.push({ to, packets: 400 });
    driver.account(now, ...flows);
    if (now % 100 === 0) driver.accounting.tick(now);
  }
  return driver;
}

test('attacks that begin in a flood to random destinations are found, and busy hosts keep their rates', () => {
  const driver = runFlood({});
  const report = ratesByHost(driver.accounting.tick(6000));
  for (const host of ATTACKED) assert.ok((report.get(host)?.pps ?? 0) > 39_000, `${host} is found with its rate`);
  for (const host of BUSY) {
    const { pps } = driver.rates(6000, host);
    assert.ok(Math.abs(pps - 100) <= 6, `${host} has ${pps} packets a second, not 100`);
  }
  const counters = driver.accounting.counters();
  assert.ok(counters.trackedHosts <= LIMIT);
  assert.ok(counters.tableBytes < 400 * LIMIT + 512 * 7700, `${counters.tableBytes} bytes`);
  assert.ok(counters.displacedHosts > 50_000);
  assert.equal(counters.untrackedFlows, 0);
});

test('the same where each flow of the flood makes a candidate, because it was sampled', () => {
  const driver = runFlood({ sampling: 500 });
  const report = ratesByHost(driver.accounting.tick(6000));
  for (const host of ATTACKED) assert.ok((report.get(host)?.pps ?? 0) > 39_000, `${host} is found with its rate`);
  assert.equal(driver.accounting.counters().untrackedFlows, 0);
});

test('the same where each flow of the flood says that it lasts longer than the window', () => {
  const driver = runFlood({ durationMs: 60_000 });
  const report = ratesByHost(driver.accounting.tick(6000));
  for (const host of ATTACKED) assert.ok((report.get(host)?.pps ?? 0) > 39_000, `${host} is found with its rate`);
  assert.ok(driver.accounting.counters().lastingFlowOverflow > 0);
});

test('watched hosts are not displaced', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1, hostLimit: 100 }));
  driver.account(0, { to: '10.0.0.1' });
  driver.accounting.watch([address('10.0.0.1')]);
  const random = new SeededRandom(1);
  for (let i = 0; i < 1000; i++) driver.account(0, hostileFlow(random, {}));
  assert.equal(ratesByHost(driver.accounting.tick(0)).get('10.0.0.1')?.pps, 1);
  assert.ok(driver.accounting.counters().displacedHosts >= 890);
});

test('a reload changes how many hosts are tracked, and the busiest are kept', () => {
  const plan = { windowSeconds: 1, hostCapacity: 400 } as const;
  const driver = new AccountingDriver(enginePlan({ ...plan, hostLimit: 200 }));
  const busy = Array.from({ length: 20 }, (_, n) => ({ to: `10.1.0.${n}`, packets: 100 }));
  for (let n = 0; n < 300; n++) driver.account(0, { to: `10.7.${n >> 8}.${n & 255}` }, ...busy);
  assert.ok(driver.accounting.counters().trackedHosts <= 200);
  driver.accounting.reconfigure(enginePlan({ ...plan, hostLimit: 50 }), 0);
  assert.equal(driver.accounting.counters().trackedHosts, 50);
  for (const { to } of busy) assert.ok(driver.rates(0, to).pps >= 2000, `${to} is kept`);
  driver.accounting.reconfigure(enginePlan({ ...plan, hostLimit: 400 }), 0);
  for (let n = 0; n < 1000; n++) driver.account(0, { to: `10.8.${n >> 8}.${n & 255}` });
  assert.equal(driver.accounting.counters().trackedHosts, 400);
});

/** Counts the rows that are looked at. */
class CountingTable extends HostTable {
  looks = 0;

  override word(slot: number, offset: number): number {
    if (offset === GROUP_AND_FLAGS) this.looks++;
    return super.word(slot, offset);
  }
}

test('a flow costs a bounded number of rows, and none while there is room', () => {
  const table = new CountingTable(1000, 1);
  const window = new RateWindow(1, 0);
  const eviction = new HostEviction(
    table,
    { rateOf: (slot) => slot },
    { remove: () => assert.fail('is no candidate') },
    window,
  );
  for (let n = 0; n < 990; n++) {
    const slot = table.add(0, 0, 0xffff, n, 0);
    window.place(table, slot, 0, 1, 2, 100, 0, 1);
    window.place(table, slot, 0, 1, 2, 100, 0, 1);
  }
  eviction.makeRoom(10);
  assert.equal(table.looks, 0);
  eviction.makeRoom(30);
  assert.equal(table.count, 970);
  assert.ok(table.looks > 0 && table.looks <= 30 * ROWS_LOOKED_AT, `${table.looks} rows`);
  // However many flows a datagram has, most of the table stays.
  eviction.makeRoom(60_000);
  assert.equal(table.count, 875);
});
