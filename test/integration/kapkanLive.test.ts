/*
 * The main path with nothing faked: telemetry over UDP, the daemon as a process, a real gobgpd of each generation, and
 * a second one as the router that must hear the routes and lose them again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './eventually.ts';
import { startLive } from './kapkanLab.ts';

/** 65535:666 (RFC 7999) as one number. */
const BLACKHOLE = 65_535 * 65_536 + 666;

for (const api of ['v3', 'v4'] as const) {
  test(`floods in every protocol reach the router of GoBGP ${api} as routes, and leave it when they end`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router } = live;
    const stops = [
      kapkan.flood({ target: '203.0.113.99', attack: 'syn_flood', protocol: 'netflow9' }),
      kapkan.flood({ target: '203.0.113.5', attack: 'ntp_amplification', protocol: 'sflow5' }),
      kapkan.flood({ target: '203.0.113.98', attack: 'udp_flood', protocol: 'netflow5', sampling: 1000 }),
      kapkan.flood({ target: '2001:db8::7', attack: 'icmp_flood', protocol: 'ipfix' }),
      kapkan.flood({ target: '203.0.113.53', attack: 'udp_flood', protocol: 'netflow5' }),
    ];
    await eventually(async () => {
      assert.deepEqual(await router.rib('ipv4'), ['203.0.113.98/32', '203.0.113.99/32']);
      assert.deepEqual(await router.rib('ipv6'), ['2001:db8::7/128']);
      assert.deepEqual(await router.rib('ipv4-flowspec'), [
        '[destination: 203.0.113.5/32][protocol: ==udp][source-port: ==123]',
      ]);
    });
    assert.match(await router.attributes('ipv4', '203.0.113.99/32'), new RegExp(`"communities":\\[${BLACKHOLE}\\]`));

    await eventually(async () => {
      const { active } = await kapkan.attacks();
      assert.equal(active.length, 5);
      for (const { target, rates } of active) {
        assert.ok(Math.abs(rates.pps - 100_000) < 12_000, `${target}: ${rates.pps} packets/s, 100,000 were sent`);
      }
      assert.equal(await kapkan.metric('kapkan_mitigate_announced_routes{mode="real"}'), 3);
      assert.equal(await kapkan.metric('kapkan_mitigate_flowspec_rules{mode="real"}'), 1);
    });
    assert.equal(await kapkan.metric('kapkan_mitigate_bans_rejected_total'), 1);
    assert.match((await kapkan.bans('203.0.113.53'))[0].reason, /whitelist/);
    await eventually(async () => {
      const ban = await kapkan.activeBan('203.0.113.99');
      assert.deepEqual(ban?.rib?.advertised_to, [router.options.address]);
    });

    await Promise.all(stops.map((stop) => stop()));
    await eventually(async () => {
      for (const family of ['ipv4', 'ipv6', 'ipv4-flowspec'] as const) assert.deepEqual(await router.rib(family), []);
    });
    await eventually(async () => {
      assert.equal(await kapkan.metric('kapkan_mitigate_announced_routes{mode="real"}'), 0);
      assert.equal((await kapkan.attacks()).recent.length, 5);
    });
    assert.equal(await kapkan.end(), 0);
  });

  test(`when the flood changes its vector, the rule at the router of GoBGP ${api} follows`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router } = live;
    const target = '203.0.113.5';
    const stopNtp = kapkan.flood({ target, attack: 'ntp_amplification', protocol: 'sflow5' });
    await eventually(async () => {
      assert.deepEqual(await router.rib('ipv4-flowspec'), [
        `[destination: ${target}/32][protocol: ==udp][source-port: ==123]`,
      ]);
    });
    const stopSyn = kapkan.flood({ target, attack: 'syn_flood', protocol: 'sflow5' });
    await stopNtp();
    await eventually(async () => {
      const rules = await router.rib('ipv4-flowspec');
      assert.equal(rules.length, 1);
      assert.match(rules[0], /\[protocol: ==tcp\]/);
    });
    const { active } = await kapkan.attacks();
    assert.deepEqual(
      active.map(({ classification }) => classification.type),
      ['syn_flood'],
    );
    await stopSyn();
  });

  test(`an operator's bans on GoBGP ${api} end by unban and by TTL, and obey the guards`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router } = live;
    assert.equal((await kapkan.post('/api/v1/ban', { ip: '203.0.113.20' })).status, 200);
    const match = { proto: 'udp', dst_port: '80-90' };
    assert.equal((await kapkan.post('/api/v1/ban', { ip: '203.0.113.21', method: 'flowspec', match })).status, 200);
    assert.equal((await kapkan.post('/api/v1/ban', { ip: '203.0.113.22', ttl_seconds: 2 })).status, 200);
    assert.equal((await kapkan.post('/api/v1/ban', { ip: '203.0.113.53' })).status, 409);
    assert.equal((await kapkan.post('/api/v1/ban', { ip: '198.51.100.1' })).status, 409);
    await eventually(async () => {
      assert.deepEqual(await router.rib('ipv4-flowspec'), [
        '[destination: 203.0.113.21/32][protocol: ==udp][destination-port: >=80&<=90]',
      ]);
      assert.deepEqual(await router.rib('ipv4'), ['203.0.113.20/32']);
      // Before the router has learned the route of the third ban, its table looks as after the end of it.
      assert.match((await kapkan.bans('203.0.113.22'))[0].reason, /TTL|ttl|expire|ran out/);
    });
    assert.equal((await kapkan.post('/api/v1/unban', { ip: '203.0.113.20' })).status, 200);
    assert.equal((await kapkan.post('/api/v1/unban', { ip: '203.0.113.20' })).status, 404);
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), []));
  });
}
