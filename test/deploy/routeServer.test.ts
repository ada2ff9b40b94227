import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { requireDaemon, skip } from '../integration/daemons.ts';
import { eventually } from '../integration/eventually.ts';
import type { Gobgpd } from '../integration/gobgpd.ts';
import { type Injector, Lab } from './shippedLab.ts';

/** Sessions wait some seconds before they try, and again after a refused try. */
const SESSION_TIMEOUT_MS = 60_000;

const BLACKHOLE4 = ['203.0.113.7/32', 'nexthop', '192.0.2.1', 'community', '65535:666'];
const BLACKHOLE6 = ['-a', 'ipv6', '2001:db8:a::7/128', 'nexthop', '100::1', 'community', '65535:666'];
const FLOWSPEC4 = [
  '-a',
  'ipv4-flowspec',
  'match',
  'destination',
  '203.0.113.7/32',
  'protocol',
  'udp',
  'then',
  'discard',
];
const FLOWSPEC6 = [
  '-a',
  'ipv6-flowspec',
  'match',
  'destination',
  '2001:db8:a::7/128',
  'protocol',
  'udp',
  'then',
  'discard',
];

/** What must not reach a member: no host route, and none that is tagged. */
const STRAY = [
  ['203.0.113.0/24', 'nexthop', '192.0.2.1', 'community', '65535:666'],
  ['203.0.113.9/32', 'nexthop', '192.0.2.1'],
];

/** A host route of an address that Kapkan does not protect. */
const UNPROTECTED = [
  ['192.0.2.77/32', 'nexthop', '192.0.2.1', 'community', '65535:666'],
  ['-a', 'ipv6', '2001:db8:c::7/128', 'nexthop', '100::1', 'community', '65535:666'],
];

/** Which BIRD can filter by its destination, and GoBGP cannot. */
const UNPROTECTED_FLOWSPEC = [
  ['-a', 'ipv4-flowspec', 'match', 'destination', '192.0.2.77/32', 'protocol', 'udp', 'then', 'discard'],
];

const IPV4 = ['nexthop', '192.0.2.1'];
const IPV6 = ['nexthop', '100::1'];
const TAGGED = ['community', '65535:666'];
/** Kapkan's mark, which says nothing about who sends it. */
const MARKED = ['large-community', '64512:19280:1'];

/** What the first member announces and must not: it is another's, or not as long as it may be. */
const REFUSED_OF_MEMBER = [
  ['198.18.0.9/32', ...IPV4, ...TAGGED],
  ['198.18.0.10/32', ...IPV4, ...TAGGED, ...MARKED],
  ['192.0.2.77/32', ...IPV4, ...TAGGED],
  ['198.18.1.0/24', ...IPV4],
  ['203.0.113.9/32', ...IPV4],
  ['203.0.113.128/25', ...IPV4],
  ['203.0.113.16/28', ...IPV4, ...TAGGED],
  ['0.0.0.0/0', ...IPV4],
  ['0.0.0.0/0', ...IPV4, ...TAGGED],
  ['-a', 'ipv6', '2001:db8:b::9/128', ...IPV6, ...TAGGED],
  ['-a', 'ipv6', '2001:db8:b::/48', ...IPV6],
  ['-a', 'ipv6', '2001:db8:a::9/128', ...IPV6],
  ['-a', 'ipv6', '2001:db8:a:1::/64', ...IPV6],
  ['-a', 'ipv6', '2001:db8:a:2::/64', ...IPV6, ...TAGGED],
  ['-a', 'ipv4-flowspec', 'match', 'destination', '203.0.113.8/32', 'protocol', 'udp', 'then', 'discard'],
  ['-a', 'ipv6-flowspec', 'match', 'destination', '2001:db8:a::8/128', 'protocol', 'udp', 'then', 'discard'],
];

/** What it may announce. */
const TAKEN_OF_MEMBER = [
  ['203.0.113.8/32', ...IPV4, ...TAGGED],
  ['203.0.113.0/24', ...IPV4],
  ['-a', 'ipv6', '2001:db8:a::8/128', ...IPV6, ...TAGGED],
  ['-a', 'ipv6', '2001:db8:a::/48', ...IPV6],
];

