/*
 * What Kapkan announces, against real daemons of both generations, seen from the router that hears it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_FLOWSPEC_OCTETS } from '../../src/mitigation/harmlessFlowspec.ts';
import { routeKey } from '../../src/mitigation/route.ts';
import { blackhole, flowspec, ruleOfOctets, wanted } from '../fixtures/routeFixture.ts';
import { eventually } from './eventually.ts';
import { connected, executableOf, startAnnouncer, startInjector, startPair } from './gobgpLab.ts';

const blackhole4 = blackhole('192.0.2.1', { localPref: 200 });
const blackhole6 = blackhole('2001:db8::1');
const synFlood = flowspec('192.0.2.2', { protocols: [6], tcpFlags: { set: 0x02, clear: 0x10 } });
const amplification = flowspec('192.0.2.2', { protocols: [17], sourcePorts: [{ from: 123, to: 123 }] }, 125_000);
const fragments6 = flowspec('2001:db8::2', { fragment: true });

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: the router hears blackhole and FlowSpec routes of both families, and loses them`, async (t) => {
    const executable = executableOf(t, api);
    const pair = executable === undefined ? undefined : await startPair(t, executable);
    if (pair === undefined) return;
    const { injector, router } = pair;
    const announcer = startAnnouncer(t, injector.apiAddress);
    await connected(announcer);
    assert.equal(announcer.status().api, api);
    assert.equal(announcer.status().asn, 65_001);

    const routes = [blackhole4, blackhole6, synFlood, amplification, fragments6];
    const startedAt = performance.now();
    announcer.setWanted(wanted(...routes));
    await eventually(() => announcer.isSettled);
    t.diagnostic(`5 routes in the RIB and read back in ${(performance.now() - startedAt).toFixed(0)} ms`);
    assert.deepEqual(announcer.counts(), { unicast: 2, flowspec: 3 });

    await eventually(async () => {
      assert.deepEqual(await router.rib('ipv4'), ['192.0.2.1/32']);
      assert.deepEqual(await router.rib('ipv6'), ['2001:db8::1/128']);
      assert.equal((await router.rib('ipv4-flowspec')).length, 2);
      assert.equal((await router.rib('ipv6-flowspec')).length, 1);
    });
    const syn = (await router.rib('ipv4-flowspec')).find((rule) => rule.includes('tcp-flags'));
    assert.match(syn ?? '', /=S&!=A/);
    const heard = await router.attributes('ipv4', '192.0.2.1/32');
    assert.match(heard, /"communities":\[4294902426\]/);
    assert.match(heard, /65001.{0,30}19280/);

    await eventually(() => {
      for (const route of routes) {
        const { installed, advertisedTo, notAdvertisedTo } = announcer.evidence(routeKey(route));
        assert.equal(installed, true);
        assert.deepEqual(advertisedTo, [router.options.address]);
        assert.deepEqual(notAdvertisedTo, []);
      }
    });
    assert.equal(announcer.peers()[0].advertised['ipv4-flowspec'], 2);
    assert.equal(announcer.audience('ipv6-flowspec'), 'some');

    announcer.setWanted(new Map());
    await eventually(async () => {
      for (const family of ['ipv4', 'ipv6', 'ipv4-flowspec', 'ipv6-flowspec'] as const) {
        assert.deepEqual(await router.rib(family), []);
      }
    });
    assert.deepEqual(announcer.counts(), { unicast: 0, flowspec: 0 });
  });

  test(`${api}: the longest rule that is let through reaches the router whole, and a longer one harms no session`, async (t) => {
    const executable = executableOf(t, api);
    const pair = executable === undefined ? undefined : await startPair(t, executable);
    if (pair === undefined) return;
    const { injector, router } = pair;
    const announcer = startAnnouncer(t, injector.apiAddress);
    const targets = ['192.0.2.1', '2001:db8::1'];
    const longest = targets.map((target) => ruleOfOctets(target, MAX_FLOWSPEC_OCTETS));
    const tooLong = targets.map((target) => ruleOfOctets(target, MAX_FLOWSPEC_OCTETS + 1));
    announcer.setWanted(wanted(...longest, ...tooLong, blackhole4));
    await eventually(() => announcer.counts().flowspec === longest.length);
    for (const route of tooLong) assert.match(announcer.evidence(routeKey(route)).lastError ?? '', /octets long/);
    for (const family of ['ipv4-flowspec', 'ipv6-flowspec'] as const) {
      await eventually(async () => assert.deepEqual(await router.rib(family), await injector.rib(family)));
      assert.equal((await router.rib(family)).length, 1);
    }
    assert.ok(await router.isEstablished(injector.options.address));
  });

  test(`${api}: a family the router did not negotiate has no audience, and the evidence says why`, async (t) => {
    const executable = executableOf(t, api);
    const pair = executable === undefined ? undefined : await startPair(t, executable, ['ipv4-unicast']);
    if (pair === undefined) return;
    const announcer = startAnnouncer(t, pair.injector.apiAddress);
    await connected(announcer);
    assert.equal(announcer.audience('ipv4-unicast'), 'some');
    assert.equal(announcer.audience('ipv4-flowspec'), 'none');
    announcer.setWanted(wanted(synFlood));
    await eventually(() => announcer.isSettled);
    assert.deepEqual(announcer.evidence(routeKey(synFlood)).notAdvertisedTo, [
      { peer: pair.router.options.address, why: 'family not negotiated' },
    ]);
  });

  test(`${api}: a route-server client never gets injected routes, and is reported so`, async (t) => {
    const executable = executableOf(t, api);
    const pair =
      executable === undefined ? undefined : await startPair(t, executable, undefined, { routeServerClient: true });
    if (pair === undefined) return;
    const announcer = startAnnouncer(t, pair.injector.apiAddress);
    await connected(announcer);
    announcer.setWanted(wanted(blackhole4));
    await eventually(() => announcer.isSettled);
    assert.equal(announcer.audience('ipv4-unicast'), 'none');
    assert.equal(announcer.peers()[0].routeServerClient, true);
    assert.deepEqual(announcer.evidence(routeKey(blackhole4)).notAdvertisedTo, [
      { peer: pair.router.options.address, why: 'route-server client' },
    ]);
    assert.deepEqual(await pair.router.rib('ipv4'), []);
  });

  test(`${api}: a router that goes away is reported as a session that is down, and heard of when it is back`, async (t) => {
    const executable = executableOf(t, api);
    const pair = executable === undefined ? undefined : await startPair(t, executable);
    if (pair === undefined) return;
    const states: string[] = [];
    const announcer = startAnnouncer(t, pair.injector.apiAddress, {
      onChange: (change) => {
        if (change.kind === 'peer') states.push(change.peer.state);
      },
    });
    await connected(announcer);
    announcer.setWanted(wanted(blackhole4));
    await eventually(() => announcer.evidence(routeKey(blackhole4)).advertisedTo.length === 1);
    await pair.router.end('SIGKILL');
    await eventually(() => announcer.evidence(routeKey(blackhole4)).notAdvertisedTo[0]?.why === 'session down');
    assert.equal(announcer.evidence(routeKey(blackhole4)).installed, true);
    assert.equal(announcer.audience('ipv4-unicast'), 'none');
    assert.equal(states[0], 'established');
    assert.notEqual(states[1], 'established');
    await pair.router.launch();
    await eventually(() => announcer.evidence(routeKey(blackhole4)).advertisedTo.length === 1, 60_000);
  });

  test(`${api}: an export policy that holds a route back shows in the evidence`, async (t) => {
    const executable = executableOf(t, api);
    const policy = `
[[defined-sets.prefix-sets]]
  prefix-set-name = "held-back"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "192.0.2.1/32"
[[policy-definitions]]
  name = "hold-back"
  [[policy-definitions.statements]]
    name = "hold-back"
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "held-back"
    [policy-definitions.statements.actions]
      route-disposition = "reject-route"
[global.apply-policy.config]
  export-policy-list = ["hold-back"]
  default-export-policy = "accept-route"
`;
    const pair = executable === undefined ? undefined : await startPair(t, executable, undefined, {}, policy);
    if (pair === undefined) return;
    const announcer = startAnnouncer(t, pair.injector.apiAddress);
    await connected(announcer);
    const other = blackhole('192.0.2.9');
    announcer.setWanted(wanted(blackhole4, other));
    await eventually(() => announcer.evidence(routeKey(other)).advertisedTo.length === 1);
    assert.deepEqual(announcer.evidence(routeKey(blackhole4)).notAdvertisedTo, [
      { peer: pair.router.options.address, why: 'export policy' },
    ]);
  });

  test(`${api}: a thousand routes are announced, read back and withdrawn`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const injector = await startInjector(t, executable);
    const announcer = startAnnouncer(t, injector.apiAddress);
    await connected(announcer);
    const routes = Array.from({ length: 500 }, (_, i) => [
      blackhole(`198.51.${i >> 8}.${i & 255}`),
      flowspec(`203.0.${i >> 8}.${i & 255}`, { protocols: [17], sourcePorts: [{ from: 53, to: 53 }] }),
    ]).flat();
    const announcedAt = performance.now();
    announcer.setWanted(wanted(...routes));
    await eventually(() => announcer.isSettled);
    const withdrawnAt = performance.now();
    assert.deepEqual(announcer.counts(), { unicast: 500, flowspec: 500 });
    assert.equal((await injector.rib('ipv4')).length, 500);
    announcer.setWanted(new Map());
    await eventually(() => announcer.isSettled);
    const doneAt = performance.now();
    t.diagnostic(
      `announced and read back in ${(withdrawnAt - announcedAt).toFixed(0)} ms, withdrawn in ${(doneAt - withdrawnAt).toFixed(0)} ms`,
    );
    assert.deepEqual(await injector.rib('ipv4'), []);
    assert.deepEqual(await injector.rib('ipv4-flowspec'), []);
  });
}
