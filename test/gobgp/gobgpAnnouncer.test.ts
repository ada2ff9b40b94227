import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../../src/clock.ts';
import { announcementPath, encodeRoute } from '../../src/gobgp/encodeRoute.ts';
import { GobgpAnnouncer, type GobgpAnnouncerOptions } from '../../src/gobgp/gobgpAnnouncer.ts';
import { markCommunity } from '../../src/gobgp/pathAttributes.ts';
import type { Route } from '../../src/mitigation/route.ts';
import { routeKey } from '../../src/mitigation/route.ts';
import { blackhole, flowspec, wanted } from '../fixtures/routeFixture.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { eventually } from '../integration/eventually.ts';
import { FakeGobgp } from './fakeGobgp.ts';

function announcerOf(fake: FakeGobgp, options: Partial<GobgpAnnouncerOptions>): GobgpAnnouncer {
  return new GobgpAnnouncer({
    address: fake.address,
    gobgp: { api: 'auto', tls: undefined, timeoutSeconds: 2, instanceId: 1 },
    clock: new SystemClock(),
    log: silentLogger(),
    withdrawOrphans: true,
    ...options,
  });
}

async function start(
  t: TestContext,
  prepare: (fake: FakeGobgp) => void = () => {},
  options: Partial<GobgpAnnouncerOptions> = {},
): Promise<{ fake: FakeGobgp; announcer: GobgpAnnouncer }> {
  const fake = await FakeGobgp.start();
  prepare(fake);
  const announcer = announcerOf(fake, options);
  announcer.start();
  t.after(async () => {
    await announcer.stop();
    fake.stop();
  });
  await eventually(() => announcer.status().connected);
  return { fake, announcer };
}

test('one route that GoBGP refuses does not take the others of its batch along', async (t) => {
  const { fake, announcer } = await start(t);
  const routes = Array.from({ length: 40 }, (_, i) => blackhole(`192.0.2.${i + 1}`));
  const bad = routeKey(routes[20]);
  fake.refused.add(bad);
  announcer.setWanted(wanted(...routes));
  await eventually(() => assert.match(announcer.evidence(bad).lastError ?? '', /invalid path/));
  await eventually(() => announcer.counts().unicast === 39);
  assert.ok(fake.calls.includes('AddPathStream'));
  assert.equal(announcer.evidence(bad).installed, false);
  assert.equal(announcer.evidence(routeKey(routes[39])).installed, true);
});

test('OK is no proof: a route that is accepted and not held stays pending and says so', async (t) => {
  const { fake, announcer } = await start(t);
  const route = blackhole('192.0.2.1');
  fake.swallowed.add(routeKey(route));
  announcer.setWanted(wanted(route));
  await eventually(() => announcer.evidence(routeKey(route)).lastError !== undefined);
  const { installed, lastError, pendingSince } = announcer.evidence(routeKey(route));
  assert.equal(installed, false);
  assert.match(lastError ?? '', /accepted the route but does not hold it/);
  assert.notEqual(pendingSince, undefined);
});

test('a route the encoder refuses is told in the evidence and nothing of it goes onto the wire', async (t) => {
  const { fake, announcer } = await start(t);
  const bad = flowspec('192.0.2.1', { protocols: [300] });
  const good = blackhole('192.0.2.2');
  announcer.setWanted(wanted(bad, good));
  await eventually(() => announcer.evidence(routeKey(good)).installed);
  assert.match(announcer.evidence(routeKey(bad)).lastError ?? '', /protocol must be an integer from 0 to 255/);
  assert.deepEqual([...fake.rib.keys()], [routeKey(good)]);
});

test('the old route of a victim stays while GoBGP refuses the new one', async (t) => {
  const { fake, announcer } = await start(t);
  const old = flowspec('192.0.2.1', { protocols: [17] });
  const next = blackhole('192.0.2.1');
  announcer.setWanted(wanted(old));
  await eventually(() => announcer.evidence(routeKey(old)).installed);
  fake.refused.add(routeKey(next));
  announcer.setWanted(wanted(next));
  await eventually(() => announcer.evidence(routeKey(next)).lastError !== undefined);
  assert.deepEqual([...fake.rib.keys()], [routeKey(old)]);
  // A decision for no route at all has nothing to wait for.
  announcer.setWanted(new Map());
  await eventually(() => fake.rib.size === 0);
});

test('replacing a route on its own prefix withdraws nothing', async (t) => {
  const { fake, announcer } = await start(t);
  const route = blackhole('192.0.2.1');
  announcer.setWanted(wanted(route));
  await eventually(() => announcer.evidence(routeKey(route)).installed);
  announcer.setWanted(wanted({ ...route, method: 'divert', nextHop: '192.0.2.99', communities: [] }));
  assert.equal(announcer.evidence(routeKey(route)).installed, false);
  await eventually(() => announcer.evidence(routeKey(route)).installed);
  assert.ok(!fake.calls.includes('DeletePath'));
  assert.equal(
    fake.rib.get(routeKey(route))?.pattrs.find((attribute) => attribute.nextHop)?.nextHop?.nextHop,
    '192.0.2.99',
  );
});

test('a set that says the same as before costs no call', async (t) => {
  const { fake, announcer } = await start(t);
  announcer.setWanted(wanted(blackhole('192.0.2.1')));
  await eventually(() => announcer.isSettled);
  const before = fake.calls.filter((call) => call === 'AddPath').length;
  for (let i = 0; i < 10; i++) announcer.setWanted(wanted(blackhole('192.0.2.1')));
  announcer.setWanted(wanted(blackhole('192.0.2.1'), blackhole('192.0.2.2')));
  await eventually(() => announcer.counts().unicast === 2);
  assert.equal(fake.calls.filter((call) => call === 'AddPath').length, before + 1);
});

