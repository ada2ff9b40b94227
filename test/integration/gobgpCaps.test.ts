/*
 * Never more routes at a peer than the caps allow, at any moment: the router ends the session at one route too many,
 * and all would be lost.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from '../../src/mitigation/route.ts';
import { blackhole, flowspec, wanted } from '../fixtures/routeFixture.ts';
import { eventually } from './eventually.ts';
import { executableOf, type Pair, startAnnouncer, startPair } from './gobgpLab.ts';

const CAP = 20;

const hosts = (network: string, count = CAP): string[] =>
  Array.from({ length: count }, (_, i) => `${network}.${i + 1}`);
const rule = (target: string, sourcePort: number): Route =>
  flowspec(target, { protocols: [17], sourcePorts: [{ from: sourcePort, to: sourcePort }] });

/** What the router holds of a family once it holds as much as is wanted. */
async function heard(
  { router, injector }: Pair,
  family: 'ipv4' | 'ipv4-flowspec',
  isAsWanted: (nlris: readonly string[]) => boolean,
): Promise<void> {
  await eventually(async () => assert.ok(isAsWanted(await router.rib(family))), 15_000);
  assert.ok(await router.isEstablished(injector.options.address), 'the session is up');
}

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: bans that end and others that begin in one decision never exceed the cap at the router`, async (t) => {
    const executable = executableOf(t, api);
    const limit = { maxPrefixes: CAP };
    const pair =
      executable === undefined ? undefined : await startPair(t, executable, undefined, undefined, undefined, limit);
    if (pair === undefined) return;
    const { injector, router } = pair;
    const announcer = startAnnouncer(t, injector.apiAddress);
    const [before, after] = [hosts('192.0.2'), hosts('198.51.100')].map((targets) => targets.map((a) => blackhole(a)));
    announcer.setWanted(wanted(...before));
    await heard(pair, 'ipv4', (nlris) => nlris.length === CAP);
    announcer.setWanted(wanted(...after));
    await heard(pair, 'ipv4', (nlris) => nlris.length === CAP && nlris.every((nlri) => nlri.startsWith('198.51.100.')));

    // While GoBGP hangs, what is wanted becomes another set once more.
    injector.pause();
    announcer.setWanted(wanted(...before));
    await new Promise((resolve) => setTimeout(resolve, 300));
    announcer.setWanted(wanted(...hosts('203.0.113').map((a) => blackhole(a))));
    await new Promise((resolve) => setTimeout(resolve, 300));
    injector.resume();
    await heard(pair, 'ipv4', (nlris) => nlris.length === CAP && nlris.every((nlri) => nlri.startsWith('203.0.113.')));
    assert.equal((await router.rib('ipv4')).length, CAP);
  });

  test(`${api}: rules that replace each other, of other victims or of the same, never exceed the budget at the router`, async (t) => {
    const executable = executableOf(t, api);
    const limit = { maxPrefixes: CAP };
    const pair =
      executable === undefined ? undefined : await startPair(t, executable, undefined, undefined, undefined, limit);
    if (pair === undefined) return;
    const announcer = startAnnouncer(t, pair.injector.apiAddress);
    const sets = [
      hosts('192.0.2').map((target) => rule(target, 123)),
      hosts('198.51.100').map((target) => rule(target, 123)),
      // The same victims by another vector.
      hosts('198.51.100').map((target) => rule(target, 53)),
      // One victim, as many rules as there is room for, each of them replaced.
      hosts('198.51.100').map((_, i) => rule('203.0.113.1', 1000 + i)),
      hosts('198.51.100').map((_, i) => rule('203.0.113.1', 2000 + i)),
    ];
    for (const [i, set] of sets.entries()) {
      announcer.setWanted(wanted(...set), CAP);
      const words = ['192.0.2.', '198.51.100.', '==53', '==10', '==20'][i];
      await heard(pair, 'ipv4-flowspec', (nlris) => nlris.length === CAP && nlris.every((n) => n.includes(words)));
    }
  });
}
