import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configWarnings } from '../../src/config/warnings.ts';
import { configOf, MINIMAL, withLines } from './configText.ts';

function warningsOf(text: string): string[] {
  return configWarnings(configOf(text)).map(({ path, message }) => `${path}: ${message}`);
}

function ofNetwork(network: string): string[] {
  return warningsOf(MINIMAL.replace('192.0.2.0/24, 2001:db8::/32', `"${network}"`));
}

test('a usual config gives no warning', () => {
  assert.deepEqual(warningsOf(MINIMAL), []);
  for (const network of ['10.0.0.0/8', '203.0.113.7', '126.0.0.0/8', '2a00::/16', '2001:db8::1', 'fd00::/48']) {
    assert.deepEqual(ofNetwork(network), [], network);
  }
});

test('networks that cannot be meant are warned of', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['0.0.0.0/0', /^networks\[0\]: 0\.0\.0\.0\/0 is the whole IPv4 Internet/],
    ['::/0', /is the whole IPv6 Internet/],
    ['127.0.0.0/8', /loopback/],
    ['127.0.0.1', /loopback/],
    ['126.0.0.0/7', /loopback/],
    ['::1', /loopback/],
    ['224.0.0.0/4', /multicast/],
    ['239.1.2.3', /multicast/],
    ['ff02::/16', /multicast/],
    ['169.254.0.0/16', /link-local/],
    ['fe80::/64', /link-local/],
    ['0.0.0.0/8', /this network/],
    ['255.255.255.255', /reserved/],
    ['8.0.0.0/7', /larger than the network of any operator/],
    ['2000::/3', /larger than the network of any operator/],
  ];
  for (const [network, expected] of cases) {
    const [first, ...more] = ofNetwork(network);
    assert.match(first ?? '', expected, network);
    assert.deepEqual(more, [], network);
  }
});

test('limits that every host or no host reaches are warned of where they are stated', () => {
  const limits = 'pps: 1, mbps: 100000000, flows_per_sec: 5000, udp_pps: 99, tcp_mbps: 0.5, icmp_pps: 0';
  const text = MINIMAL.replace('pps: 100000, mbps: 1000, flows_per_sec: 5000', limits);
  const group = 'hostgroups: [{ name: a, networks: [192.0.2.0/28], thresholds: { flows_per_sec: 1, frag_pps: 5e11 } }]';
  assert.deepEqual(
    warningsOf(`${text}${group}\n`).map((warning) => warning.replace(/ (reached|more).*/, '')),
    [
      'thresholds.pps: 1 is',
      'thresholds.mbps: 100000000 is',
      'thresholds.tcp_mbps: 0.5 is',
      'thresholds.udp_pps: 99 is',
      'hostgroups[0].thresholds.flows_per_sec: 1 is',
      'hostgroups[0].thresholds.frag_pps: 500000000000 is',
    ],
  );
});

test('a live config without a whitelist is warned of', () => {
  const live = withLines('dry_run: false', 'bgp: { next_hop: 192.0.2.1 }');
  assert.match(warningsOf(live)[0], /^protected_whitelist: is empty and dry_run is false/);
  assert.deepEqual(warningsOf(`${live}protected_whitelist: [192.0.2.1]\n`), []);
});
