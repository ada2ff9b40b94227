/*
 * While a gobgpd that was started with `-r` waits for its peers, it sends them nothing, although its adj-out lists
 * every route. Nobody may be said to have been sent one until then.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeKey } from '../../src/mitigation/route.ts';
import { blackhole, flowspec, wanted } from '../fixtures/routeFixture.ts';
import { requireDaemon } from './daemons.ts';
import { eventually } from './eventually.ts';
import { ALL_FAMILIES, freePort, loopbackAddress } from './gobgpd.ts';
import { executableOf, INJECTOR_ASN, ROUTER_ASN, startAnnouncer, startInjector } from './gobgpLab.ts';

const DEFERRAL_SECONDS = 10;

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: routes that GoBGP holds back after a graceful restart are not claimed to be sent`, async (t) => {
    const [executable, routerExecutable] = [executableOf(t, api), requireDaemon(t, 'gobgpd')];
    if (executable === undefined || routerExecutable === undefined) return;
    const [here, there, nowhere] = [loopbackAddress(), loopbackAddress(), loopbackAddress()];
    const [herePort, therePort] = [await freePort(here), await freePort(there)];
    const common = { families: ALL_FAMILIES, deferralSeconds: DEFERRAL_SECONDS };
    const router = await startInjector(t, routerExecutable, {
      asn: ROUTER_ASN,
      address: there,
      port: therePort,
      neighbors: [{ ...common, address: here, asn: INJECTOR_ASN, port: herePort }],
    });
    // The peer that never comes makes GoBGP wait for the whole deferral time.
    const injector = await startInjector(t, executable, {
      address: here,
      port: herePort,
      neighbors: [
        { ...common, address: there, asn: ROUTER_ASN, port: therePort },
        { ...common, address: nowhere, asn: ROUTER_ASN, port: 1 },
      ],
      extraArguments: ['-r'],
    });
    await eventually(() => router.isEstablished(here), 30_000);
    const announcer = startAnnouncer(t, injector.apiAddress);
    const routes = [blackhole('192.0.2.1'), flowspec('192.0.2.2', { protocols: [17] })];
    announcer.setWanted(wanted(...routes));
    await eventually(() => announcer.isSettled);

    const reasons: string[] = [];
    const falseClaims: string[] = [];
    await eventually(async () => {
      const claims = routes.map((route) => announcer.evidence(routeKey(route)));
      const heard = (await router.rib('ipv4')).length + (await router.rib('ipv4-flowspec')).length;
      for (const { advertisedTo, notAdvertisedTo } of heard === 0 ? claims : []) {
        falseClaims.push(...advertisedTo);
        reasons.push(notAdvertisedTo.find(({ peer }) => peer === there)?.why ?? '');
      }
      assert.equal(heard, routes.length);
    }, 60_000);
    assert.deepEqual(falseClaims, []);
    assert.ok(reasons.length > 0, 'GoBGP held nothing back, so this test shows nothing');
    for (const why of reasons) assert.match(why, /restarting gracefully/);
    await eventually(() => {
      for (const route of routes) assert.deepEqual(announcer.evidence(routeKey(route)).advertisedTo, [there]);
    }, 20_000);
  });
}
