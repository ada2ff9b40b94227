/*
 * When FlowSpec gives way to a blackhole and when it must not, on real GoBGPs with real peers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './eventually.ts';
import { executableOf, startInjector, startPair } from './gobgpLab.ts';
import { Kapkan } from './kapkan.ts';
import { liveConfig, startLive } from './kapkanLab.ts';

/** Of the group `web`, whose method is FlowSpec. */
const VICTIM = '203.0.113.5';

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: an operator's own rule with the same match is left alone and leads to no blackhole`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router, injector } = live;
    const rule = ['match', 'destination', `${VICTIM}/32`, 'protocol', 'tcp', 'tcp-flags', '=S&!=A', 'then', 'discard'];
    await injector.globalRib('add', ...rule, '-a', 'ipv4-flowspec');
    const own = await injector.attributes('ipv4-flowspec', (await injector.rib('ipv4-flowspec'))[0]);
    const stop = kapkan.flood({ target: VICTIM, attack: 'syn_flood' });
    await eventually(async () => {
      const [ban] = await kapkan.bans(VICTIM);
      assert.match(ban?.rib?.last_error ?? '', /not made by Kapkan/);
    }, 30_000);
    // A fallback would come after three seconds, a failure is reported after ten.
    await eventually(
      async () => assert.equal(await kapkan.metric('kapkan_mitigate_bans_total{event="failed"}'), 1),
      20_000,
    );
    const [ban] = await kapkan.bans(VICTIM);
    assert.deepEqual([ban.state, ban.method, ban.fell_back_from], ['active', 'flowspec', undefined]);
    assert.deepEqual(await router.rib('ipv4'), []);
    assert.equal(await injector.attributes('ipv4-flowspec', (await injector.rib('ipv4-flowspec'))[0]), own);

    await injector.globalRib('del', ...rule, '-a', 'ipv4-flowspec');
    await eventually(async () => assert.equal((await kapkan.bans(VICTIM))[0].rib?.installed, true), 20_000);
    assert.match(await injector.attributes('ipv4-flowspec', (await injector.rib('ipv4-flowspec'))[0]), /19280/);
    await stop();
  });

  test(`${api}: a GoBGP that is away does not keep the other one from its fallback`, async (t) => {
    const executable = executableOf(t, api);
    const pair = executable && (await startPair(t, executable, ['ipv4-unicast', 'ipv6-unicast']));
    if (!executable || !pair) return;
    const away = await startInjector(t, executable);
    await away.end('SIGKILL');
    const addresses = `{ address: ["${pair.injector.apiAddress}", "${away.apiAddress}"] }`;
    const kapkan = await new Kapkan(t, liveConfig('', { gobgp: addresses })).start();
    const stop = kapkan.flood({ target: VICTIM, attack: 'syn_flood' });
    await eventually(async () => assert.deepEqual(await pair.router.rib('ipv4'), [`${VICTIM}/32`]), 30_000);
    const [ban] = await kapkan.bans(VICTIM);
    assert.deepEqual([ban.method, ban.fell_back_from], ['blackhole', 'flowspec']);
    await stop();
  });
}

test('dry-run falls back where live would, by what the peers of GoBGP negotiated', async (t) => {
  const executable = executableOf(t, 'v3');
  const pair = executable && (await startPair(t, executable, ['ipv4-unicast', 'ipv6-unicast']));
  if (!pair) return;
  const kapkan = await new Kapkan(t, liveConfig(pair.injector.apiAddress, { dry_run: 'true' })).start();
  await eventually(async () =>
    assert.equal(await kapkan.metric(`kapkan_gobgp_up{address="${pair.injector.apiAddress}"}`), 1),
  );
  const stop = kapkan.flood({ target: VICTIM, attack: 'syn_flood' });
  await eventually(async () => {
    const [ban] = await kapkan.bans(VICTIM);
    assert.deepEqual([ban?.dry_run, ban?.method, ban?.fell_back_from], [true, 'blackhole', 'flowspec']);
  }, 30_000);
  assert.deepEqual(await pair.injector.rib('ipv4'), [], 'and nothing is announced');
  await stop();
});
