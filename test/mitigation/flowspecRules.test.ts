import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FlowspecConfig } from '../../src/config/sections/flowspec.ts';
import type { AttackType, SampledFlow } from '../../src/engine/attack.ts';
import { collateralShare, flowspecRules, MAX_RULES_PER_BAN, matchesFlow } from '../../src/mitigation/flowspecRules.ts';
import { flowspecText } from '../../src/mitigation/route.ts';
import { prefix } from '../fixtures/addressFixture.ts';
import { attackFixture, flowFixture, sampleOf } from '../fixtures/attackFixture.ts';

const VICTIM = '198.51.100.1';
const DISCARD: FlowspecConfig = {
  action: 'discard',
  rateMbps: undefined,
  sourceAnchored: false,
  minSourceConcentration: 0.8,
};

function textsFor(
  type: AttackType,
  options: { srcPort?: number; victim?: string; flows?: SampledFlow[] } = {},
): string[] {
  const { srcPort, victim = VICTIM, flows = [] } = options;
  return flowspecRules(attackFixture('a', victim, 0, { type, srcPort, sample: sampleOf(flows) }), DISCARD, []).map(
    flowspecText,
  );
}

test('rules are as narrow as the vector allows', () => {
  assert.deepEqual(textsFor('ntp_amplification', { srcPort: 123 }), [
    'dst 198.51.100.1/32 proto udp src-port 123 discard',
  ]);
  assert.deepEqual(textsFor('memcached_amplification'), ['dst 198.51.100.1/32 proto udp src-port 11211 discard']);
  assert.deepEqual(textsFor('syn_flood'), ['dst 198.51.100.1/32 proto tcp tcp-flags syn,!ack discard']);
  assert.deepEqual(textsFor('fragment_flood'), ['dst 198.51.100.1/32 fragment discard']);
  assert.deepEqual(textsFor('icmp_flood'), ['dst 198.51.100.1/32 proto icmp discard']);
  assert.deepEqual(textsFor('icmp_flood', { victim: '2001:db8::1' }), ['dst 2001:db8::1/128 proto icmp6 discard']);
  assert.deepEqual(textsFor('udp_flood'), ['dst 198.51.100.1/32 proto udp discard']);
  assert.deepEqual(textsFor('tcp_flood'), ['dst 198.51.100.1/32 proto tcp discard']);
});

test('a mixed attack is matched by its dominant ports, on the side where they are fewer', () => {
  const onTwoPorts = [80, 443].flatMap((dstPort) =>
    [1001, 1002, 1003].map((srcPort) => flowFixture({ srcPort, dstPort, ipProtocol: 6 })),
  );
  assert.deepEqual(textsFor('mixed', { flows: onTwoPorts }), ['dst 198.51.100.1/32 proto tcp dst-port 80,443 discard']);
  const fromOnePort = [1, 2, 3, 4].map((n) => flowFixture({ srcPort: 7, dstPort: 2000 + n }));
  assert.deepEqual(textsFor('mixed', { flows: fromOnePort }), ['dst 198.51.100.1/32 proto udp src-port 7 discard']);
});

test('a mixed attack without dominant ports is matched by its victim alone', () => {
  const spread = Array.from({ length: 20 }, (_, n) => flowFixture({ srcPort: 1000 + n, dstPort: 2000 + n }));
  assert.deepEqual(textsFor('mixed', { flows: spread }), ['dst 198.51.100.1/32 discard']);
  // What an exporter writes as the port of ICMP is its type and code.
  const ping = [flowFixture({ ipProtocol: 1, srcPort: 0, dstPort: 2048 })];
  assert.deepEqual(textsFor('mixed', { flows: ping }), ['dst 198.51.100.1/32 discard']);
  assert.deepEqual(textsFor('mixed'), ['dst 198.51.100.1/32 discard']);
});

test('a rate limit is in bytes a second', () => {
  const limit: FlowspecConfig = { ...DISCARD, action: 'rate_limit', rateMbps: 10 };
  assert.equal(flowspecRules(attackFixture('a', VICTIM, 0), limit, [])[0].rateBytesPerSecond, 1_250_000);
});

