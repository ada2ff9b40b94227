/*
 * Two Kapkans with one instance id on one real gobgpd: each takes the other's routes for its own orphans.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand } from '../../src/cli/commandTable.ts';
import { runInProcess } from '../cli/commandRun.ts';
import { eventually } from './eventually.ts';
import { Kapkan } from './kapkan.ts';
import { liveConfig, startLive } from './kapkanLab.ts';

const VICTIM = '203.0.113.20';
const ROUTE = `${VICTIM}/32`;

interface StatusAnswer {
  readonly gobgp: { readonly conflict?: { readonly routes: number; readonly detail: string } };
}

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: two daemons with one instance id do not fight, both say so, and one that is left repairs at once`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router, injector } = live;
    const other = await new Kapkan(t, liveConfig(injector.apiAddress)).start();
    const conflictOf = async (of: Kapkan) => (await of.get<StatusAnswer>('/api/v1/status')).gobgp.conflict;
    const sample = `kapkan_gobgp_conflict_routes{address="${injector.apiAddress}"}`;
    assert.equal(await kapkan.metric(sample), 0);

    const ban = await findCommand('ban')?.load();
    await runInProcess(ban ?? assert.fail('ban'), [VICTIM, '--api', kapkan.api]);
    await eventually(async () => assert.match((await conflictOf(kapkan))?.detail ?? '', /is withdrawn again/), 30_000);
    await eventually(async () => assert.match((await conflictOf(other))?.detail ?? '', /is put back after/), 30_000);
    for (const one of [kapkan, other]) {
      assert.equal(await one.metric(sample), 1);
      await eventually(() => assert.match(one.log, /another program works against Kapkan in GoBGP/));
    }
    const before = await router.updatesFrom(injector.options.address);
    await sleep(15_000);
    const updates = (await router.updatesFrom(injector.options.address)) - before;
    assert.ok(updates <= 12, `${updates} updates in 15 s`);

    await other.end('SIGKILL');
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), [ROUTE]));
    // A GoBGP that restarts is repaired without a wait, also while the conflict is not over.
    await injector.end('SIGKILL');
    await injector.launch();
    await eventually(() => injector.holds(ROUTE), 2000);
    assert.notEqual(await conflictOf(kapkan), undefined);
    assert.ok(!kapkan.log.includes('GoBGP refused'), 'a route that somebody withdraws is not refused by GoBGP');
  });
}
