import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Attack } from '../../src/engine/attack.ts';
import { samplesOf } from '../../src/engine/attackSample.ts';
import { Detector, MAX_ACTIVE_ATTACKS } from '../../src/engine/detector.ts';
import type { EnginePlan } from '../../src/engine/enginePlan.ts';
import { IS_OVER_ITS_PART, IS_TOLD_LATE } from '../../src/engine/hostReport.ts';
import { formatAddress } from '../../src/net/address.ts';
import { AccountingDriver, type FlowFixture } from './accountingDriver.ts';
import { address, enginePlan, type PlanFixture } from './planFixture.ts';
import { hostReport } from './reportFixture.ts';

const TICK_MS = 100;
const HOST = '10.0.0.1';

/** Threads and a detector, driven as the daemon drives them; flows go to thread `flow.thread`. */
class DetectionDriver {
  readonly detector: Detector;
  readonly opened: Attack[] = [];
  readonly ended: Attack[] = [];
  readonly #threads: AccountingDriver[];

  constructor(plan: EnginePlan) {
    let ids = 0;
    this.detector = new Detector(plan, () => `attack-${++ids}`);
    this.#threads = Array.from({ length: plan.workers }, () => new AccountingDriver(plan, 0, 1000));
  }

  account(now: number, thread: number, flow: FlowFixture): void {
    this.#threads[thread % this.#threads.length].account(now, flow);
  }

  /** Answers which attacks were seen. */
  tick(now: number): readonly Attack[] {
    this.#threads.forEach(({ accounting }, worker) => {
      this.detector.report(worker, accounting.tick(now));
    });
    const { seen, ended, crossed } = this.detector.advance(now);
    this.ended.push(...ended);
    const slices = this.#threads.map(({ accounting }) => accounting.sample(crossed, now));
    this.opened.push(...this.detector.open(crossed, samplesOf(slices, crossed, 20), now));
    const watched = this.detector.watched();
    for (const { accounting } of this.#threads) accounting.watch(watched);
    return seen;
  }

  reconfigure(plan: EnginePlan, now: number): void {
    this.detector.reconfigure(plan, now);
    for (const { accounting } of this.#threads) accounting.reconfigure(plan, now);
  }
}

/** A report as of a thread that carries so many packets a second for each host. */
function reportOf(ppsByHost: Readonly<Record<string, number>>, now = 0) {
  return hostReport(Object.fromEntries(Object.entries(ppsByHost).map(([host, pps]) => [host, { pps }])), now);
}

/** Floods and quiet traffic of a few hosts: packets a second of each, for some seconds, on some threads. */
const anyTraffic = fc.array(
  fc.record({
    host: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.1.0.1', '2001:db8::1'),
    // Clear of the limit of 1,000 on both sides, so that rounding at the window's edge decides nothing.
    pps: fc.constantFrom(100, 300, 2000, 5000),
    startsAt: fc.nat(3000),
    lastsMs: fc.integer({ min: 3000, max: 6000 }),
    threads: fc.constantFrom([0], [0, 1], [0, 1, 2, 3], [2, 3]),
    protocol: fc.constantFrom(6, 17),
  }),
  { minLength: 1, maxLength: 4 },
);

test('one thread or four find the same attacks', () => {
  fc.assert(
    fc.property(anyTraffic, (traffic) => {
      const found = [1, 4].map((workers) => {
        const limits = { pps: 1000 };
        const driver = new DetectionDriver(enginePlan({ workers, limits, windowSeconds: 1, hysteresisSeconds: 2 }));
        for (let now = 0; now < 14_000; now += 20) {
          for (const { host, pps, startsAt, lastsMs, threads, protocol } of traffic) {
            if (now < startsAt || now >= startsAt + lastsMs) continue;
            for (const thread of threads) {
              driver.account(now, thread, { to: host, packets: pps / 50 / threads.length, protocol });
            }
          }
          if (now % TICK_MS === 0) driver.tick(now);
        }
        assert.equal(driver.detector.active().length, 0);
        return driver.opened;
      });
      const facts = found.map((attacks) => attacks.map(({ targetText, metric }) => `${targetText} ${metric}`).sort());
      assert.deepEqual(facts[1], facts[0]);
      const peaks = found.map((attacks) => new Map(attacks.map(({ targetText, peakRate }) => [targetText, peakRate])));
      for (const [target, peak] of peaks[0]) {
        const other = peaks[1].get(target) ?? 0;
        assert.ok(Math.abs(other - peak) <= 0.02 * peak, `${target}: ${peak} in one thread, ${other} in four`);
      }
    }),
    { numRuns: 40 },
  );
});

