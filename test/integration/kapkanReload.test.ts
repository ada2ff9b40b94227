/*
 * What a reload changes about bans that are active, seen in a real GoBGP and at a real peer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './eventually.ts';
import { liveConfig, startLive } from './kapkanLab.ts';

const LADDER = '203.0.113.5';
const OTHER = '203.0.113.99';

const groupOf = (text: string) => ({ hostgroups: `[{ name: web, networks: [203.0.113.0/28], ${text} }]` });

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: communities, rungs and mitigation of a changed config reach active bans`, async (t) => {
    const ladder = 'escalation: [{ after_seconds: 0, action: flowspec }, { after_seconds: 6, action: blackhole }]';
    const live = await startLive(t, api, groupOf(ladder));
    if (live === undefined) return;
    const { kapkan, router, injector } = live;
    const reload = async (changes: { readonly [key: string]: string }) => {
      kapkan.configure(liveConfig(injector.apiAddress, changes));
      const { status, body } = await kapkan.post('/api/v1/config/reload');
      assert.equal(status, 200, JSON.stringify(body));
    };
    const stops = [
      kapkan.flood({ target: LADDER, attack: 'syn_flood' }),
      kapkan.flood({ target: OTHER, attack: 'syn_flood' }),
    ];
    const blackholed = async () => (await router.rib('ipv4')).toSorted();
    const rules = () => router.rib('ipv4-flowspec');
    await eventually(
      async () => assert.deepEqual(await blackholed(), [`${LADDER}/32`, `${OTHER}/32`].toSorted()),
      30_000,
    );

    // The rung that blackholes goes: the rule takes its place. The community of the other changes in place.
    await reload({
      ...groupOf('escalation: [{ after_seconds: 0, action: flowspec }]'),
      bgp: '{ next_hop: 192.0.2.1, community: "65001:777" }',
    });
    await eventually(async () => assert.deepEqual(await blackholed(), [`${OTHER}/32`]), 15_000);
    assert.equal((await rules()).length, 1);
    await eventually(async () =>
      assert.match(
        await router.attributes('ipv4', `${OTHER}/32`),
        new RegExp(`"communities":\\[${65001 * 65536 + 777}\\]`),
      ),
    );

    await reload(groupOf('mitigation: none'));
    await eventually(async () => assert.deepEqual(await rules(), []), 15_000);
    const ended = (await kapkan.bans(LADDER)).at(0);
    assert.deepEqual([ended?.state, ended?.ended_by], ['withdrawn', 'config_changed']);
    assert.deepEqual(await blackholed(), [`${OTHER}/32`], 'the rest of the network is still protected');
    for (const stop of stops) await stop();
  });
}
