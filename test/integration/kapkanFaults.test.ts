/*
 * Kapkan, GoBGP and the state file, killed and changed at bad moments: the router must end up with exactly the routes
 * of the active bans, and must not be told twice of a route that stays.
 */
import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { eventually } from './eventually.ts';
import { Gobgpd } from './gobgpd.ts';
import { liveConfig, startLive } from './kapkanLab.ts';

test('Kapkan, killed and started again, takes its bans over without telling the router anything', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, router, injector } = live;
  const stop = kapkan.flood({ target: '203.0.113.99', attack: 'syn_flood' });
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.20', ttl_seconds: 600 });
  await eventually(async () => assert.deepEqual(await router.rib('ipv4'), ['203.0.113.20/32', '203.0.113.99/32']));
  const before = await kapkan.activeBan('203.0.113.99');
  const updates = await router.updatesFrom(injector.options.address);

  await kapkan.end('SIGKILL');
  await stop();
  await kapkan.start();
  const stopAgain = kapkan.flood({ target: '203.0.113.99', attack: 'syn_flood' });
  await eventually(async () => {
    const ban = await kapkan.activeBan('203.0.113.99');
    assert.equal(ban?.id, before?.id);
    assert.deepEqual(ban?.rib?.advertised_to, [router.options.address]);
  });
  assert.equal(await router.updatesFrom(injector.options.address), updates);

  // What went on before the restart ends like any other attack, and the manual ban stays.
  await stopAgain();
  await eventually(async () => assert.deepEqual(await router.rib('ipv4'), ['203.0.113.20/32']));
});

test('a ban made while GoBGP is away is announced when it is back, and one that ended meanwhile is not', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, router, injector } = live;
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.20' });
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.21' });
  await eventually(async () => assert.equal((await router.rib('ipv4')).length, 2));
  await injector.end('SIGKILL');
  await eventually(async () => assert.equal(await kapkan.metric('kapkan_mitigate_announced_routes{mode="real"}'), 0));

  const stop = kapkan.flood({ target: '203.0.113.99' });
  await eventually(async () => assert.equal((await kapkan.activeBan('203.0.113.99'))?.rib?.installed, false));
  await kapkan.post('/api/v1/unban', { ip: '203.0.113.20' });
  await injector.launch();
  await eventually(async () => {
    assert.deepEqual(await injector.rib('ipv4'), ['203.0.113.21/32', '203.0.113.99/32']);
    assert.deepEqual(await router.rib('ipv4'), ['203.0.113.21/32', '203.0.113.99/32']);
  }, 30_000);
  await stop();
});

test('a GoBGP that got another AS number keeps no route with the mark of the earlier one', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, injector } = live;
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.20' });
  await eventually(async () => assert.deepEqual(await injector.rib('ipv4'), ['203.0.113.20/32']));
  await kapkan.end();
  await injector.end();
  const { apiAddress, options } = injector;
  const renumbered = await Gobgpd.start({ ...options, asn: 65_009, neighbors: [], apiHost: apiAddress });
  t.after(() => renumbered.dispose());
  // As a tool that saves and restores the routes of GoBGP would leave it.
  for (const last of [20, 21]) {
    const mark = ['large-community', `${options.asn}:19280:1`];
    await renumbered.globalRib('add', `203.0.113.${last}/32`, 'nexthop', '192.0.2.1', ...mark, '-a', 'ipv4');
  }
  await kapkan.start();
  await eventually(async () => {
    assert.deepEqual(await renumbered.rib('ipv4'), ['203.0.113.20/32']);
    assert.match(await renumbered.attributes('ipv4', '203.0.113.20/32'), /"ASN":65009,"LocalData1":19280/);
  });
});

test('a reload withdraws what it forbids at once, and a bad one changes nothing', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, router, injector } = live;
  const config = (changes: { [key: string]: string }): string => liveConfig(injector.apiAddress, changes);
  const stop = kapkan.flood({ target: '203.0.113.99', attack: 'udp_flood' });
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.20' });
  await kapkan.post('/api/v1/ban', { ip: '2001:db8::9' });
  await eventually(async () => assert.equal((await router.rib('ipv4')).length, 2));
  await eventually(async () => assert.equal((await router.rib('ipv6')).length, 1));

  kapkan.configure(config({ thresholds: '{ pps: -1 }' }));
  assert.equal((await kapkan.post('/api/v1/config/reload')).status, 400);
  kapkan.configure(config({ storage: '{ path: elsewhere }', protected_whitelist: '[203.0.113.99]' }));
  const refused = await kapkan.post('/api/v1/config/reload');
  assert.equal(refused.status, 400);
  assert.match(JSON.stringify(refused.body.errors), /storage\.path/);
  assert.equal((await router.rib('ipv4')).length, 2);

  kapkan.configure(config({ protected_whitelist: '[203.0.113.99]' }));
  kapkan.signal('SIGHUP');
  await eventually(async () => assert.deepEqual(await router.rib('ipv4'), ['203.0.113.20/32']));
  kapkan.configure(config({ protected_whitelist: '[203.0.113.99]', networks: '[203.0.113.0/24]' }));
  assert.equal((await kapkan.post('/api/v1/config/reload')).status, 200);
  await eventually(async () => assert.deepEqual(await router.rib('ipv6'), []));
  await stop();
});

