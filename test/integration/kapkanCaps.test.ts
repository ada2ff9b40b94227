/*
 * The caps of the config hold at the router through the whole daemon: a router that allows no route more ends the session
 * at one too many.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './eventually.ts';
import { executableOf, startPair } from './gobgpLab.ts';
import { Kapkan } from './kapkan.ts';
import { liveConfig } from './kapkanLab.ts';

const HOSTS = ['203.0.113.20', '203.0.113.21', '203.0.113.22', '203.0.113.23'];

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: rules that are replaced while flowspec.max_rules is used up never exceed it at the router`, async (t) => {
    const executable = executableOf(t, api);
    const limit = { maxPrefixes: HOSTS.length };
    const pair = executable && (await startPair(t, executable, undefined, undefined, undefined, limit));
    if (!pair) return;
    const { injector, router } = pair;
    const config = liveConfig(injector.apiAddress, { flowspec: `{ max_rules: ${HOSTS.length} }` });
    const kapkan = await new Kapkan(t, config).start();
    const holds = (port: number) =>
      eventually(async () => {
        const rules = await router.rib('ipv4-flowspec');
        assert.equal(rules.length, HOSTS.length);
        assert.ok(rules.every((rule) => rule.includes(`==${port}`)));
      }, 15_000);
    for (const port of [53, 123, 389]) {
      for (const ip of HOSTS) {
        const match = { proto: 'udp', src_port: port };
        assert.equal((await kapkan.post('/api/v1/ban', { ip, method: 'flowspec', match })).status, 200);
      }
      await holds(port);
      assert.ok(await router.isEstablished(injector.options.address), 'the session is up');
    }
    const over = { ip: '203.0.113.24', method: 'flowspec', match: { proto: 'udp', src_port: 53 } };
    assert.equal((await kapkan.post('/api/v1/ban', over)).status, 409, 'one rule more is refused');
    // A pause and its end put all rules back at once.
    assert.equal((await kapkan.post('/api/v1/pause')).status, 200);
    await eventually(async () => assert.deepEqual(await router.rib('ipv4-flowspec'), []));
    assert.equal((await kapkan.post('/api/v1/resume')).status, 200);
    await holds(389);
    assert.ok(await router.isEstablished(injector.options.address), 'the session is up');
  });
}
