import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Accounting } from '../../src/engine/accounting.ts';
import { FlowBatch } from '../../src/flowBatch.ts';
import { formatAddress } from '../../src/net/address.ts';
import { containsAddress } from '../../src/net/prefix.ts';
import { METRICS } from '../../src/trafficMetrics.ts';
import { AccountingDriver, type FlowFixture, ratesByHost } from './accountingDriver.ts';
import { address, enginePlan, prefix } from './planFixture.ts';

const HOST = '10.0.0.1';

function near(actual: number, expected: number, share: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= share * Math.max(1, expected), `${what}: ${actual}, expected ${expected}`);
}

test('a steady rate is measured exactly and corrected for sampling, at any time', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 4 }), 123_456);
  let now = 123_456;
  for (let i = 0; i < 200; i++) {
    now += 50;
    driver.account(now, { to: HOST, packets: 2, bytes: 1000, sampling: 500 });
    // The bucket that was in progress when the traffic began must have left the window.
    if (i < 100) continue;
    const rates = driver.rates(now, HOST);
    // Flows come in steps of 50 ms; the window's edge may stand anywhere in one.
    near(rates.pps, 20_000, 0.0126, 'pps');
    near(rates.mbps, 80, 0.0126, 'mbps');
    near(rates.flows_per_sec, 20, 0.0126, 'flows');
  }
});

test('each kind of traffic is counted under its own metrics', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }));
  const flows: [FlowFixture, readonly string[]][] = [
    [{ to: HOST, packets: 1, protocol: 6, tcpFlags: 0x02 }, ['tcp', 'tcp_syn']],
    [{ to: HOST, packets: 10, protocol: 6, tcpFlags: 0x12 }, ['tcp']],
    [{ to: HOST, packets: 100, protocol: 17 }, ['udp']],
    [{ to: HOST, packets: 1000, protocol: 1 }, ['icmp']],
    [{ to: HOST, packets: 10_000, protocol: 58 }, ['icmp']],
    [{ to: HOST, packets: 100_000, protocol: 47 }, []],
    [{ to: HOST, packets: 1_000_000, protocol: 17, fragment: true }, ['udp', 'frag']],
    // SYN is a bit of TCP; elsewhere it means nothing.
    [{ to: HOST, packets: 10_000_000, protocol: 17, tcpFlags: 0x02 }, ['udp']],
  ];
  driver.account(0, ...flows.map(([flow]) => flow));
  const rates = driver.rates(0, HOST);
  for (const kind of ['tcp', 'tcp_syn', 'udp', 'icmp', 'frag'] as const) {
    const expected = flows
      .filter(([, kinds]) => kinds.includes(kind))
      .reduce((sum, [flow]) => sum + (flow.packets ?? 0), 0);
    assert.equal(rates[`${kind}_pps`], expected, kind);
    near(rates[`${kind}_mbps`], flows.filter(([, kinds]) => kinds.includes(kind)).length * 0.0008, 1e-9, kind);
  }
  assert.equal(rates.pps, 11_111_111);
  assert.equal(rates.flows_per_sec, flows.length);
});

/** Arrivals over half a minute, with pauses long enough to empty the window. */
const anyArrivals = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.nat(300), fc.nat(7000)),
    packets: fc.integer({ min: 1, max: 1000 }),
    host: fc.nat(3),
  }),
  { maxLength: 60 },
);

test('the sliding sum lies between those of the windows a bucket shorter and a bucket longer', () => {
  fc.assert(
    fc.property(anyArrivals, fc.constantFrom(1, 2, 5, 60), fc.nat(1e12), (arrivals, windowSeconds, startedAt) => {
      const driver = new AccountingDriver(enginePlan({ windowSeconds }), startedAt);
      const seen: { at: number; host: string; packets: number }[] = [];
      let now = startedAt;
      for (const { afterMs, packets, host } of arrivals) {
        now += afterMs;
        const to = `10.0.0.${host}`;
        driver.account(now, { to, packets });
        seen.push({ at: now, host: to, packets });
        const windowMs = windowSeconds * 1000;
        const sumSince = (ms: number): number =>
          seen.filter((flow) => flow.host === to && flow.at > now - ms).reduce((sum, flow) => sum + flow.packets, 0);
        const sum = driver.rates(now, to).pps * windowSeconds;
        assert.ok(sum >= sumSince(windowMs * 0.75) - 1e-6, `${sum} is less than a shorter window's`);
        assert.ok(sum <= sumSince(windowMs * 1.25) + 1e-6, `${sum} is more than a longer window's`);
      }
    }),
  );
});