test('dry_run turned on withdraws every real route, turned off it announces the attacks that go on', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, router, injector } = live;
  const stop = kapkan.flood({ target: '203.0.113.99' });
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.20' });
  await eventually(async () => assert.equal((await router.rib('ipv4')).length, 2));

  kapkan.configure(liveConfig(injector.apiAddress, { dry_run: 'true' }));
  assert.equal((await kapkan.post('/api/v1/config/reload')).status, 200);
  await eventually(async () => assert.deepEqual(await router.rib('ipv4'), []));
  await eventually(async () => assert.equal((await kapkan.activeBan('203.0.113.99'))?.dry_run, true));
  assert.equal(await kapkan.metric('kapkan_mitigate_announced_routes{mode="dry_run"}'), 1);

  kapkan.configure(liveConfig(injector.apiAddress));
  assert.equal((await kapkan.post('/api/v1/config/reload')).status, 200);
  await eventually(async () => assert.deepEqual(await router.rib('ipv4'), ['203.0.113.99/32']));

  // A restart into dry-run is the same: the routes of the run before are taken out.
  await kapkan.end('SIGKILL');
  await stop();
  kapkan.configure(liveConfig(injector.apiAddress, { dry_run: 'true' }));
  await kapkan.start();
  await eventually(async () => assert.deepEqual(await router.rib('ipv4'), []));
});

test('on_shutdown says whether routes stay or go', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, router, injector } = live;
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.20' });
  await eventually(async () => assert.equal((await router.rib('ipv4')).length, 1));
  assert.equal(await kapkan.end(), 0);
  assert.deepEqual(await injector.rib('ipv4'), ['203.0.113.20/32']);

  const ban = '{ ttl_seconds: 120, unban_hysteresis_seconds: 2, max_active_bans: 10, on_shutdown: withdraw }';
  kapkan.configure(liveConfig(injector.apiAddress, { ban }));
  await kapkan.start();
  assert.equal((await kapkan.activeBan('203.0.113.20'))?.state, 'active');
  assert.equal(await kapkan.end(), 0);
  assert.deepEqual(await injector.rib('ipv4'), []);

  // An error that nobody catches, thrown on a signal.
  const code = 'process.on("SIGUSR2", () => { throw new Error("a bug"); })';
  process.env.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(code)}`;
  t.after(() => delete process.env.NODE_OPTIONS);
  await kapkan.start();
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.21' });
  await eventually(async () => assert.deepEqual(await injector.rib('ipv4'), ['203.0.113.21/32']));
  assert.equal(await kapkan.end('SIGUSR2'), 1);
  assert.match(kapkan.log, /a bug.*Kapkan stops because of an error; its routes are withdrawn/);
  assert.deepEqual(await injector.rib('ipv4'), []);
});

test('a damaged state file stops the start with a clear error and leaves the routes alone', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, injector } = live;
  await kapkan.post('/api/v1/ban', { ip: '203.0.113.20' });
  await eventually(async () => assert.equal((await injector.rib('ipv4')).length, 1));
  await kapkan.end('SIGKILL');
  truncateSync(kapkan.stateFile, 1000);
  await assert.rejects(kapkan.start(), /Kapkan ended with 1: kapkan: .*kapkan\.db/s);
  assert.deepEqual(await injector.rib('ipv4'), ['203.0.113.20/32']);
  writeFileSync(kapkan.stateFile, 'not a database');
  await assert.rejects(kapkan.start(), /Kapkan ended with 1: kapkan: .*kapkan\.db/s);
});

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: Kapkan in a crash loop neither holds a route for ever nor escalates without an attack`, async (t) => {
    const live = await startLive(t, api, {
      hostgroups: `[{ name: web, networks: [203.0.113.0/28], escalation: [
        { after_seconds: 0, action: flowspec }, { after_seconds: 7, action: blackhole }] }]`,
      ban: '{ ttl_seconds: 12, unban_hysteresis_seconds: 6, max_active_bans: 10 }',
    });
    if (live === undefined) return;
    const { kapkan, router } = live;
    const stop = kapkan.flood({ target: '203.0.113.5' });
    await eventually(async () => assert.equal((await router.rib('ipv4-flowspec')).length, 1));
    await kapkan.end('SIGKILL');
    await stop();
    const deadline = performance.now() + 60_000;
    const blackholes: string[] = [];
    // Each life is shorter than the hysteresis.
    while ((await router.rib('ipv4-flowspec')).length > 0 && performance.now() < deadline) {
      await kapkan.start();
      await new Promise((resolve) => setTimeout(resolve, 2000));
      blackholes.push(...(await router.rib('ipv4')));
      await kapkan.end('SIGKILL');
    }
    assert.deepEqual(blackholes, []);
    assert.deepEqual(await router.rib('ipv4-flowspec'), [], 'the route is held for ever');
  });
}

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: Kapkan, stopped for longer than the hysteresis while an attack goes on, withdraws nothing`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router, injector } = live;
    const stop = kapkan.flood({ target: '203.0.113.99' });
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), ['203.0.113.99/32']));
    const updates = await router.updatesFrom(injector.options.address);
    for (let times = 0; times < 3; times++) {
      kapkan.signal('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, 5000));
      kapkan.signal('SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    assert.equal(await router.updatesFrom(injector.options.address), updates);
    assert.deepEqual(await router.rib('ipv4'), ['203.0.113.99/32']);
    await stop();
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), []));
  });
}