test('an attack of which each of four threads sees a part is found, with the sum of their rates', () => {
  const driver = new DetectionDriver(enginePlan({ workers: 4, limits: { pps: 10_000 }, windowSeconds: 1 }));
  let foundAt = Number.POSITIVE_INFINITY;
  for (let now = 0; now <= 3000; now += 10) {
    for (let thread = 0; thread < 4; thread++) driver.account(now, thread, { to: HOST, packets: 100 });
    if (now % TICK_MS === 0) driver.tick(now);
    if (driver.opened.length > 0) foundAt = Math.min(foundAt, now);
  }
  // A quarter of the window, a tick until the host is looked at, one more until all threads have reported it.
  assert.ok(foundAt <= 250 + 3 * TICK_MS, `after ${foundAt} ms`);
  assert.equal(driver.opened.length, 1);
  assert.ok(Math.abs(driver.opened[0].rate - 40_000) < 0.02 * 40_000, `${driver.opened[0].rate} pps`);
});

test('an attack is seen while a limit is crossed, and ends after the hysteresis with the rates of its peak', () => {
  const driver = new DetectionDriver(enginePlan({ limits: { pps: 1000 }, windowSeconds: 1, hysteresisSeconds: 3 }));
  let lastSeenAt = 0;
  let endedAt = 0;
  for (let now = 0; now <= 10_000; now += TICK_MS) {
    if (now <= 2000) driver.account(now, 0, { to: HOST, packets: now === 1000 ? 1000 : 300, protocol: 6, tcpFlags: 2 });
    if (driver.tick(now).length > 0) lastSeenAt = now;
    if (driver.ended.length > 0 && endedAt === 0) endedAt = now;
  }
  const [attack] = driver.ended;
  assert.equal(driver.opened.length, 1);
  assert.equal(attack, driver.opened[0]);
  assert.equal(attack.active, false);
  assert.equal(attack.lastSeenAt, lastSeenAt);
  assert.equal(attack.endedAt, endedAt);
  assert.ok(endedAt - lastSeenAt >= 3000 && endedAt - lastSeenAt < 3000 + 2 * TICK_MS);
  assert.equal(attack.rate, attack.peakRate);
  assert.equal(attack.rates[attack.metric], attack.peakRate);
  assert.ok(attack.peakRate > 3000, `${attack.peakRate}`);
  assert.equal(attack.classification.type, 'syn_flood');
});

test('traffic that pauses for less than the hysteresis is one attack', () => {
  const driver = new DetectionDriver(enginePlan({ limits: { pps: 1000 }, windowSeconds: 1, hysteresisSeconds: 5 }));
  for (let now = 0; now <= 30_000; now += TICK_MS) {
    if (now % 5000 < 1500) driver.account(now, 0, { to: HOST, packets: 500 });
    driver.tick(now);
  }
  assert.equal(driver.opened.length, 1);
  assert.equal(driver.ended.length, 0);
});

test('a host is named as crossing only once until its sample has arrived', () => {
  const detector = new Detector(enginePlan({ limits: { pps: 10 } }), () => 'id');
  for (let now = 0; now < 500; now += TICK_MS) {
    detector.report(0, reportOf({ [HOST]: 100 }, now));
    assert.deepEqual(detector.advance(now).crossed.map(formatAddress), now === 0 ? [HOST] : []);
    assert.deepEqual(detector.watched().map(formatAddress), [HOST]);
  }
  assert.equal(detector.open([address(HOST)], [], 500).length, 1);
  assert.equal(detector.open([address(HOST)], [], 500).length, 0);
  assert.equal(detector.active().length, 1);
});

test('the metric of an attack is the one farthest over its limit', () => {
  const driver = new DetectionDriver(enginePlan({ limits: { pps: 1000, mbps: 1, udp_pps: 200 }, windowSeconds: 1 }));
  for (let now = 0; now <= 2000; now += TICK_MS) {
    driver.account(now, 0, { to: HOST, packets: 150, bytes: 150 * 64 });
    driver.tick(now);
  }
  assert.equal(driver.opened[0].metric, 'udp_pps');
  assert.equal(driver.opened[0].threshold, 200);
});

