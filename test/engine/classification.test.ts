import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AttackSample, type Classification, EMPTY_SAMPLE } from '../../src/engine/attack.ts';
import { classify, LEAST_STAY_MS, REVIEW_EVERY_MS, reasonOf, VectorReview } from '../../src/engine/classification.ts';
import type { Rates } from '../../src/trafficMetrics.ts';

/** A sample of which these shares come from these UDP source ports. */
function portsOf(shares: { readonly [port: string]: number }): AttackSample {
  const topSrcPorts = Object.entries(shares).map(([key, packets]) => ({ key, packets, bytes: packets * 100 }));
  const totalPackets = topSrcPorts.reduce((sum, { packets }) => sum + packets, 0);
  const protocols = [{ key: '17', packets: totalPackets, bytes: totalPackets * 100 }];
  return { ...EMPTY_SAMPLE, topSrcPorts, protocols, totalPackets, totalBytes: totalPackets * 100 };
}

const UDP: Rates = { pps: 1000, mbps: 10, flows_per_sec: 5, udp_pps: 990, udp_mbps: 9.9 };

const NTP: Classification = { type: 'ntp_amplification', confidence: 1, srcPort: 123 };
const SYN_FLOOD: Classification = { type: 'syn_flood', confidence: 0.9, srcPort: undefined };
const UDP_FLOOD: Classification = { type: 'udp_flood', confidence: 0.7, srcPort: undefined };

const REFLECTORS = [
  ['123', 'ntp_amplification'],
  ['53', 'dns_amplification'],
  ['389', 'cldap_amplification'],
  ['11211', 'memcached_amplification'],
  ['1900', 'ssdp_amplification'],
  ['19', 'chargen_amplification'],
] as const;

for (const [port, type] of REFLECTORS) {
  test(`UDP mostly from port ${port} is ${type}, and its port is named`, () => {
    const found = classify(UDP, portsOf({ [port]: 90, 40000: 10 }));
    assert.equal(found.type, type);
    assert.equal(found.srcPort, Number(port));
    assert.ok(found.confidence >= 0.9 && found.confidence <= 1);
  });
}

test('UDP with a minor part from a reflector is a UDP flood', () => {
  const found = classify(UDP, portsOf({ 123: 30, 40000: 40, 50000: 30 }));
  assert.equal(found.type, 'udp_flood');
  assert.equal(found.srcPort, undefined);
});

test('an amplification is recognized though most of it is fragments, which have no ports', () => {
  const rates: Rates = { ...UDP, frag_pps: 700, frag_mbps: 7 };
  const sample = { ...portsOf({ 53: 30 }), totalPackets: 100, protocols: [{ key: '17', packets: 100, bytes: 10_000 }] };
  assert.equal(classify(rates, sample).type, 'dns_amplification');
  assert.equal(classify(rates, EMPTY_SAMPLE).type, 'fragment_flood');
});

test('TCP from port 123 is no amplification', () => {
  const rates: Rates = { pps: 1000, mbps: 10, flows_per_sec: 5, tcp_pps: 1000, tcp_mbps: 10 };
  const sample = { ...portsOf({ 123: 100 }), protocols: [{ key: '6', packets: 100, bytes: 10_000 }] };
  assert.equal(classify(rates, sample).type, 'tcp_flood');
});

const KINDS: readonly (readonly [string, Rates])[] = [
  ['syn_flood', { pps: 100, mbps: 1, tcp_pps: 100, tcp_mbps: 1, tcp_syn_pps: 95, tcp_syn_mbps: 0.4 }],
  ['tcp_flood', { pps: 100, mbps: 1, tcp_pps: 80, tcp_mbps: 0.9, tcp_syn_pps: 10 }],
  ['icmp_flood', { pps: 100, mbps: 1, icmp_pps: 90, icmp_mbps: 0.9 }],
  ['udp_flood', { pps: 100, mbps: 1, udp_pps: 90, udp_mbps: 0.2 }],
  ['udp_flood', { pps: 100, mbps: 10, udp_pps: 20, udp_mbps: 9 }],
  ['fragment_flood', { pps: 100, mbps: 1, udp_pps: 100, udp_mbps: 1, frag_pps: 90, frag_mbps: 0.9 }],
  [
    'mixed',
    { pps: 100, mbps: 1, udp_pps: 40, udp_mbps: 0.4, tcp_pps: 35, tcp_mbps: 0.3, icmp_pps: 25, icmp_mbps: 0.3 },
  ],
];

