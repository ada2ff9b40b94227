/*
 * The reconciler against real daemons of both generations: what is ours is put right, what is not is never touched.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announcementPath, encodeRoute } from '../../src/gobgp/encodeRoute.ts';
import { GobgpClient } from '../../src/gobgp/gobgpClient.ts';
import { markCommunity } from '../../src/gobgp/pathAttributes.ts';
import { withdrawMarked } from '../../src/gobgp/withdrawMarked.ts';
import { type Route, routeKey } from '../../src/mitigation/route.ts';
import { blackhole, flowspec, wanted } from '../fixtures/routeFixture.ts';
import { eventually } from './eventually.ts';
import type { Gobgpd } from './gobgpd.ts';
import { connected, executableOf, INJECTOR_ASN, startAnnouncer, startInjector, startPair } from './gobgpLab.ts';

const victim = blackhole('192.0.2.1');
const rule = flowspec('192.0.2.2', { protocols: [17] });

/** Adds a route with the mark of an instance, as another or an earlier Kapkan would have. */
async function inject(daemon: Gobgpd, route: Route, instanceId = 1): Promise<void> {
  const client = clientOf(daemon);
  await client.getBgp();
  await client.addPath(announcementPath(encodeRoute(route, markCommunity(INJECTOR_ASN, instanceId)), Date.now()), '');
  client.close();
}