/** NO_EXPORT (RFC 1997) as gobgp prints it, and BLACKHOLE (RFC 7999). */
const NO_EXPORT = 0xffffff01;
const BLACKHOLE = 0xffff029a;

async function inject(injector: Injector, action: 'add' | 'del', routes: readonly string[][]): Promise<void> {
  for (const words of routes) await injector.ask('global', 'rib', action, ...words);
}

async function memberHears(member: Gobgpd, withFlowspec: boolean): Promise<void> {
  const flowspec = withFlowspec ? 1 : 0;
  await eventually(async () => {
    assert.deepEqual(await member.rib('ipv4'), ['203.0.113.7/32']);
    assert.deepEqual(await member.rib('ipv6'), ['2001:db8:a::7/128']);
    assert.equal((await member.rib('ipv4-flowspec')).length, flowspec);
    assert.equal((await member.rib('ipv6-flowspec')).length, flowspec);
  }, SESSION_TIMEOUT_MS);
  for (const [family, nlri, nextHop] of [
    ['ipv4', '203.0.113.7/32', '192.0.2.1'],
    ['ipv6', '2001:db8:a::7/128', '100::1'],
  ] as const) {
    const attributes = await member.attributes(family, nlri);
    for (const part of [String(NO_EXPORT), String(BLACKHOLE), `"${nextHop}"`]) {
      assert.ok(attributes.includes(part), `${nlri} has no ${part}: ${attributes}`);
    }
    assert.ok(!attributes.includes('64500'), `the route server put itself into the path of ${nlri}`);
  }
}

async function memberHearsNothing(member: Gobgpd): Promise<void> {
  await eventually(async () => {
    for (const family of ['ipv4', 'ipv6', 'ipv4-flowspec', 'ipv6-flowspec'] as const) {
      assert.deepEqual(await member.rib(family), []);
    }
  });
}

/** Injector, route server and member out of the shipped files: the member hears what it should, and loses it again. */
async function checkRouteServer(
  t: TestContext,
  gobgpd: string,
  startRouteServer: (lab: Lab) => void,
  withFlowspec: boolean,
): Promise<void> {
  const lab = await Lab.create(t);
  startRouteServer(lab);
  const [injector, member] = await Promise.all([lab.startInjector(gobgpd), lab.startMember(gobgpd)]);
  const wanted = [BLACKHOLE4, BLACKHOLE6, FLOWSPEC4, FLOWSPEC6];
  await inject(injector, 'add', [...STRAY, ...wanted]);
  await memberHears(member, withFlowspec);
  await inject(injector, 'del', wanted);
  await memberHearsNothing(member);
}

test('members of a GoBGP route server receive the blackhole and FlowSpec routes of the injector', async (t) => {
  const gobgpd = requireDaemon(t, 'gobgpd');
  if (gobgpd === undefined) return;
  await checkRouteServer(t, gobgpd, (lab) => lab.startGobgpRouteServer(gobgpd), true);
});

test('members of a BIRD route server receive the blackhole and FlowSpec routes of the injector', async (t) => {
  const gobgpd = requireDaemon(t, 'gobgpd');
  const bird = requireDaemon(t, 'bird');
  if (gobgpd === undefined || bird === undefined) return;
  await checkRouteServer(t, gobgpd, (lab) => lab.startBirdRouteServer(bird), true);
});

test('members of an OpenBGPD route server receive the blackhole routes of the injector', async (t) => {
  const gobgpd = requireDaemon(t, 'gobgpd');
  const bgpd = requireOpenbgpd(t);
  if (gobgpd === undefined || bgpd === undefined) return;
  await checkRouteServer(t, gobgpd, (lab) => lab.startOpenbgpdRouteServer(bgpd), false);
});

function requireOpenbgpd(t: TestContext): string | undefined {
  const bgpd = requireDaemon(t, 'bgpd');
  if (bgpd === undefined || process.getuid?.() === 0) return bgpd;
  return skip(t, 'bgpd separates its privileges, so only root can start it; run the tests as root');
}

