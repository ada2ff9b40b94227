import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_ADVERTISED, type Peer } from '../../src/gobgp/peer.ts';
import { PeerTable } from '../../src/gobgp/peerTable.ts';
import type { RibReader } from '../../src/gobgp/ribReader.ts';
import type { RibPath } from '../../src/gobgp/ribSnapshot.ts';

const KEY = 'ipv4-unicast 192.0.2.1/32';
const RULE = 'ipv4-flowspec dst 192.0.2.1/32 proto udp';

function peerOf(address: string, changes: Partial<Peer> = {}): Peer {
  return {
    daemon: '127.0.0.1:50051',
    address,
    asn: 65_002,
    state: 'established',
    uptimeSeconds: 60,
    families: ['ipv4-unicast', 'ipv4-flowspec'],
    routeServerClient: false,
    localRestarting: false,
    localAddress: '198.51.100.1',
    advertised: NOTHING_ADVERTISED,
    ...changes,
  };
}

/** A GoBGP whose adj-outs hold these keys, by peer. */
function readerOf(adjOut: {
  readonly [peer: string]: readonly (readonly [key: string, marked: boolean])[];
}): RibReader {
  const listAdjOut = async (keys: readonly string[], peer: string) =>
    (adjOut[peer] ?? [])
      .filter(([key]) => keys.includes(key))
      .map(([key, marked]) => ({ key, marked, local: false }) as RibPath);
  return { listAdjOut } as unknown as RibReader;
}

const ALWAYS = () => true;

test('a route reaches the peers whose adj-out holds ours, and for each other peer there is a reason', async () => {
  const table = new PeerTable();
  table.replacePeers([
    peerOf('192.0.2.101'),
    peerOf('192.0.2.102', { state: 'idle', families: [] }),
    peerOf('192.0.2.103', { families: ['ipv4-flowspec'] }),
    peerOf('192.0.2.104', { routeServerClient: true }),
    peerOf('192.0.2.105'),
    peerOf('192.0.2.106'),
    peerOf('192.0.2.107', { localRestarting: true }),
  ]);
  const before = table.reachOf(KEY);
  assert.deepEqual([before.advertisedTo, before.isReachUnknown], [[], true]);
  const adjOut = { '192.0.2.101': [[KEY, true]], '192.0.2.106': [[KEY, false]], '192.0.2.107': [[KEY, true]] } as const;
  assert.equal(await table.readAdvertised(readerOf(adjOut), [KEY], ALWAYS), true);
  const { advertisedTo, notAdvertisedTo, isReachUnknown } = table.reachOf(KEY);
  assert.deepEqual([advertisedTo, isReachUnknown], [['192.0.2.101'], false]);
  assert.deepEqual(
    notAdvertisedTo.map(({ peer, why }) => `${peer.slice(-3)} ${why}`),
    [
      '102 session down',
      '103 family not negotiated',
      '104 route-server client',
      '105 export policy',
      '106 another path is preferred',
      '107 GoBGP is restarting gracefully and holds its routes back',
    ],
  );
  assert.equal(await table.readAdvertised(readerOf(adjOut), [KEY], ALWAYS), false, 'nothing is different');
});

test('what a peer was sent counts no more once its session is down, and is read anew when it is back', async () => {
  const table = new PeerTable();
  const reader = readerOf({ '192.0.2.101': [[KEY, true]] });
  table.replacePeers([peerOf('192.0.2.101')]);
  await table.readAdvertised(reader, [KEY], ALWAYS);
  table.replacePeers([peerOf('192.0.2.101', { state: 'active', families: [] })]);
  assert.deepEqual(table.reachOf(KEY).advertisedTo, []);
  table.replacePeers([peerOf('192.0.2.101')]);
  assert.equal(table.reachOf(KEY).isReachUnknown, true);
  await table.readAdvertised(reader, [KEY], ALWAYS);
  assert.deepEqual(table.reachOf(KEY).advertisedTo, ['192.0.2.101']);
});

test('an answer that comes after the route was given up, or after the session went down, is not taken', async () => {
  const table = new PeerTable();
  table.replacePeers([peerOf('192.0.2.101')]);
  let isWanted = true;
  const reading = table.readAdvertised(readerOf({ '192.0.2.101': [[KEY, true]] }), [KEY], () => isWanted);
  isWanted = false;
  assert.equal(await reading, false);
  const late = table.readAdvertised(readerOf({ '192.0.2.101': [[KEY, true]] }), [KEY], ALWAYS);
  table.replacePeers([peerOf('192.0.2.101', { state: 'idle', families: [] })]);
  assert.equal(await late, false);
});

test('a family can be sent where some established peer negotiated it and is no route-server client', () => {
  const table = new PeerTable();
  assert.equal(table.canBeSent('ipv4-unicast'), false);
  table.replacePeers([peerOf('192.0.2.101', { routeServerClient: true }), peerOf('192.0.2.102', { state: 'idle' })]);
  assert.equal(table.canBeSent('ipv4-unicast'), false);
  table.replacePeers([peerOf('192.0.2.101', { families: ['ipv4-unicast'] })]);
  assert.deepEqual([table.canBeSent('ipv4-unicast'), table.canBeSent('ipv4-flowspec')], [true, false]);
});

test('both ends of a session stay known while it is down', () => {
  const table = new PeerTable();
  table.replacePeers([peerOf('192.0.2.101')]);
  table.replacePeers([peerOf('192.0.2.101', { state: 'idle', localAddress: undefined })]);
  assert.equal(table.bgpEndpoints().length, 2);
});

test('peers show how many of our routes they are sent, by family', async () => {
  const table = new PeerTable();
  table.replacePeers([peerOf('192.0.2.101')]);
  await table.readAdvertised(
    readerOf({
      '192.0.2.101': [
        [KEY, true],
        [RULE, true],
      ],
    }),
    [KEY, RULE],
    ALWAYS,
  );
  const [{ advertised }] = table.peers();
  assert.deepEqual([advertised['ipv4-unicast'], advertised['ipv4-flowspec']], [1, 1]);
  table.forget(RULE);
  assert.equal(table.peers()[0].advertised['ipv4-flowspec'], 0);
});