test('a decision made while a call is under way is not taken for a policy of the daemon', async (t) => {
  const { fake, announcer } = await start(t);
  const first = blackhole('192.0.2.1');
  const second = blackhole('192.0.2.1', { nextHop: '192.0.2.99' });
  fake.onAdd = () => {
    fake.onAdd = () => {};
    announcer.setWanted(wanted(second));
  };
  announcer.setWanted(wanted(first));
  await eventually(() => announcer.isSettled);
  const attributes = fake.rib.get(routeKey(first))?.pattrs ?? [];
  assert.equal(attributes.find((attribute) => attribute.nextHop)?.nextHop?.nextHop, '192.0.2.99');
  assert.equal(announcer.evidence(routeKey(first)).lastError, undefined);
});

test('a change of attributes that GoBGP refuses leaves the route pending with that error', async (t) => {
  const { fake, announcer } = await start(t);
  const route = blackhole('192.0.2.1');
  announcer.setWanted(wanted(route));
  await eventually(() => announcer.isSettled);
  fake.refused.add(routeKey(route));
  announcer.setWanted(wanted({ ...route, nextHop: '192.0.2.99' }));
  await eventually(() => announcer.evidence(routeKey(route)).lastError !== undefined);
  assert.match(announcer.evidence(routeKey(route)).lastError ?? '', /invalid path/);
  assert.equal(announcer.evidence(routeKey(route)).installed, false);
});

test('a table too large to be listed in time delays no announcement, and what nobody knows is withdrawn once found', async (t) => {
  const orphan = blackhole('192.0.2.99');
  const { fake, announcer } = await start(t, (it) => {
    it.wholeTableMs = 2500;
    it.rib.set(routeKey(orphan), announcementPath(encodeRoute(orphan, markCommunity(it.asn, 1)), 0));
  });
  const route = blackhole('192.0.2.1');
  announcer.setWanted(wanted(route));
  await eventually(() => announcer.evidence(routeKey(route)).installed, 2000);
  assert.ok(fake.rib.has(routeKey(orphan)));
  await eventually(() => !fake.rib.has(routeKey(orphan)), 15_000);
  assert.equal(announcer.status().connected, true);
  assert.equal(announcer.evidence(routeKey(route)).installed, true);
});

/** Puts a route there as Kapkan announced it while GoBGP had this ASN. */
function announcedWithAsn(fake: FakeGobgp, asn: number, route: Route): void {
  fake.rib.set(routeKey(route), announcementPath(encodeRoute(route, markCommunity(asn, 1)), 0));
}

test('routes with the mark of an ASN that GoBGP had before are ours: replaced where wanted, else withdrawn', async (t) => {
  const [kept, orphan, ofOthers] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((target) => blackhole(target));
  const seen: number[] = [];
  const { fake, announcer } = await start(
    t,
    (it) => {
      announcedWithAsn(it, 65_009, kept);
      announcedWithAsn(it, 65_009, orphan);
      announcedWithAsn(it, 65_010, ofOthers);
    },
    { formerAsns: [65_009], onAsn: (asn) => seen.push(asn) },
  );
  announcer.setWanted(wanted(kept));
  await eventually(() => announcer.isSettled);
  await eventually(() => assert.deepEqual([...fake.rib.keys()].sort(), [routeKey(kept), routeKey(ofOthers)]));
  const marks = fake.rib.get(routeKey(kept))?.pattrs.flatMap(({ largeCommunities }) => largeCommunities ?? []);
  assert.deepEqual(marks?.[0]?.communities, [markCommunity(fake.asn, 1)]);
  assert.deepEqual(seen, [fake.asn]);
});

test('what was announced with the mark of an ASN that GoBGP has no more is not left behind', async (t) => {
  const { fake, announcer } = await start(t);
  const [kept, dropped] = [blackhole('192.0.2.1'), blackhole('192.0.2.2')];
  announcer.setWanted(wanted(kept, dropped));
  await eventually(() => announcer.isSettled);
  fake.asn = 65_009;
  // By a change that is made before the ASN is asked again, routes get the earlier mark.
  const late = blackhole('192.0.2.3');
  announcer.setWanted(wanted(kept, dropped, late));
  await eventually(() => fake.rib.has(routeKey(late)));
  await eventually(() => announcer.status().asn === 65_009);
  announcer.setWanted(wanted(late));
  await eventually(() => assert.deepEqual([...fake.rib.keys()], [routeKey(late)]));
  await eventually(() => announcer.isSettled);
});

for (const known of ['by the state', 'by nothing but the table'] as const) {
  test(`what an earlier run left behind, known ${known}, is withdrawn before a new route is announced`, async (t) => {
    const [left, next] = [blackhole('192.0.2.98'), blackhole('192.0.2.1')];
    const fake = await FakeGobgp.start();
    fake.wholeTableMs = 2500;
    announcedWithAsn(fake, fake.asn, left);
    let mostRoutes = 0;
    fake.onAdd = () => {
      mostRoutes = Math.max(mostRoutes, fake.rib.size + 1);
    };
    const options = known === 'by the state' ? { knownKeys: () => [routeKey(left)] } : { isStateNew: true };
    const announcer = announcerOf(fake, options);
    t.after(async () => {
      await announcer.stop();
      fake.stop();
    });
    announcer.setWanted(wanted(next));
    const startedAt = performance.now();
    announcer.start();
    await eventually(() => assert.deepEqual([...fake.rib.keys()], [routeKey(next)]));
    assert.equal(mostRoutes, 1, 'a cap of one route is kept at every moment');
    if (known === 'by the state') assert.ok(performance.now() - startedAt < 2500, 'no listing is waited for');
  });
}
