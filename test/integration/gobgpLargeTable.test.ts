/*
 * A GoBGP that learned a large table from another router. Announcing and reading back do not take longer for it, and
 * after a restart of Kapkan the router holds no more than the cap at any moment: it ends the session at one route too many.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announcementPath, encodeRoute } from '../../src/gobgp/encodeRoute.ts';
import { GobgpClient } from '../../src/gobgp/gobgpClient.ts';
import { markCommunity } from '../../src/gobgp/pathAttributes.ts';
import { blackhole } from '../fixtures/routeFixture.ts';
import { eventually } from './eventually.ts';
import type { Gobgpd } from './gobgpd.ts';
import { executableOf, ROUTER_ASN, startPair } from './gobgpLab.ts';
import { Kapkan } from './kapkan.ts';
import { liveConfig } from './kapkanLab.ts';

const ROUTES = Number(process.env.KAPKAN_TABLE_ROUTES ?? 150_000);
const BATCH = 10_000;
const CAP = 3;

/** Tables are learned in seconds, but many tests share the machine. */
const LEARNED_MS = ROUTES;

/** A ban is announced within a second or two; many tests share the machine. */
const ANNOUNCED_MS = 20_000;

/** The router gets routes of its own, not marked as Kapkan's, and tells the injector. */
async function fillTable(router: Gobgpd, injector: Gobgpd): Promise<void> {
  const client = new GobgpClient({ address: router.apiAddress, api: 'auto', tls: undefined, timeoutSeconds: 60 });
  try {
    await client.getBgp();
    const foreign = markCommunity(ROUTER_ASN, 99);
    for (let first = 0; first < ROUTES; first += BATCH) {
      const count = Math.min(BATCH, ROUTES - first);
      const targets = Array.from({ length: count }, (_, i) => addressOf(first + i));
      const now = Date.now();
      await client.addPaths(targets.map((target) => announcementPath(encodeRoute(blackhole(target), foreign), now)));
    }
  } finally {
    client.close();
  }
  await eventually(async () => assert.ok((await injector.tableSize()) >= ROUTES), LEARNED_MS);
}

function addressOf(n: number): string {
  return `100.${64 + ((n >> 16) & 63)}.${(n >> 8) & 255}.${n & 255}`;
}

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: beside ${ROUTES} learned routes a ban is announced and read back within seconds, and a restart keeps the cap`, async (t) => {
    const executable = executableOf(t, api);
    const limit = { maxPrefixes: CAP };
    const pair =
      executable === undefined ? undefined : await startPair(t, executable, undefined, undefined, undefined, limit);
    if (pair === undefined) return;
    const { injector, router } = pair;
    await fillTable(router, injector);
    const ban = `{ ttl_seconds: 120, unban_hysteresis_seconds: 2, max_active_bans: ${CAP} }`;
    const kapkan = await new Kapkan(t, liveConfig(injector.apiAddress, { ban })).start();

    const announce = async (hosts: readonly number[], ttlSeconds: number): Promise<void> => {
      const targets = hosts.map((last) => `203.0.113.${last}`);
      const askedAt = performance.now();
      for (const ip of targets) await kapkan.post('/api/v1/ban', { ip, ttl_seconds: ttlSeconds });
      for (const ip of targets) await eventually(() => injector.holds(`${ip}/32`), ANNOUNCED_MS);
      t.diagnostic(`${targets.length} bans in the RIB after ${Math.round(performance.now() - askedAt)} ms`);
      for (const ip of targets) {
        await eventually(async () => assert.equal((await kapkan.activeBan(ip))?.rib?.installed, true), ANNOUNCED_MS);
        await eventually(() => router.holds(`${ip}/32`), ANNOUNCED_MS);
      }
      t.diagnostic(`read back, and at the router, after ${Math.round(performance.now() - askedAt)} ms`);
    };
    // The first listing of the table, which a new state waits for, is over.
    await eventually(async () =>
      assert.equal(await kapkan.metric(`kapkan_gobgp_up{address="${injector.apiAddress}"}`), 1),
    );
    await announce([20, 21, 22], 3);
    await kapkan.end('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    assert.ok(await injector.holds('203.0.113.22/32'), 'its ban ran out while Kapkan was away');

    await kapkan.start();
    await announce([30, 31, 32], 60);
    for (const last of [20, 21, 22]) assert.equal(await injector.holds(`203.0.113.${last}/32`), false);
    assert.ok(await router.isEstablished(injector.options.address), 'the router never had more than the cap');
    await eventually(async () => {
      const sentTo = (await kapkan.activeBan('203.0.113.32'))?.rib?.advertised_to;
      assert.deepEqual(sentTo, [router.options.address]);
    }, 60_000);
    assert.equal(await injector.tableSize(), ROUTES + CAP);
  });
}
