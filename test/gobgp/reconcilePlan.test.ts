import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { markCommunity } from '../../src/gobgp/pathAttributes.ts';
import {
  routesOfOtherVictims,
  routesToAnnounce,
  routesToWithdraw,
  rulesWithoutRoom,
  WantedRoute,
} from '../../src/gobgp/reconcilePlan.ts';
import { familyOfKey, type RibPath, RibSnapshot } from '../../src/gobgp/ribSnapshot.ts';
import { type Route, routeKey } from '../../src/mitigation/route.ts';
import { blackhole, flowspec } from '../fixtures/routeFixture.ts';

const MARK = markCommunity(65_001, 1);

/** Three victims, each with a blackhole and two rules that it may have. */
const VICTIMS = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const ROUTES: readonly { readonly victim: string; readonly route: Route }[] = VICTIMS.flatMap((victim) =>
  [blackhole(victim), flowspec(victim, { protocols: [6] }), flowspec(victim, { protocols: [17] })].map((route) => ({
    victim,
    route,
  })),
);
const VICTIM_OF = new Map(ROUTES.map(({ victim, route }) => [routeKey(route), victim]));

function wantedRoute(victim: string, route: Route): WantedRoute {
  const made = new WantedRoute({ key: routeKey(route), route, victim }, 0);
  made.encode(MARK);
  return made;
}

function pathOf(key: string, attributesText: string, marked = true, identifier = 0): RibPath {
  const family = familyOfKey(key);
  const nlri = { prefix: { prefixLen: 32, prefix: VICTIM_OF.get(key) ?? '' } } as RibPath['nlri'];
  const victim = VICTIM_OF.get(key) ?? '';
  return { key, family, victim, local: true, marked, attributesText, isWithdraw: false, nlri, identifier };
}

type InRib = 'absent' | 'as wanted' | 'other attributes' | 'foreign';

interface Situation {
  readonly wanted: ReadonlyMap<string, WantedRoute>;
  readonly rib: RibSnapshot;
  readonly states: ReadonlyMap<string, InRib>;
}

/** Any set of wanted routes, and any RIB. */
const situations: fc.Arbitrary<Situation> = fc
  .array(
    fc.record({
      isWanted: fc.boolean(),
      inRib: fc.constantFrom<InRib>('absent', 'as wanted', 'other attributes', 'foreign'),
    }),
    { minLength: ROUTES.length, maxLength: ROUTES.length },
  )
  .map((choices) => {
    const wanted = new Map<string, WantedRoute>();
    const states = new Map<string, InRib>();
    const paths: RibPath[] = [];
    choices.forEach(({ isWanted, inRib }, i) => {
      const { victim, route } = ROUTES[i];
      const made = wantedRoute(victim, route);
      const { key } = made.announcement;
      if (isWanted) wanted.set(key, made);
      states.set(key, inRib);
      if (inRib === 'foreign') paths.push(pathOf(key, 'theirs', false));
      if (inRib === 'as wanted') paths.push(pathOf(key, made.encoded?.attributesText ?? ''));
      if (inRib === 'other attributes') paths.push(pathOf(key, 'older'));
    });
    const rib = new RibSnapshot();
    rib.replaceAll(paths);
    return { wanted, rib, states };
  });

const SCOPE = { victimOf: ({ victim }: RibPath) => victim, mayWithdraw: () => true };
const keysOf = (paths: readonly RibPath[]) => paths.map(({ key }) => key).sort();

test('announced is exactly what is wanted and not there as wanted; a foreign route is never written over', () => {
  fc.assert(
    fc.property(situations, ({ wanted, rib, states }) => {
      const announced = routesToAnnounce(wanted.values(), rib).map(({ announcement: { key } }) => key);
      const expected = [...wanted.keys()].filter((key) =>
        ['absent', 'other attributes'].includes(states.get(key) ?? ''),
      );
      assert.deepEqual(announced.sort(), expected.sort());
    }),
  );
});

test('nothing foreign is ever withdrawn, and nothing wanted, before or after announcing', () => {
  fc.assert(
    fc.property(situations, fc.nat(9), ({ wanted, rib, states }, maxRules) => {
      const announced = routesToAnnounce(wanted.values(), rib);
      for (const path of [
        ...routesOfOtherVictims(wanted, rib, SCOPE),
        ...rulesWithoutRoom(announced, wanted, rib, SCOPE, maxRules),
        ...routesToWithdraw(wanted, rib, SCOPE),
      ]) {
        assert.notEqual(states.get(path.key), 'foreign');
        assert.ok(path.marked && !wanted.has(path.key), path.key);
      }
    }),
  );
});

test('routes of victims that want none go first; those of others stay until all that is wanted of theirs is there', () => {
  fc.assert(
    fc.property(situations, ({ wanted, rib, states }) => {
      const wants = new Set([...wanted.values()].map(({ announcement: { victim } }) => victim));
      const obsolete = [...states].filter(
        ([key, inRib]) => !wanted.has(key) && (inRib === 'as wanted' || inRib === 'other attributes'),
      );
      const first = obsolete.filter(([key]) => !wants.has(VICTIM_OF.get(key) ?? '')).map(([key]) => key);
      assert.deepEqual(keysOf(routesOfOtherVictims(wanted, rib, SCOPE)), first.sort());
      const uncovered = new Set(
        [...wanted.values()].filter((route) => !route.isIn(rib)).map(({ announcement: { victim } }) => victim),
      );
      const last = obsolete.filter(([key]) => !uncovered.has(VICTIM_OF.get(key) ?? '')).map(([key]) => key);
      assert.deepEqual(keysOf(routesToWithdraw(wanted, rib, SCOPE)), last.sort());
    }),
  );
});

test('rules make room only where peers have none, and no more of them than needed', () => {
  fc.assert(
    fc.property(situations, fc.nat(9), ({ wanted, rib }, maxRules) => {
      const announced = routesToAnnounce(wanted.values(), rib);
      const isRule = (key: string) => key.startsWith('ipv4-flowspec');
      const held = rib.ourKeys().filter(isRule);
      const added = announced.filter(({ announcement: { key } }) => isRule(key) && !held.includes(key));
      const obsolete = held.filter((key) => !wanted.has(key));
      const excess = Math.max(0, held.length + added.length - maxRules);
      const gone = rulesWithoutRoom(announced, wanted, rib, SCOPE, maxRules);
      assert.equal(gone.length, Math.min(excess, obsolete.length));
      assert.ok(gone.every(({ key }) => obsolete.includes(key)));
    }),
  );
});

test('what may not be withdrawn stays, whatever else is true of it', () => {
  fc.assert(
    fc.property(situations, ({ wanted, rib }) => {
      const scope = { ...SCOPE, mayWithdraw: () => false };
      assert.deepEqual(routesOfOtherVictims(wanted, rib, scope), []);
      assert.deepEqual(routesToWithdraw(wanted, rib, scope), []);
    }),
  );
});

test('a path of ours under another identifier is withdrawn beside the one that is wanted', () => {
  const [{ victim, route }] = ROUTES;
  const made = wantedRoute(victim, route);
  const { key } = made.announcement;
  const rib = new RibSnapshot();
  const text = made.encoded?.attributesText ?? '';
  rib.replaceAll([pathOf(key, text), pathOf(key, text, true, 7)]);
  const wanted = new Map([[key, made]]);
  assert.deepEqual(
    routesToWithdraw(wanted, rib, SCOPE).map(({ identifier }) => identifier),
    [7],
  );
});