test('dominant attackers are pinned when few of them carry enough of the sample', () => {
  const anchored: FlowspecConfig = { ...DISCARD, sourceAnchored: true };
  const flows = [
    flowFixture({ src: '203.0.113.1', packets: 700 }),
    flowFixture({ src: '203.0.113.2', packets: 200 }),
    flowFixture({ src: '203.0.113.3', packets: 100 }),
  ];
  const attack = attackFixture('a', VICTIM, 0, { sample: sampleOf(flows) });
  assert.deepEqual(flowspecRules(attack, anchored, []).map(flowspecText), [
    'dst 198.51.100.1/32 src 203.0.113.1/32 proto udp discard',
    'dst 198.51.100.1/32 src 203.0.113.2/32 proto udp discard',
  ]);
  const whitelist = [prefix('203.0.113.1/32')];
  assert.deepEqual(
    flowspecRules(attack, anchored, whitelist).map(flowspecText),
    ['dst 198.51.100.1/32 proto udp discard'],
    'without the whitelisted source too little is left to pin',
  );
  const many = Array.from({ length: 9 }, (_, n) => flowFixture({ src: `203.0.113.${n}`, packets: 10 }));
  const spread = attackFixture('a', VICTIM, 0, { sample: sampleOf(many) });
  assert.equal(flowspecRules(spread, { ...anchored, minSourceConcentration: 1 }, []).length, 1);
});

test('whatever the attack, there are at most eight rules, all on the victim, and none on a whitelisted source', () => {
  const types = fc.constantFrom<AttackType>('ntp_amplification', 'syn_flood', 'fragment_flood', 'icmp_flood', 'mixed');
  const flow = fc
    .record({
      src: fc.nat(20),
      srcPort: fc.nat(65535),
      dstPort: fc.nat(65535),
      packets: fc.integer({ min: 1, max: 9999 }),
    })
    .map((some) => flowFixture({ ...some, src: `203.0.113.${some.src}` }));
  const concentration = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      types,
      fc.array(flow),
      fc.boolean(),
      concentration,
      (type, flows, sourceAnchored, minSourceConcentration) => {
        const attack = attackFixture('a', VICTIM, 0, { type, sample: sampleOf(flows) });
        const whitelist = [prefix('203.0.113.0/30')];
        const rules = flowspecRules(attack, { ...DISCARD, sourceAnchored, minSourceConcentration }, whitelist);
        assert.ok(rules.length >= 1 && rules.length <= MAX_RULES_PER_BAN);
        for (const { match } of rules) {
          assert.equal(match.destination?.text, '198.51.100.1/32');
          assert.ok(match.source === undefined || !/\.[0-3]\/32$/.test(match.source.text));
        }
      },
    ),
  );
});

test('the rules of a pure vector match every packet of it, and the collateral share is nothing', () => {
  const flows = [flowFixture(), flowFixture({ src: '203.0.113.2', srcPort: 53 })];
  const attack = attackFixture('a', VICTIM, 0, { type: 'udp_flood', sample: sampleOf(flows) });
  const rules = flowspecRules(attack, DISCARD, []);
  assert.ok(flows.every((flow) => rules.some((rule) => matchesFlow(rule.match, flow))));
  assert.equal(collateralShare(rules, attack), 0);
});

test('the collateral share is what the rules match beyond the attack', () => {
  const spread = Array.from({ length: 20 }, (_, n) => flowFixture({ srcPort: 1000 + n, dstPort: 2000 + n }));
  const attack = attackFixture('a', VICTIM, 0, { type: 'mixed', confidence: 0.4, sample: sampleOf(spread) });
  assert.equal(collateralShare(flowspecRules(attack, DISCARD, []), attack), 0.6);
  assert.equal(collateralShare([], attackFixture('a', VICTIM, 0)), undefined);
});

test('a rule on SYN without ACK lets an established connection pass', () => {
  const attack = attackFixture('a', VICTIM, 0, { type: 'syn_flood' });
  const [{ match }] = flowspecRules(attack, DISCARD, []);
  const tcp = { ipProtocol: 6, srcPort: 1000, dstPort: 80 };
  assert.ok(matchesFlow(match, flowFixture({ ...tcp, tcpFlags: 0x02 })));
  assert.ok(!matchesFlow(match, flowFixture({ ...tcp, tcpFlags: 0x12 })));
  assert.ok(!matchesFlow(match, flowFixture({ ...tcp, tcpFlags: 0x18 })));
  assert.ok(!matchesFlow(match, flowFixture({ ...tcp, tcpFlags: 0x02, dst: '198.51.100.2' })));
});