test('a host over a limit is reported by the next tick, a host that never was over it is not', () => {
  fc.assert(
    fc.property(anyArrivals, fc.integer({ min: 1, max: 800 }), (arrivals, limit) => {
      const plan = enginePlan({ windowSeconds: 2, limits: { pps: limit } });
      const driver = new AccountingDriver(plan);
      const watching = new AccountingDriver(plan);
      watching.accounting.watch([0, 1, 2, 3].map((n) => address(`10.0.0.${n}`)));
      const highest = new Map<string, number>();
      let now = 0;
      for (const { afterMs, packets, host } of arrivals) {
        now += afterMs;
        for (const each of [driver, watching]) each.account(now, { to: `10.0.0.${host}`, packets });
        const reported = driver.reported(now);
        for (const [to, { pps }] of ratesByHost(watching.accounting.tick(now))) {
          highest.set(to, Math.max(highest.get(to) ?? 0, pps));
          if (pps > limit) assert.ok(reported.includes(to), `${to} at ${now}`);
        }
        // Windows that ended between two ticks hold no more than the sliding one just before their end did.
        for (const to of reported) assert.ok((highest.get(to) ?? 0) > 0.7 * limit, `${to} at ${now}`);
      }
    }),
  );
});

test('a steady rate just over a limit is reported, also when it is spread evenly', () => {
  for (const windowSeconds of [1, 5]) {
    const driver = new AccountingDriver(enginePlan({ windowSeconds, limits: { pps: 1000 } }));
    for (let now = 0; now <= 4000 * windowSeconds; now += 10) {
      driver.account(now, { to: HOST, packets: 10.2 });
      if (now >= 1500 * windowSeconds && now % 100 === 0) assert.deepEqual(driver.reported(now), [HOST], `at ${now}`);
    }
  }
});

test('a flood of four times the limit is reported a quarter of the window after its first packet', () => {
  for (const windowSeconds of [1, 5, 20]) {
    for (const startsAt of [0, 77, 611, 5999]) {
      const driver = new AccountingDriver(enginePlan({ windowSeconds, limits: { pps: 10_000 } }));
      let foundAt = Number.POSITIVE_INFINITY;
      for (let ms = 10; ms <= windowSeconds * 1000 && foundAt === Number.POSITIVE_INFINITY; ms += 10) {
        driver.account(startsAt + ms, { to: HOST, packets: 4, sampling: 100 });
        if (ms % 100 === 0 && driver.reported(startsAt + ms).length > 0) foundAt = ms;
      }
      assert.ok(foundAt <= windowSeconds * 250 + 100, `found after ${foundAt} ms of a window of ${windowSeconds} s`);
      assert.ok(foundAt >= windowSeconds * 200, `found after ${foundAt} ms already`);
    }
  }
});

test('every limit is compared, each in its own unit', () => {
  const over: Record<string, FlowFixture> = {
    pps: { to: HOST, packets: 101, protocol: 47 },
    mbps: { to: HOST, bytes: 101e6 / 8, protocol: 47 },
    tcp_pps: { to: HOST, packets: 101, protocol: 6 },
    tcp_mbps: { to: HOST, bytes: 101e6 / 8, protocol: 6 },
    udp_pps: { to: HOST, packets: 101, protocol: 17 },
    udp_mbps: { to: HOST, bytes: 101e6 / 8, protocol: 17 },
    icmp_pps: { to: HOST, packets: 101, protocol: 58 },
    icmp_mbps: { to: HOST, bytes: 101e6 / 8, protocol: 1 },
    tcp_syn_pps: { to: HOST, packets: 101, protocol: 6, tcpFlags: 2 },
    tcp_syn_mbps: { to: HOST, bytes: 101e6 / 8, protocol: 6, tcpFlags: 2 },
    frag_pps: { to: HOST, packets: 101, fragment: true },
    frag_mbps: { to: HOST, bytes: 101e6 / 8, fragment: true },
  };
  for (const metric of METRICS) {
    const driver = new AccountingDriver(enginePlan({ windowSeconds: 1, limits: { [metric]: 100 } }));
    const flows = metric === 'flows_per_sec' ? new Array<FlowFixture>(101).fill({ to: HOST }) : [over[metric]];
    driver.account(0, ...flows);
    assert.deepEqual(driver.reported(10), [HOST], metric);
    const quiet = new AccountingDriver(enginePlan({ windowSeconds: 1, limits: { [metric]: 102 } }));
    quiet.account(0, ...flows);
    assert.deepEqual(quiet.reported(10), [], metric);
  }
});