/** What one member is told of all that another member and the injector announce: of that, much must be refused. */
async function checkFilters(
  t: TestContext,
  gobgpd: string,
  startRouteServer: (lab: Lab) => void,
  flowspec: 'filtered' | 'unfiltered' | 'unknown',
): Promise<void> {
  const lab = await Lab.create(t);
  startRouteServer(lab);
  const [injector, first, second] = await Promise.all([
    lab.startInjector(gobgpd),
    lab.startMember(gobgpd),
    lab.startMember(gobgpd, 2),
  ]);
  const rules = flowspec === 'filtered' ? UNPROTECTED_FLOWSPEC : [];
  await inject(injector, 'add', [...STRAY, ...UNPROTECTED, ...rules]);
  for (const words of [...REFUSED_OF_MEMBER, ...TAKEN_OF_MEMBER]) await first.globalRib('add', ...words);
  // What comes after what is refused, so that whoever has it has judged that too.
  await inject(injector, 'add', [BLACKHOLE4, BLACKHOLE6, FLOWSPEC4, FLOWSPEC6]);
  const count = flowspec === 'unknown' ? 0 : 1;
  await eventually(async () => {
    assert.deepEqual(await second.rib('ipv4'), ['203.0.113.0/24', '203.0.113.7/32', '203.0.113.8/32']);
    assert.deepEqual(await second.rib('ipv6'), ['2001:db8:a::/48', '2001:db8:a::7/128', '2001:db8:a::8/128']);
    assert.equal((await second.rib('ipv4-flowspec')).length, count);
    assert.equal((await second.rib('ipv6-flowspec')).length, count);
  }, SESSION_TIMEOUT_MS);
  const attributes = await second.attributes('ipv4', '203.0.113.8/32');
  assert.ok(attributes.includes(String(NO_EXPORT)), attributes);

  // Each member has a list of its own.
  await second.globalRib('add', '203.0.113.55/32', ...IPV4, ...TAGGED);
  await second.globalRib('add', '198.18.2.2/32', ...IPV4, ...TAGGED);
  await eventually(async () => assert.ok((await first.rib('ipv4')).includes('198.18.2.2/32')));
  assert.ok(!(await first.rib('ipv4')).includes('203.0.113.55/32'));
}

test('a GoBGP route server takes blackholes and prefixes of a member only for its own addresses', async (t) => {
  const gobgpd = requireDaemon(t, 'gobgpd');
  if (gobgpd === undefined) return;
  await checkFilters(t, gobgpd, (lab) => lab.startGobgpRouteServer(gobgpd), 'unfiltered');
});

test('a BIRD route server takes blackholes and prefixes of a member only for its own addresses', async (t) => {
  const gobgpd = requireDaemon(t, 'gobgpd');
  const bird = requireDaemon(t, 'bird');
  if (gobgpd === undefined || bird === undefined) return;
  await checkFilters(t, gobgpd, (lab) => lab.startBirdRouteServer(bird), 'filtered');
});

test('an OpenBGPD route server takes blackholes and prefixes of a member only for its own addresses', async (t) => {
  const gobgpd = requireDaemon(t, 'gobgpd');
  const bgpd = requireOpenbgpd(t);
  if (gobgpd === undefined || bgpd === undefined) return;
  await checkFilters(t, gobgpd, (lab) => lab.startOpenbgpdRouteServer(bgpd), 'unknown');
});

test('the injector sends its routes to its neighbours and accepts none from them', async (t) => {
  const gobgpd = requireDaemon(t, 'gobgpd');
  if (gobgpd === undefined) return;
  const lab = await Lab.create(t);
  const [neighbor, injector] = [await lab.startNeighbor(gobgpd), await lab.startInjector(gobgpd)];
  await neighbor.globalRib('add', '198.18.0.0/15', 'nexthop', '192.0.2.9');
  await inject(injector, 'add', [BLACKHOLE4, FLOWSPEC4]);
  await eventually(async () => {
    assert.deepEqual(await neighbor.rib('ipv4'), ['198.18.0.0/15', '203.0.113.7/32']);
    assert.equal((await neighbor.rib('ipv4-flowspec')).length, 1);
    const received = await injector.ask('neighbor', lab.routeServer, 'adj-in');
    assert.match(received, /198\.18\.0\.0\/15/);
  }, SESSION_TIMEOUT_MS);
  const rib = await injector.ask('global', 'rib');
  assert.match(rib, /203\.0\.113\.7\/32/);
  assert.doesNotMatch(rib, /198\.18\.0\.0/);
});