test('a reload that removes a host from the networks ends its attack at once; with new limits the attack ends by itself', () => {
  const fixture: PlanFixture = { limits: { pps: 1000 }, windowSeconds: 1, hysteresisSeconds: 1 };
  const driver = new DetectionDriver(enginePlan({ ...fixture, networks: ['10.0.0.0/8'] }));
  const run = (from: number, to: number): void => {
    for (let now = from; now < to; now += TICK_MS) {
      for (const host of ['10.0.0.1', '10.9.0.1']) driver.account(now, 0, { to: host, packets: 200 });
      driver.tick(now);
    }
  };
  run(0, 3000);
  assert.deepEqual(driver.opened.map(({ targetText }) => targetText).sort(), ['10.0.0.1', '10.9.0.1']);
  driver.reconfigure(enginePlan({ ...fixture, networks: ['10.0.0.0/16'] }), 3000);
  run(3000, 3000 + 2 * TICK_MS);
  assert.deepEqual(
    driver.ended.map(({ targetText }) => targetText),
    ['10.9.0.1'],
  );
  driver.reconfigure(enginePlan({ ...fixture, networks: ['10.0.0.0/16'], limits: { pps: 9000 } }), 3200);
  run(3200, 5000);
  assert.deepEqual(
    driver.ended.map(({ targetText }) => targetText),
    ['10.9.0.1', '10.0.0.1'],
  );
  assert.equal(driver.detector.active().length, 0);
});

test('an attack from before a restart continues, and ends after its hysteresis when no traffic follows', () => {
  const detector = new Detector(enginePlan({ hysteresisSeconds: 2 }), () => 'id');
  const facts = { id: 'old', metric: 'udp_pps', rate: 5, threshold: 4, startedAt: 7 } as const;
  assert.equal(detector.resume({ ...facts, target: address('203.0.113.1') }, 1000), undefined);
  const attack = detector.resume({ ...facts, target: address(HOST) }, 1000) ?? assert.fail('not resumed');
  assert.deepEqual(detector.watched().map(formatAddress), [HOST]);
  for (let now = 1000; now < 3000; now += TICK_MS) {
    detector.report(0, reportOf({ [HOST]: 0 }, now));
    assert.equal(detector.advance(now).ended.length, 0);
  }
  assert.deepEqual(detector.advance(3000).ended, [attack]);
  assert.equal(attack.startedAt, 7);
});

test('an attack from before a restart is not taken for quiet before exporters have reported the flows they hold', () => {
  const facts = { id: 'old', metric: 'udp_pps', rate: 5, threshold: 4, startedAt: 7, target: address(HOST) } as const;
  // An hour, perhaps stated in an exporter's name, is more than is waited for.
  for (const [reportsWithinMs, expected] of [
    [60_000, 67_000],
    [3_600_000, 1_981_000],
  ]) {
    const detector = new Detector(enginePlan({ hysteresisSeconds: 2 }), () => 'id');
    detector.resume(facts, 0);
    const endedAt: number[] = [];
    for (let now = 0; now < 2_000_000; now += 1000) {
      detector.report(0, { ...reportOf({ [HOST]: 0 }, now), reportsWithinMs });
      if (detector.advance(now).ended.length > 0) endedAt.push(now);
    }
    assert.deepEqual(endedAt, [expected]);
  }
});

test('a clock that is set ends no attack', () => {
  const detector = new Detector(enginePlan({ limits: { pps: 10 }, hysteresisSeconds: 2 }), () => 'id');
  detector.report(0, reportOf({ [HOST]: 100 }, 0));
  detector.open(detector.advance(0).crossed, [], 0);
  detector.clockStepped(3_600_000);
  detector.report(0, reportOf({ [HOST]: 0 }, 3_600_000 + 1000));
  assert.equal(detector.advance(3_601_000).ended.length, 0);
  assert.equal(detector.advance(3_602_000).ended.length, 1);
});

