import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configOf, withLines } from './configText.ts';

const WHOLE = withLines(
  'mitigation: flowspec',
  'flowspec: { action: rate_limit, rate_mbps: 50, source_anchored: true }',
  'bgp: { next_hop: 192.0.2.1, communities: [no-export, "64496:1:2"], local_pref: 200 }',
  'scrubbing: { next_hop: 198.51.100.1, next_hop6: "2001:db8:5::1", local_pref: 300 }',
  'escalation: [{ after_seconds: 0, action: flowspec }, { after_seconds: 60, action: blackhole }]',
);

/** The second group of the whole file with a hostgroup of these keys. */
function groupWith(keys: string) {
  return configOf(`${WHOLE}hostgroups: [{ name: web, networks: [192.0.2.0/25, "2001:db8:1::/48"], ${keys} }]\n`)
    .groups[1];
}

test('a group that states nothing inherits everything', () => {
  const config = configOf(`${WHOLE}hostgroups: [{ name: web, networks: [192.0.2.0/25] }]\n`);
  const [global, web] = config.groups;
  assert.deepEqual(
    { ...web, name: '', networks: [], ban: web.ban },
    { ...global, name: '', networks: [], ban: web.ban },
  );
  assert.equal(web.ban.ttlSeconds, global.ban.ttlSeconds);
});

test('thresholds are inherited one by one, 0 turns one off, and each says where it comes from', () => {
  const group = groupWith('thresholds: { mbps: 0, udp_pps: 7, tcp_pps: 0 }');
  assert.deepEqual(group.thresholds, { pps: 100_000, flows_per_sec: 5000, udp_pps: 7 });
  assert.deepEqual(group.thresholdSources, {
    pps: 'global',
    mbps: 'group',
    flows_per_sec: 'global',
    udp_pps: 'group',
    tcp_pps: 'group',
  });
});

test('ban, flowspec, bgp and scrubbing are merged key by key', () => {
  const group = groupWith(
    'ban: { ttl_seconds: 60, max_active_bans: 3 }, flowspec: { rate_mbps: 5 }, ' +
      'bgp: { community: blackhole }, scrubbing: { next_hop: 198.51.100.2 }',
  );
  assert.equal(group.ban.ttlSeconds, 60);
  assert.equal(group.ban.unbanHysteresisSeconds, 60);
  assert.equal(group.ban.limits.maxActiveBans, 3);
  assert.equal(group.ban.limits.maxBannedFraction, 1);
  assert.deepEqual(group.flowspec, {
    action: 'rate_limit',
    rateMbps: 5,
    sourceAnchored: true,
    minSourceConcentration: 0.8,
  });
  assert.deepEqual(group.bgp, {
    nextHop: '192.0.2.1',
    nextHop6: '100::1',
    communities: [{ kind: 'standard', value: 0xffff029a, text: '65535:666' }],
    localPref: 200,
  });
  assert.deepEqual(group.scrubbing, {
    nextHop: '198.51.100.2',
    nextHop6: '2001:db8:5::1',
    communities: [],
    localPref: 300,
  });
});

test('the caps of the whole file are not counted again as those of each group', () => {
  const { limits } = groupWith('ban: { max_bans_per_window: 2 }').ban;
  assert.deepEqual(limits, {
    maxActiveBans: Number.POSITIVE_INFINITY,
    maxBannedFraction: 1,
    maxBansPerWindow: 2,
    banWindowSeconds: 60,
  });
});

test('a rate is left out where the group discards', () => {
  assert.equal(groupWith('flowspec: { action: discard }').flowspec.rateMbps, undefined);
});

test('mitigation and escalation replace what would be inherited, and an empty ladder is none', () => {
  const own = groupWith('mitigation: none, escalation: []');
  assert.equal(own.mitigation, 'none');
  assert.deepEqual(own.escalation, []);
  assert.equal(groupWith('mitigation: none').escalation.length, 2);
  assert.deepEqual(groupWith('escalation: [{ after_seconds: 0, action: divert }]').escalation, [
    { afterSeconds: 0, action: 'divert' },
  ]);
});