test('the group with the longest prefix owns a host and limits it', () => {
  const driver = new AccountingDriver(
    enginePlan({
      windowSeconds: 1,
      limits: { pps: 100 },
      groups: [
        { name: 'web', networks: ['10.1.0.0/16'], limits: { pps: 1000 } },
        { name: 'shop', networks: ['10.1.1.0/24'], limits: { pps: 10 } },
      ],
    }),
  );
  const flows = ['10.0.0.1', '10.1.0.1', '10.1.1.1', '2001:db8::1'].map((to) => ({ to, packets: 101 }));
  driver.account(0, ...flows);
  assert.deepEqual(driver.reported(0), ['10.0.0.1', '10.1.1.1', '2001:db8::1']);
  assert.deepEqual([...driver.accounting.topHosts({ metric: 'pps', limit: 10, groups: [2] }, 0).groups], [2]);
});

test('hosts outside the networks are never tracked', () => {
  const networks = ['192.0.2.0/24', '2001:db8::/48'];
  const isInside = (host: string): boolean => networks.some((text) => containsAddress(prefix(text), address(host)));
  const anyHost = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.tuple(fc.nat(4), fc.nat(3)).map(([third, fourth]) => `192.0.${third}.${fourth}`),
    fc.tuple(fc.nat(2), fc.nat(3)).map(([third, last]) => `2001:db8:${third}::${last}`),
  );
  fc.assert(
    fc.property(fc.array(anyHost, { maxLength: 50 }), (hosts) => {
      const driver = new AccountingDriver(enginePlan({ networks, limits: { pps: 1 } }));
      driver.account(0, ...hosts.map((to) => ({ to, packets: 1000 })));
      const inside = new Set(hosts.filter(isInside).map((host) => formatAddress(address(host))));
      assert.deepEqual(driver.reported(0), [...inside].sort());
      assert.equal(driver.accounting.counters().trackedHosts, inside.size);
      assert.equal(driver.accounting.counters().unprotectedFlows, hosts.filter((host) => !isInside(host)).length);
    }),
  );
});

test('a watched host is reported with zeros before its first flow', () => {
  const driver = new AccountingDriver(enginePlan());
  driver.accounting.watch([address(HOST), address('203.0.113.1')]);
  const report = ratesByHost(driver.accounting.tick(0));
  assert.deepEqual([...report.keys()], [HOST]);
  assert.ok(Object.values(report.get(HOST) ?? {}).every((rate) => rate === 0));
});

test('idle hosts are evicted after two windows, watched hosts and hosts with traffic are not', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 2 }));
  const hosts = Array.from({ length: 300 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
  driver.account(0, ...hosts.map((to) => ({ to })));
  driver.accounting.watch([address('10.0.0.5')]);
  for (let now = 0; now <= 4000; now += 100) driver.accounting.tick(now);
  assert.equal(driver.accounting.counters().trackedHosts, hosts.length);
  for (let now = 4100; now <= 30_000; now += 100) {
    driver.account(now, { to: '10.0.0.9' });
    driver.accounting.tick(now);
  }
  assert.equal(driver.accounting.counters().trackedHosts, 2);
  assert.equal(driver.accounting.counters().evictedHosts, hosts.length - 2);
});

test('a full table counts what it cannot track, stays at its size, and takes new hosts when old ones are idle', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1, hostLimit: 100 }));
  const hosts = Array.from({ length: 150 }, (_, n) => ({ to: `10.0.0.${n}` }));
  driver.account(0, ...hosts);
  assert.equal(driver.accounting.counters().trackedHosts, 100);
  assert.equal(driver.accounting.counters().untrackedFlows, 50);
  for (let now = 0; now <= 5000; now += 50) driver.accounting.tick(now);
  driver.account(5000, { to: '10.0.0.149', packets: 500 });
  assert.equal(driver.rates(5000, '10.0.0.149').pps, 500);
});