for (const [type, rates] of KINDS) {
  test(`${JSON.stringify(rates)} is a ${type}`, () => {
    const found = classify(rates, EMPTY_SAMPLE);
    assert.equal(found.type, type);
    if (type === 'mixed') assert.equal(found.confidence, 0);
    else assert.ok(found.confidence > 0 && found.confidence <= 1);
  });
}

test('the reason names metric, rate, limit, where the limit is from, and the protocols', () => {
  const group = {
    name: 'web',
    limits: new Float64Array(13),
    limitSources: new Array(13).fill('global'),
    hysteresisMs: 1,
  };
  const rates: Rates = { pps: 49_600, mbps: 1, udp_pps: 48_120, tcp_pps: 1480 };
  assert.equal(
    reasonOf('udp_pps', rates, 10_000, group).text,
    'udp_pps 48,120 over the limit 10,000 of all hosts; 97 % udp, 3 % tcp',
  );
  const own = { ...group, limitSources: new Array(13).fill('group') };
  assert.match(reasonOf('mbps', { mbps: 12.34 }, 10.5, own).text, /^mbps 12\.3 over the limit 10\.5 of group web$/);
});

test('an attack is reviewed once a second, first a second after its start', () => {
  const review = new VectorReview();
  const due = [0, 500, 999, 1000, 1001, 1999, 2000, 2500].filter((now) => review.isDue('a', now));
  assert.deepEqual(due, [REVIEW_EVERY_MS, 2 * REVIEW_EVERY_MS]);
});

test('a vector changes when two consecutive reviews find the same other vector', () => {
  const review = new VectorReview();
  assert.equal(review.confirm('a', NTP, SYN_FLOOD, 1000), false);
  assert.equal(review.confirm('a', NTP, UDP_FLOOD, 2000), false, 'another other one');
  assert.equal(review.confirm('a', NTP, NTP, 3000), false, 'it was right');
  assert.equal(review.confirm('a', NTP, SYN_FLOOD, 4000), false);
  assert.equal(review.confirm('a', NTP, SYN_FLOOD, 5000), true);
  assert.equal(review.confirm('b', NTP, SYN_FLOOD, 5000), false, 'each attack by itself');
});

test('a reflector on another port is another vector, more confidence is not', () => {
  const review = new VectorReview();
  assert.equal(review.confirm('a', NTP, { ...NTP, confidence: 0.7 }, 1000), false);
  assert.equal(review.confirm('a', NTP, { ...NTP, confidence: 0.7 }, 2000), false);
  assert.equal(review.confirm('a', NTP, { ...NTP, srcPort: 53 }, 3000), false);
  assert.equal(review.confirm('a', NTP, { ...NTP, srcPort: 53 }, 4000), true);
});

test('a flood that alternates moves the rules at most once in ten seconds after the first change', () => {
  const review = new VectorReview();
  let current = NTP;
  const changes: number[] = [];
  for (let now = 1000; now <= 60_000; now += 1000) {
    const found = Math.floor(now / 3000) % 2 === 0 ? NTP : SYN_FLOOD;
    if (!review.confirm('a', current, found, now)) continue;
    current = found;
    changes.push(now);
  }
  assert.ok(changes.length > 1);
  for (let i = 1; i < changes.length; i++) assert.ok(changes[i] - changes[i - 1] >= LEAST_STAY_MS);
});