test('a clock that is set back is no reason to lose an attack, also where one thread reports a little later', () => {
  const detector = new Detector(enginePlan({ limits: { pps: 10 }, workers: 2, hysteresisSeconds: 2 }), () => 'id');
  const reportOfBoth = (first: number, second: number): void => {
    detector.report(0, reportOf({ [HOST]: 100 }, first));
    detector.report(1, reportOf({ [HOST]: 100 }, second));
  };
  const before = 7_200_000;
  const after = before - 3_600_000;
  reportOfBoth(before, before);
  detector.open(detector.advance(before).crossed, [], before);
  detector.clockStepped(after - before);
  detector.report(0, reportOf({ [HOST]: 100 }, after + TICK_MS));
  assert.equal(detector.advance(after + TICK_MS).seen.length, 1);
  for (let now = after + 2 * TICK_MS; now < after + 5000; now += TICK_MS) {
    reportOfBoth(now, now);
    assert.equal(detector.advance(now).seen.length, 1);
  }
});

test('a shorter window after a reload makes no attack of reports that one thread made before it', () => {
  const limits = { pps: 1000 };
  const detector = new Detector(enginePlan({ limits, workers: 2, windowSeconds: 5 }), () => 'id');
  const crossed = (now: number, worker: number, pps: number): number => {
    detector.report(worker, reportOf({ [HOST]: pps }, now));
    return detector.advance(now).crossed.length;
  };
  assert.equal(crossed(0, 0, 300) + crossed(0, 1, 300), 0);
  detector.reconfigure(enginePlan({ limits, workers: 2, windowSeconds: 2 }), 0);
  // The report has the buckets of a window of 5 s: in one of 2 s they are as many packets of two fifths of the rate.
  assert.equal(crossed(TICK_MS, 0, (300 * 2) / 5), 0);
  assert.equal(crossed(TICK_MS, 1, (300 * 2) / 5), 0);
  assert.equal(crossed(2 * TICK_MS, 1, (900 * 2) / 5), 1, 'what both report afterwards counts');
});

test('current rates show that an attack goes on, rates that are told late do not', () => {
  const detector = new Detector(enginePlan({ limits: { pps: 10 } }), () => 'id');
  const seenWith = (flags: number, now: number): number => {
    const report = reportOf({ [HOST]: 100 }, now);
    detector.report(0, { ...report, flags: report.flags.fill(flags), series: report.series.fill(0) });
    return detector.advance(now).seen.length;
  };
  detector.report(0, reportOf({ [HOST]: 100 }, 0));
  detector.open(detector.advance(0).crossed, [], 0);
  assert.equal(seenWith(IS_OVER_ITS_PART, 100), 1);
  assert.equal(seenWith(IS_OVER_ITS_PART | IS_TOLD_LATE, 200), 0);
  assert.equal(seenWith(0, 300), 0, 'and where no thread is over its part, the sum is not over the limit');
});

test('the number of active attacks is limited, and hosts for which there is no room are counted', () => {
  const detector = new Detector(enginePlan({ limits: { pps: 10 } }), () => 'id');
  const hosts = Array.from({ length: MAX_ACTIVE_ATTACKS + 5 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
  for (let now = 0; now < 300; now += TICK_MS) {
    detector.report(0, reportOf(Object.fromEntries(hosts.map((host) => [host, 100])), now));
    detector.open(detector.advance(now).crossed, [], now);
  }
  assert.equal(detector.active().length, MAX_ACTIVE_ATTACKS);
  assert.equal(detector.counters().attacksOverLimit, 5);
});

test('hosts whose samples are being fetched count as attacks, until a reload removes them', () => {
  const detector = new Detector(enginePlan({ limits: { pps: 10 } }), () => 'id');
  const flood = (second: number, count: number, now: number) => {
    const hosts = Array.from({ length: count }, (_, n) => `10.${second}.${n >> 8}.${n & 255}`);
    detector.report(0, reportOf(Object.fromEntries(hosts.map((host) => [host, 100])), now));
    return detector.advance(now).crossed.length;
  };
  assert.equal(flood(0, MAX_ACTIVE_ATTACKS - 1, 0), MAX_ACTIVE_ATTACKS - 1);
  assert.equal(flood(1, 5, TICK_MS), 1);
  detector.reconfigure(enginePlan({ networks: ['10.2.0.0/16'], limits: { pps: 10 } }), TICK_MS);
  assert.equal(flood(2, 5, 2 * TICK_MS), 5);
});
