import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LASTING_FLOW_LIMIT, LASTING_HOST_LIMIT, LONGEST_PERIOD_MS } from '../../src/engine/lastingFlows.ts';
import { COUNTS_FROM_START, FLOW_ENDED, FLOW_GOES_ON } from '../../src/flowBatch.ts';
import { AccountingDriver, type FlowFixture } from './accountingDriver.ts';
import { enginePlan } from './planFixture.ts';

const HOST = '10.0.0.1';
const TCP = 6;
const FIN = 0x01;
let exporters = 0;

/** An exporter that no other test has, since what is learned of one stays. */
function newExporter(): string {
  exporters++;
  return `192.0.${exporters >> 8}.${exporters & 255}`;
}

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, expected ${expected}`);
}

/** Feeds records at their times, and calls back ten times a second. */
function run(
  untilMs: number,
  records: readonly (FlowFixture & { readonly at: number })[],
  each: (rates: ReturnType<AccountingDriver['rates']>, now: number) => void,
): AccountingDriver {
  const driver = new AccountingDriver(enginePlan());
  const due = records.toSorted((a, b) => a.at - b.at);
  for (let now = 0; now < untilMs; now += 100) {
    while (due.length > 0 && due[0].at <= now) driver.account(now, due.shift() ?? due[0]);
    each(driver.rates(now, HOST), now);
  }
  return driver;
}

/** A flow of 1,000 packets a second that is reported every `timeoutMs`, at its end once more. */
function recordsOf(timeoutMs: number, endsAt: number, startStays: boolean, exporter: string) {
  const records: (FlowFixture & { readonly at: number })[] = [];
  for (let at = timeoutMs; at < endsAt + timeoutMs; at += timeoutMs) {
    const until = Math.min(at, endsAt);
    const from = at - timeoutMs;
    const durationMs = startStays ? until : until - from;
    const flowEnd = until < at ? FLOW_ENDED : 0;
    records.push({ at: until, to: HOST, packets: until - from, durationMs, exporter, flowEnd });
  }
  return records;
}

test('a flow that goes on gives a steady rate, whether the start time in its records stays or moves on', () => {
  for (const timeoutMs of [7000, 10_000, 60_000]) {
    for (const startStays of [true, false]) {
      run(5 * timeoutMs, recordsOf(timeoutMs, 1e9, startStays, newExporter()).slice(0, 4), ({ pps }, now) => {
        if (now > timeoutMs && now < 4 * timeoutMs) near(pps, 1000, 1, `at ${now} of ${timeoutMs}, ${startStays}`);
      });
    }
  }
});

test('a flood inside an old flow shows with its first record, and is over when it is over', () => {
  const exporter = newExporter();
  const minute = (n: number, packets: number) => ({
    at: n * 60_000,
    to: HOST,
    packets,
    durationMs: 3_600_000 + n * 60_000,
    exporter,
  });
  const records = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => minute(n, n === 5 || n === 6 ? 6_000_000 : 60_000));
  run(530_000, records, ({ pps }, now) => {
    // Before the second record, nobody knows how long a period the first one covers.
    if (now > 130_000 && now < 300_000) near(pps, 1000, 1, `at ${now}`);
    if (now >= 300_000 && now < 420_000) near(pps, 100_000, 100, `at ${now}`);
    if (now >= 420_000) near(pps, 1000, 1, `at ${now}`);
  });
});

test('a flow that has ended does not overlap the one that follows', () => {
  const exporter = newExporter();
  const download = (at: number, srcPort: number) => ({
    at,
    to: HOST,
    packets: 20_000,
    durationMs: 20_000,
    protocol: TCP,
    tcpFlags: FIN,
    srcPort,
    exporter,
  });
  const records = [20_000, 40_000, 60_000, 80_000].map((at, n) => download(at, 1000 + n));
  run(100_000, records, ({ pps }, now) => assert.ok(pps <= 1000 + 1e-6, `${pps} pps at ${now}`));
});

test('the last record of a flow replaces what the flow was carried forward with', () => {
  const exporter = newExporter();
  const records = recordsOf(10_000, 34_000, false, exporter);
  run(60_000, records, ({ pps }, now) => {
    assert.ok(pps <= 1000 + 1, `${pps} pps at ${now}`);
    if (now > 45_000) assert.equal(pps, 0, `at ${now}`);
  });
});

test('a flow whose exporter fell silent is carried forward for little longer than its active timeout', () => {
  run(120_000, [{ at: 0, to: HOST, packets: 30_000, durationMs: 30_000, exporter: newExporter() }], ({ pps }, now) => {
    if (now <= 30_000) near(pps, 1000, 1e-6, `at ${now}`);
    if (now > 40_000) assert.equal(pps, 0, `at ${now}`);
  });
});

test('what a record says about its end decides whether its flow is carried forward', () => {
  const record = { at: 0, to: HOST, packets: 60_000, durationMs: 60_000 };
  const carried = (more: FlowFixture | object): boolean => {
    let last = 0;
    run(20_000, [{ ...record, ...more, exporter: newExporter() }], ({ pps }) => {
      last = pps;
    });
    return last > 0;
  };
  assert.ok(carried({}), 'it ended when it was exported');
  assert.ok(carried({ flowEnd: FLOW_GOES_ON, endAgoMs: 9000 }), 'the record says that it goes on');
  assert.ok(!carried({ flowEnd: FLOW_ENDED }), 'the record says that it ended');
  assert.ok(!carried({ endAgoMs: 15_000 }), 'its last packet passed long before the export');
  assert.ok(!carried({ protocol: TCP, tcpFlags: FIN }), 'a FIN was seen');
});

test('an exporter that states its active timeout is believed from the first record on', () => {
  const exporter = newExporter();
  const driver = new AccountingDriver(enginePlan());
  driver.account(0, { to: HOST, exporter });
  driver.batch.exporter[0].activeTimeout.statedMs = 60_000;
  driver.account(1000, { to: HOST, packets: 75_000, durationMs: 36_000_000, exporter });
  near(driver.rates(10_000, HOST).pps, 1000, 0.1, 'rate');
});

test('a record without a known active timeout counts for half an hour at most', () => {
  const driver = new AccountingDriver(enginePlan());
  driver.account(0, { to: HOST, packets: 1000 * 1800, durationMs: 86_400_000 * 5, exporter: newExporter() });
  near(driver.rates(10_000, HOST).pps, 1000, 1e-3, 'rate');
  assert.equal(driver.rates(2.2 * LONGEST_PERIOD_MS, HOST).pps, 0);
});

const anyFlow = fc.record({
  srcPort: fc.integer({ min: 1, max: 5 }),
  timeoutMs: fc.constantFrom(7000, 10_000, 30_000),
  startStays: fc.boolean(),
  startsAt: fc.nat(40_000),
  lastsMs: fc.integer({ min: 100, max: 90_000 }),
  pps: fc.integer({ min: 1, max: 5000 }),
});

test('many lasting flows never show more than what passes, and every packet is counted once', () => {
  fc.assert(
    fc.property(fc.array(anyFlow, { minLength: 1, maxLength: 6 }), (flows) => {
      const records: (FlowFixture & { readonly at: number })[] = [];
      const atOnce = new Map<number, number>();
      let packets = 0;
      for (const { timeoutMs, startsAt, lastsMs, pps, startStays, srcPort } of flows) {
        const exporter = newExporter();
        const endsAt = startsAt + lastsMs;
        packets += (pps * lastsMs) / 1000;
        for (let from = startsAt; from < endsAt; from += timeoutMs) {
          const at = Math.min(endsAt, from + timeoutMs);
          const durationMs = startStays ? at - startsAt : at - from;
          const flowEnd = at === endsAt ? FLOW_ENDED : FLOW_GOES_ON;
          records.push({
            at,
            to: HOST,
            packets: (pps * (at - from)) / 1000,
            durationMs,
            flowEnd,
            exporter,
            srcPort,
          });
        }
        for (let now = startsAt; now < endsAt + 40_000; now += 100) atOnce.set(now, (atOnce.get(now) ?? 0) + pps);
      }
      let counted = 0;
      const driver = run(250_000, records, ({ pps }) => {
        counted += pps / 10;
      });
      // Records that are exported late in a flow miss the windows that have passed; nothing is counted twice.
      assert.ok(counted <= packets * 1.2 + 5000 * flows.length, `${counted} of ${packets}`);
      assert.equal(driver.accounting.counters().lastingFlows, 0);
    }),
    { numRuns: 20 },
  );
});

test('a lasting record counts as one flow record', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
  driver.account(0, { to: HOST, durationMs: 60_000 }, { to: HOST });
  assert.equal(driver.rates(0, HOST).flows_per_sec, 2);
  assert.equal(driver.rates(5000, HOST).flows_per_sec, 0);
});

test('a host is reported while flows that are carried forward are over a limit, also when no datagram arrives', () => {
  const driver = new AccountingDriver(enginePlan({ limits: { pps: 1000 } }));
  for (let n = 0; n < 15; n++) {
    driver.account(0, { to: HOST, srcPort: n, packets: 100 * 30, durationMs: 30_000, exporter: newExporter() });
  }
  for (let now = 100; now <= 30_000; now += 100) assert.deepEqual(driver.reported(now), [HOST], `at ${now}`);
});

test('a host with lasting flows is not evicted', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
  driver.account(0, { to: HOST, packets: 60, durationMs: 60_000, exporter: newExporter() });
  for (let now = 0; now < 60_000; now += 100) driver.accounting.tick(now);
  assert.equal(driver.accounting.counters().trackedHosts, 1);
  for (let now = 60_000; now < 90_000; now += 100) driver.accounting.tick(now);
  assert.equal(driver.accounting.counters().trackedHosts, 0);
});

test('a rate stays exact after flows with enormous counters', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
  const exporter = newExporter();
  driver.account(0, { to: HOST, srcPort: 1, packets: 40_000 * 60, durationMs: 60_000, exporter });
  driver.account(0, { to: HOST, srcPort: 2, packets: 2 ** 48, bytes: 2 ** 48, durationMs: 2000, exporter });
  for (let now = 0; now <= 40_000; now += 100) driver.accounting.tick(now);
  assert.equal(driver.rates(40_000, HOST).pps, 40_000);
});

test('tables are bounded, and a flow that is not carried forward is counted as overflow', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1, networks: ['10.0.0.0/8'] }), 0, 0);
  const exporter = newExporter();
  for (let n = 0; n < LASTING_HOST_LIMIT; n++) {
    driver.account(0, { to: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, packets: 60, durationMs: 60_000, exporter });
  }
  assert.equal(driver.accounting.counters().lastingFlowOverflow, 0);
  driver.account(0, { to: '10.200.0.1', packets: 6000, durationMs: 60_000, exporter });
  assert.equal(driver.accounting.counters().lastingFlowOverflow, 1);
  assert.equal(driver.rates(0, '10.200.0.1').pps, 100);
  for (let n = LASTING_HOST_LIMIT; n <= LASTING_FLOW_LIMIT; n++) {
    driver.account(0, { to: '10.0.0.0', srcPort: n & 0xffff, dstPort: n >> 16, durationMs: 60_000, exporter });
  }
  assert.equal(driver.accounting.counters().lastingFlows, LASTING_FLOW_LIMIT);
  assert.equal(driver.accounting.counters().lastingFlowOverflow, 2);
});

test('a flow of ten hours that is known by its total alone is carried no longer than the longest period', () => {
  const hours10 = 36_000_000;
  const total = { at: 0, to: HOST, packets: hours10, durationMs: hours10, flowEnd: COUNTS_FROM_START };
  const driver = new AccountingDriver(enginePlan());
  driver.account(0, { ...total, exporter: newExporter() });
  for (let now = 0; now < 1.25 * LONGEST_PERIOD_MS; now += 10_000) {
    const { pps } = driver.rates(now, HOST);
    if (now > 10_000 && now < LONGEST_PERIOD_MS) near(pps, 1000, 1, `at ${now}`);
    if (now > 1.2 * LONGEST_PERIOD_MS) assert.equal(pps, 0, `at ${now}`);
  }
});

test('counters since the start count from the start, also where records of the flow came before', () => {
  const driver = new AccountingDriver(enginePlan());
  const flow = { to: HOST, exporter: newExporter() };
  const minute = { ...flow, packets: 60_000, durationMs: 60_000, flowEnd: FLOW_GOES_ON };
  for (let now = 60_000; now <= 240_000; now += 60_000) driver.account(now, minute);
  const total = { ...flow, packets: 300_000, durationMs: 300_000, flowEnd: COUNTS_FROM_START };
  driver.account(300_000, total);
  near(driver.rates(300_000, HOST).pps, 1000, 300, 'the total of five minutes');
});

test('one datagram does not change what was learned of the active timeout', () => {
  const flow = { to: HOST, exporter: newExporter(), packets: 60_000, durationMs: 60_000 };
  const driver = new AccountingDriver(enginePlan());
  for (let now = 60_000; now <= 300_000; now += 60_000) driver.account(now, flow);
  const short = { ...flow, srcPort: 9, packets: 1, flowEnd: FLOW_GOES_ON };
  driver.account(320_000, ...[19, 18, 17, 16, 15, 14, 13, 12].map((ago) => ({ ...short, endAgoMs: ago * 1000 })));
  driver.account(360_000, flow);
  near(driver.rates(360_000, HOST).pps, 1000, 50, 'a flow that is reported once a minute');
});

test('an exporter with caches of different timeouts is not taken for one of short periods', () => {
  const exporter = newExporter();
  const short = [1, 2, 3, 4].flatMap((i) =>
    recordsOf(10_000, 1e9, false, exporter)
      .slice(0, 30)
      .map((record) => ({ ...record, srcPort: i })),
  );
  const long = recordsOf(60_000, 1e9, false, exporter).slice(0, 5);
  run(290_000, [...short, ...long], ({ pps }, now) => {
    if (now > 61_000) near(pps, 5000, 50, `at ${now}`);
  });
});
