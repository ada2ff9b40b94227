import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ATTACK_NAMES, findAttack, hasFragments } from '../../src/flowgen/attackProfiles.ts';
import { AttackTraffic, meanPacketBytes, shortestPacketBytes } from '../../src/flowgen/attackTraffic.ts';
import type { FlowRecord } from '../../src/flowgen/telemetryEncoder.ts';
import { formatAddress } from '../../src/net/address.ts';
import { containsAddress } from '../../src/net/prefix.ts';
import { address, prefix } from '../fixtures/addressFixture.ts';

const TARGETS = [address('203.0.113.7'), address('2001:db8::7')];
const BENCHMARK_NETWORKS = [prefix('198.18.0.0/15'), prefix('2001:2::/48')];

const anyTraffic = fc.record({
  attack: fc.constantFrom(...ATTACK_NAMES),
  target: fc.constantFrom(...TARGETS),
  packetsPerRecord: fc.integer({ min: 1, max: 50 }),
  seed: fc.integer(),
});

test('every requested packet is in exactly one flow, has the requested length, and goes to the target', () => {
  fc.assert(
    fc.property(
      anyTraffic,
      fc.array(fc.nat(300), { maxLength: 5 }),
      fc.integer({ min: 100, max: 1_500 }),
      (options, takes, packetBytes) => {
        const traffic = new AttackTraffic({ ...options, packetBytes });
        for (const packets of takes) {
          const records = traffic.take(packets, 5);
          assert.equal(sum(records, 'packets'), packets);
          assert.equal(sum(records, 'bytes'), packets * packetBytes);
          for (const record of records) {
            assert.ok(record.packets >= 1 && record.packets <= options.packetsPerRecord);
            assert.equal(record.dst, options.target);
            assert.ok(
              BENCHMARK_NETWORKS.some((network) => containsAddress(network, record.src)),
              formatAddress(record.src),
            );
          }
        }
      },
    ),
  );
});

test('the same seed gives the same flows and another seed gives others', () => {
  const make = (seed: number) =>
    new AttackTraffic({
      attack: 'udp_flood',
      target: TARGETS[0],
      packetBytes: undefined,
      packetsPerRecord: 1,
      seed,
    }).take(100, 5);
  assert.deepEqual(make(1), make(1));
  assert.notDeepEqual(make(1), make(2));
});

test('where no length is requested, packets have the mean length that is announced', () => {
  for (const attack of ATTACK_NAMES) {
    for (const target of TARGETS) {
      const records = new AttackTraffic({ attack, target, packetBytes: undefined, packetsPerRecord: 1, seed: 1 }).take(
        4_000,
        5,
      );
      assert.equal(sum(records, 'bytes') / sum(records, 'packets'), meanPacketBytes(attack, target.version), attack);
      assert.ok(
        records.every((record) => record.bytes >= shortestPacketBytes(attack, target.version) || attack === 'mixed'),
      );
    }
  }
});

test('an attack looks like its name', () => {
  const packetsOf = (name: string): FlowRecord[] => {
    const attack = findAttack(name);
    assert.ok(attack !== undefined, name);
    return new AttackTraffic({ attack, target: TARGETS[0], packetBytes: undefined, packetsPerRecord: 1, seed: 1 }).take(
      400,
      5,
    );
  };
  for (const [name, port] of Object.entries({
    ntp: 123,
    dns: 53,
    cldap: 389,
    memcached: 11_211,
    ssdp: 1_900,
    chargen: 19,
  })) {
    assert.ok(
      packetsOf(name).every((flow) => flow.ipProtocol === 17 && flow.srcPort === port),
      name,
    );
  }
  assert.ok(packetsOf('syn').every((flow) => flow.ipProtocol === 6 && (flow.tcpFlags & 0x12) === 0x02));
  assert.ok(packetsOf('tcp').every((flow) => flow.ipProtocol === 6 && (flow.tcpFlags & 0x02) === 0));
  assert.ok(packetsOf('icmp').every((flow) => flow.ipProtocol === 1 && flow.srcPort === 0));
  assert.ok(packetsOf('fragment-flood').every((flow) => flow.fragment && flow.srcPort === 0 && flow.dstPort === 0));
  const mixedProtocols = new Set(packetsOf('mixed').map((flow) => `${flow.ipProtocol}/${flow.tcpFlags}`));
  assert.equal(mixedProtocols.size, 4);
  assert.deepEqual(ATTACK_NAMES.filter(hasFragments), ['fragment_flood']);
});

test('a forged attack comes from thousands of sources', () => {
  const options = { attack: 'syn_flood', packetBytes: undefined, packetsPerRecord: 1, seed: 1 } as const;
  for (const target of TARGETS) {
    const records = new AttackTraffic({ ...options, target }).take(10_000, 5);
    assert.ok(new Set(records.map((flow) => formatAddress(flow.src))).size > 9_000);
  }
});

test('a name that is no attack is not found', () => {
  for (const name of ['', 'flood', 'amplification', 'teardrop']) assert.equal(findAttack(name), undefined);
});

function sum(records: readonly FlowRecord[], field: 'packets' | 'bytes'): number {
  return records.reduce((total, record) => total + record[field], 0);
}
