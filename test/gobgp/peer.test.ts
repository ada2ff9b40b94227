import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPeer, whyUnreachable } from '../../src/gobgp/peer.ts';
import { PeerTable } from '../../src/gobgp/peerTable.ts';
import { familyNumbers, type WireCapability, type WirePeer } from '../../src/gobgp/wirePath.ts';
import type { RouteFamily } from '../../src/mitigation/route.ts';

import { formatAddress } from '../../src/net/address.ts';

const NOW = 1_700_000_000_000;

function offer(...families: RouteFamily[]): WireCapability[] {
  return [{}, ...families.map((family) => ({ multiProtocol: { family: familyNumbers(family) } }))];
}

function wirePeer(remoteCap: WireCapability[], sessionState = 6, routeServerClient = false): WirePeer {
  return {
    conf: { neighborAddress: '192.0.2.9', peerAsn: 65_002 },
    state: {
      neighborAddress: '192.0.2.9',
      peerAsn: 65_002,
      sessionState,
      remoteCap,
      localCap: offer('ipv4-unicast', 'ipv4-flowspec', 'ipv6-unicast'),
    },
    timers: { state: { uptime: { seconds: NOW / 1000 - 90 } } },
    transport: { localAddress: '192.0.2.1' },
    routeServer: { routeServerClient },
    gracefulRestart: null,
  };
}

test('a session carries what both ends offered', () => {
  const peer = readPeer(wirePeer(offer('ipv4-unicast', 'ipv4-flowspec', 'ipv6-flowspec')), 'gobgp', NOW);
  assert.deepEqual(peer.families, ['ipv4-unicast', 'ipv4-flowspec']);
  assert.equal(peer.uptimeSeconds, 90);
  assert.equal(peer.localAddress, '192.0.2.1');
  assert.equal(whyUnreachable(peer, 'ipv4-flowspec'), undefined);
  assert.equal(whyUnreachable(peer, 'ipv6-unicast'), 'family not negotiated');
});

test('a peer that offers no family speaks IPv4 unicast', () => {
  assert.deepEqual(readPeer(wirePeer([]), 'gobgp', NOW).families, ['ipv4-unicast']);
});

test('a peer whose session is down carries nothing and has no uptime', () => {
  const peer = readPeer(wirePeer(offer('ipv4-unicast'), 3), 'gobgp', NOW);
  assert.equal(peer.state, 'active');
  assert.deepEqual(peer.families, []);
  assert.equal(peer.uptimeSeconds, 0);
  assert.equal(whyUnreachable(peer, 'ipv4-unicast'), 'session down');
});

test('a route-server client is out of reach even where everything else is well', () => {
  const peer = readPeer(wirePeer(offer('ipv4-unicast'), 6, true), 'gobgp', NOW);
  assert.equal(whyUnreachable(peer, 'ipv4-unicast'), 'route-server client');
});

test('both ends of a session stay known while it, or all of GoBGP, is down', () => {
  const table = new PeerTable();
  const endpoints = () => table.bgpEndpoints().map(formatAddress).sort();
  table.replacePeers([readPeer(wirePeer([]), 'gobgp', NOW)]);
  assert.deepEqual(endpoints(), ['192.0.2.1', '192.0.2.9']);
  table.clear();
  assert.deepEqual(endpoints(), ['192.0.2.1', '192.0.2.9']);
  table.replacePeers([readPeer({ ...wirePeer([], 3), transport: { localAddress: '' } }, 'gobgp', NOW)]);
  assert.deepEqual(endpoints(), ['192.0.2.1', '192.0.2.9']);
  table.replacePeers([]);
  assert.deepEqual(endpoints(), []);
});