test('a report is bounded, and has all watched hosts, with any number of hosts over their limits', () => {
  const hosts = 40_000;
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1, limits: { pps: 1 } }), 0, 0);
  for (let n = 0; n < hosts; n++) driver.account(0, { to: `10.0.${n >> 8}.${n & 255}`, packets: 100 });
  const watched = Array.from({ length: 12_000 }, (_, n) => address(`10.200.${n >> 8}.${n & 255}`));
  driver.accounting.watch(watched);
  const first = ratesByHost(driver.accounting.tick(0));
  assert.equal(first.size, 16_384);
  assert.ok(watched.every((target) => first.has(formatAddress(target))));
  assert.ok(driver.accounting.counters().unreportedHosts > 0);
  // The next tick continues with the hosts that had no turn.
  const second = ratesByHost(driver.accounting.tick(0));
  assert.ok([...second.keys()].some((host) => !first.has(host)));
});

test('with two threads a host is reported by each that carries more than its half of the limit', () => {
  const plan = enginePlan({ windowSeconds: 1, limits: { pps: 1000 }, workers: 2 });
  const driver = new AccountingDriver(plan);
  driver.account(0, { to: '10.0.0.1', packets: 501 }, { to: '10.0.0.2', packets: 499 });
  assert.deepEqual(driver.reported(0), ['10.0.0.1']);
});

test('after a reload hosts have their new limits, and those no longer protected are gone', () => {
  const driver = new AccountingDriver(
    enginePlan({ networks: ['10.0.0.0/8'], limits: { pps: 1000 }, windowSeconds: 1 }),
  );
  driver.account(0, { to: '10.0.0.1', packets: 500 }, { to: '10.9.0.1', packets: 500, durationMs: 60_000 });
  assert.deepEqual(driver.reported(0), []);
  driver.accounting.reconfigure(enginePlan({ networks: ['10.0.0.0/16'], limits: { pps: 100 }, windowSeconds: 1 }), 0);
  assert.deepEqual(driver.reported(0), ['10.0.0.1']);
  assert.equal(driver.accounting.counters().trackedHosts, 1);
  assert.equal(driver.accounting.counters().lastingFlows, 0);
});

test('another length of the window changes no rate', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 2 }));
  const account = (now: number): void => driver.account(now, { to: HOST, packets: 100, bytes: 5000 });
  for (let now = 0; now < 10_000; now += 20) account(now);
  near(driver.rates(10_000, HOST).pps, 5000, 0.01, 'before');
  driver.accounting.reconfigure(enginePlan({ windowSeconds: 10 }), 10_000);
  for (let now = 10_000; now < 40_000; now += 20) {
    account(now);
    if (now % 500 === 0) near(driver.rates(now, HOST).pps, 5000, 0.02, `at ${now}`);
  }
});

test('time that runs backwards does not disturb the window', () => {
  const driver = new AccountingDriver(enginePlan({ windowSeconds: 1 }), 10_000);
  driver.account(10_900, { to: HOST, packets: 10 });
  driver.account(10_100, { to: HOST, packets: 10 });
  assert.equal(driver.rates(10_000, HOST).pps, 20);
});

test('a tracked host costs less than 400 bytes of memory', () => {
  const hosts = 150_000;
  const batch = new FlowBatch(0);
  const memoryInUse = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const before = memoryInUse();
  const accounting = new Accounting(enginePlan({ hostLimit: hosts }), batch, 0);
  for (let n = 0; n < hosts; n++) {
    batch.beginDatagram();
    const row = batch.end++;
    batch.dst2[row] = 0xffff;
    batch.dst3[row] = 0x0a000000 + n;
    batch.samplingRate[row] = 1;
    accounting.accountBatch(0);
  }
  const bytesPerHost = (memoryInUse() - before) / hosts;
  assert.equal(accounting.counters().trackedHosts, hosts);
  assert.ok(accounting.counters().tableBytes > 372 * hosts, 'the table says less than it must hold');
  assert.ok(bytesPerHost < 400, `${bytesPerHost} bytes`);
});
