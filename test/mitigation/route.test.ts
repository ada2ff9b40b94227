import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchVictim } from '../../src/mitigation/flowspecRules.ts';
import {
  type FlowspecMatch,
  type FlowspecRoute,
  flowspecText,
  protocolByName,
  type Route,
  routeKey,
  routeSummary,
  tcpFlagByName,
} from '../../src/mitigation/route.ts';
import { hostPrefix } from '../../src/net/prefix.ts';
import { address, prefix } from '../fixtures/addressFixture.ts';
import { BLACKHOLE_COMMUNITY } from '../fixtures/configFixture.ts';

function blackhole(target: string, overrides: object = {}): Route {
  return {
    kind: 'unicast',
    method: 'blackhole',
    prefix: hostPrefix(address(target)),
    nextHop: '192.0.2.254',
    communities: [BLACKHOLE_COMMUNITY],
    localPref: undefined,
    ...overrides,
  };
}

function rule(target: string, match: Partial<FlowspecMatch>, rateBytesPerSecond = 0): FlowspecRoute {
  return { kind: 'flowspec', match: { ...matchVictim(address(target)), ...match }, rateBytesPerSecond };
}

test('a key names the family and the NLRI, and nothing of the attributes', () => {
  assert.equal(routeKey(blackhole('192.0.2.1')), 'ipv4-unicast 192.0.2.1/32');
  assert.equal(routeKey(blackhole('2001:db8::1')), 'ipv6-unicast 2001:db8::1/128');
  assert.equal(
    routeKey(blackhole('192.0.2.1', { method: 'divert', nextHop: '203.0.113.1', communities: [] })),
    routeKey(blackhole('192.0.2.1')),
  );
  assert.equal(
    routeKey(rule('192.0.2.1', { protocols: [17] }, 125_000)),
    routeKey(rule('192.0.2.1', { protocols: [17] })),
  );
});

test('components are written in the order of their type numbers', () => {
  const all = rule('192.0.2.1', {
    source: prefix('203.0.113.0/24'),
    protocols: [6, 17, 89],
    sourcePorts: [{ from: 123, to: 123 }],
    destinationPorts: [
      { from: 80, to: 80 },
      { from: 1000, to: 2000 },
    ],
    tcpFlags: { set: 0x02, clear: 0x10 },
    fragment: true,
    packetLengths: [{ from: 0, to: 64 }],
    icmpTypes: [8],
    dscp: [46],
  });
  assert.equal(
    routeKey(all),
    'ipv4-flowspec dst 192.0.2.1/32 src 203.0.113.0/24 proto tcp,udp,89 dst-port 80,1000-2000 src-port 123 ' +
      'icmp-type 8 tcp-flags syn,!ack packet-length 0-64 dscp 46 fragment',
  );
  assert.equal(routeKey(rule('2001:db8::1', {})), 'ipv6-flowspec dst 2001:db8::1/128');
});

test('a rule says what it does with what it matches', () => {
  assert.equal(flowspecText(rule('192.0.2.1', { protocols: [17] })), 'dst 192.0.2.1/32 proto udp discard');
  assert.equal(flowspecText(rule('192.0.2.1', {}, 1_250_000)), 'dst 192.0.2.1/32 rate-limit 10 mbps');
});

test('the summary of a ban reads as the contract says', () => {
  assert.equal(routeSummary({ routes: [] }), '');
  assert.equal(
    routeSummary({ routes: [blackhole('192.0.2.1')] }),
    'blackhole 192.0.2.1/32 next-hop 192.0.2.254 community 65535:666',
  );
  assert.equal(
    routeSummary({ routes: [blackhole('192.0.2.1', { method: 'divert', nextHop: '203.0.113.1', communities: [] })] }),
    'divert 192.0.2.1/32 next-hop 203.0.113.1',
  );
  assert.equal(
    routeSummary({ routes: [rule('192.0.2.1', { protocols: [6] }), rule('192.0.2.1', { protocols: [17] })] }),
    'flowspec: dst 192.0.2.1/32 proto tcp discard; dst 192.0.2.1/32 proto udp discard',
  );
  assert.match(routeSummary({ routes: [blackhole('192.0.2.1', { nextHop: '' })] }), /next-hop unset/);
});

test('names of protocols and flags are read as they are written', () => {
  assert.equal(protocolByName('udp'), 17);
  assert.equal(protocolByName('icmp6'), 58);
  assert.equal(protocolByName('carrier-pigeon'), undefined);
  assert.equal(tcpFlagByName('syn'), 0x02);
  assert.equal(tcpFlagByName('ack'), 0x10);
  assert.equal(tcpFlagByName('xyz'), undefined);
});