function clientOf(daemon: Gobgpd): GobgpClient {
  return new GobgpClient({ address: daemon.apiAddress, api: 'auto', tls: undefined, timeoutSeconds: 5 });
}

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: marked routes that nobody wants are withdrawn, but only once it is known what is wanted`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const injector = await startInjector(t, executable);
    await inject(injector, victim);
    await inject(injector, rule);
    await inject(injector, blackhole('192.0.2.77'), 2);
    const announcer = startAnnouncer(t, injector.apiAddress);
    await connected(announcer);
    assert.deepEqual(announcer.counts(), { unicast: 1, flowspec: 1 });
    announcer.setWanted(wanted(rule));
    await eventually(async () => {
      assert.deepEqual(await injector.rib('ipv4'), ['192.0.2.77/32'], 'another instance keeps its route');
    }, 2000);
    assert.equal((await injector.rib('ipv4-flowspec')).length, 1);
    assert.deepEqual(announcer.status().drift, { missing: 0, orphan: 1, altered: 0, repaired: 1 });
  });

  test(`${api}: in dry-run only the marked routes of our own store are withdrawn`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const injector = await startInjector(t, executable);
    await inject(injector, victim);
    await inject(injector, blackhole('192.0.2.5'));
    const announcer = startAnnouncer(t, injector.apiAddress, { withdrawOrphans: (key) => key === routeKey(victim) });
    announcer.setWanted(new Map());
    await eventually(async () => assert.deepEqual(await injector.rib('ipv4'), ['192.0.2.5/32']));
  });

  test(`${api}: what does not carry the mark is left alone in every family, on the same NLRI too`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const injector = await startInjector(t, executable);
    await injector.globalRib('add', '192.0.2.1/32', 'nexthop', '192.0.2.7', 'med', '5', '-a', 'ipv4');
    await injector.globalRib('add', '2001:db8::9/128', 'nexthop', '2001:db8::7', '-a', 'ipv6');
    await injector.globalRib(
      'add',
      'match',
      'destination',
      '192.0.2.2/32',
      'protocol',
      'udp',
      'then',
      'rate-limit',
      '9',
      '-a',
      'ipv4-flowspec',
    );
    await injector.globalRib(
      'add',
      'match',
      'destination',
      '2001:db8::9/128',
      'then',
      'discard',
      '-a',
      'ipv6-flowspec',
    );
    const families = ['ipv4', 'ipv6', 'ipv4-flowspec', 'ipv6-flowspec'] as const;
    const look = async (): Promise<string> => {
      const lists = await Promise.all(
        families.map(async (family) => {
          const nlris = await injector.rib(family);
          return Promise.all(nlris.map((nlri) => injector.attributes(family, nlri)));
        }),
      );
      return JSON.stringify(lists);
    };
    const before = await look();
    const announcer = startAnnouncer(t, injector.apiAddress);
    await connected(announcer);
    announcer.setWanted(wanted(victim, rule));
    await eventually(() => assert.match(announcer.evidence(routeKey(victim)).lastError ?? '', /not made by Kapkan/));
    assert.match(announcer.evidence(routeKey(rule)).lastError ?? '', /not made by Kapkan/);
    assert.equal(announcer.evidence(routeKey(victim)).installed, false);
    announcer.setWanted(new Map());
    await eventually(() => announcer.isSettled);
    assert.equal(await look(), before);

    // Once the other has gone, ours goes in.
    announcer.setWanted(wanted(victim));
    await injector.globalRib('del', '192.0.2.1/32', '-a', 'ipv4');
    await eventually(() => announcer.evidence(routeKey(victim)).installed);
    assert.equal(announcer.evidence(routeKey(victim)).lastError, undefined);
  });

  test(`${api}: a route of ours that somebody removed or altered is put right`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const injector = await startInjector(t, executable);
    const announcer = startAnnouncer(t, injector.apiAddress);
    announcer.setWanted(wanted(victim, rule));
    await eventually(() => announcer.isSettled);

    await injector.globalRib('del', '192.0.2.1/32', '-a', 'ipv4');
    await eventually(() => announcer.status().drift.repaired === 1, 2000);
    assert.deepEqual(await injector.rib('ipv4'), ['192.0.2.1/32']);

    await inject(injector, blackhole('192.0.2.1', { nextHop: '192.0.2.66', localPref: 7 }));
    await inject(injector, { ...rule, rateBytesPerSecond: 1000 });
    await eventually(() => announcer.status().drift.repaired === 3, 2000);
    assert.deepEqual(announcer.status().drift, { missing: 1, orphan: 0, altered: 2, repaired: 3 });
    assert.match(await injector.attributes('ipv4', '192.0.2.1/32'), /192\.0\.2\.254/);
  });

  test(`${api}: a restart of Kapkan sends the router nothing about routes that stay`, async (t) => {
    const executable = executableOf(t, api);
    const pair = executable === undefined ? undefined : await startPair(t, executable);
    if (pair === undefined) return;
    const { injector, router } = pair;
    const routes = [victim, blackhole('2001:db8::1'), rule, flowspec('2001:db8::2', { protocols: [6] }, 125_000.7)];
    const first = startAnnouncer(t, injector.apiAddress);
    first.setWanted(wanted(...routes));
    await eventually(async () => (await router.rib('ipv6-flowspec')).length === 1);
    await eventually(() => first.isSettled);
    await first.stop();
    const before = await router.updatesFrom(injector.options.address);
    assert.ok(before >= routes.length);

    const second = startAnnouncer(t, injector.apiAddress);
    await connected(second);
    second.setWanted(wanted(...routes));
    await eventually(() => second.isSettled);
    // Something new behind them shows that whatever was sent before it has arrived.
    second.setWanted(wanted(...routes, blackhole('192.0.2.200')));
    await eventually(async () => (await router.rib('ipv4')).includes('192.0.2.200/32'));
    assert.equal(await router.updatesFrom(injector.options.address), before + 1);
    assert.deepEqual(second.status().drift, { missing: 0, orphan: 0, altered: 0, repaired: 0 });
  });

  test(`${api}: a victim's old route stays until its new ones are in, and goes then`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const injector = await startInjector(t, executable);
    const announcer = startAnnouncer(t, injector.apiAddress);
    const old = flowspec('192.0.2.1', { protocols: [17] });
    announcer.setWanted(wanted(old));
    await eventually(() => announcer.isSettled);
    // The new one cannot be put in: somebody else holds its prefix.
    await injector.globalRib('add', '192.0.2.1/32', 'nexthop', '192.0.2.7', '-a', 'ipv4');
    announcer.setWanted(wanted(victim));
    await eventually(() => announcer.evidence(routeKey(victim)).lastError !== undefined);
    assert.equal((await injector.rib('ipv4-flowspec')).length, 1);
    await injector.globalRib('del', '192.0.2.1/32', '-a', 'ipv4');
    await eventually(async () => assert.deepEqual(await injector.rib('ipv4-flowspec'), []), 2000);
    assert.equal(announcer.evidence(routeKey(victim)).installed, true);
  });

  test(`${api}: a route with the mark that a peer sends us is not ours to withdraw`, async (t) => {
    const executable = executableOf(t, api);
    const pair = executable === undefined ? undefined : await startPair(t, executable);
    if (pair === undefined) return;
    await pair.router.globalRib(
      'add',
      '192.0.2.1/32',
      'nexthop',
      '192.0.2.7',
      'large-community',
      `${INJECTOR_ASN}:19280:1`,
      '-a',
      'ipv4',
    );
    await eventually(async () => (await pair.injector.rib('ipv4')).length === 1);
    const announcer = startAnnouncer(t, pair.injector.apiAddress);
    announcer.setWanted(wanted(rule));
    await eventually(() => announcer.isSettled);
    assert.deepEqual(announcer.counts(), { unicast: 0, flowspec: 1 });
    assert.deepEqual(announcer.status().drift, { missing: 0, orphan: 0, altered: 0, repaired: 0 });
    assert.deepEqual(await pair.injector.rib('ipv4'), ['192.0.2.1/32']);
  });

  test(`${api}: without a daemon, the marked routes that are chosen are withdrawn and nothing else`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const injector = await startInjector(t, executable);
    for (const route of [victim, rule, blackhole('192.0.2.3')]) await inject(injector, route);
    await inject(injector, blackhole('192.0.2.4'), 2);
    await injector.globalRib('add', '192.0.2.5/32', 'nexthop', '192.0.2.7', '-a', 'ipv4');
    const client = clientOf(injector);
    t.after(() => client.close());
    const expired = await withdrawMarked(client, 1, [], (key) => key === routeKey(victim));
    assert.deepEqual(expired, [routeKey(victim)]);
    assert.deepEqual(await injector.rib('ipv4'), ['192.0.2.3/32', '192.0.2.4/32', '192.0.2.5/32']);
    const all = await withdrawMarked(client, 1, [], () => true);
    assert.deepEqual(all.sort(), [routeKey(rule), routeKey(blackhole('192.0.2.3'))].sort());
    assert.deepEqual(await injector.rib('ipv4'), ['192.0.2.4/32', '192.0.2.5/32']);
  });

  test(`${api}: an import policy that rewrites our routes does not make them flap`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const policy = `
[[policy-definitions]]
  name = "add-med"
  [[policy-definitions.statements]]
    name = "add-med"
    [policy-definitions.statements.actions.bgp-actions]
      set-med = "+10"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
[global.apply-policy.config]
  import-policy-list = ["add-med"]
  default-import-policy = "accept-route"
`;
    const injector = await startInjector(t, executable, { extraConfig: policy });
    const announcer = startAnnouncer(t, injector.apiAddress);
    announcer.setWanted(wanted(victim));
    await eventually(() => announcer.isSettled);
    const { installed, lastError } = announcer.evidence(routeKey(victim));
    assert.equal(installed, true);
    assert.match(lastError ?? '', /policy changes the attributes/);

    // An orphan brings about a full pass; when it has been seen to, the victim's route has been looked at as well.
    const watcher = clientOf(injector);
    t.after(() => watcher.close());
    await watcher.getBgp();
    const changed: string[] = [];
    const stopWatch = watcher.watch(
      ({ paths }) => changed.push(...paths.map((path) => path.nlri?.prefix?.prefix ?? '')),
      () => {},
    );
    await inject(injector, blackhole('192.0.2.3'));
    await eventually(() => changed.filter((prefix) => prefix === '192.0.2.3').length === 2);
    stopWatch();
    assert.deepEqual(new Set(changed), new Set(['192.0.2.3']));
  });

  test(`${api}: a withdrawal that names no route never reaches the daemon, which would withdraw everything`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const injector = await startInjector(t, executable);
    await inject(injector, victim);
    const client = clientOf(injector);
    t.after(() => client.close());
    await client.getBgp();
    const family = { afi: 1, safi: 1 };
    for (const path of [
      { nlri: null, pattrs: [], family },
      { nlri: {}, pattrs: [], family },
      { nlri: { prefix: { prefixLen: 32, prefix: '192.0.2.1' } }, pattrs: [], family: null },
    ]) {
      await assert.rejects(client.deletePath(path, 'nothing'), { name: 'GobgpError', code: 'INVALID_ROUTE' });
    }
    assert.deepEqual(await injector.rib('ipv4'), ['192.0.2.1/32']);
  });
}
