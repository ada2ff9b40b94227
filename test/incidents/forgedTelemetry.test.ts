/*
 * One forged or garbled datagram among honest ones never makes an attack: from the bytes to the decision.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOUBT_REASONS } from '../../src/decode/exporter/doubts.ts';
import { planOf } from '../../src/engine/enginePlan.ts';
import type { TelemetryKind } from '../../src/ingest/datagramBatch.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import {
  type Field,
  flowSample,
  ipfix,
  ipfixOptionsTemplate,
  ipv4,
  ipv4Packet,
  netflow5,
  netflow9,
  netflow9OptionsTemplate,
  rawHeader,
  set,
  sflow,
  template,
  udp,
  uint,
} from '../decode/telemetryBytes.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { cycleFixture } from './cycleFixture.ts';

const HOST = '203.0.113.66';
const SRC = '198.51.100.7';
const EXPORT_SECONDS = 1_777_600_000;
const UPTIME = 4_000_000_000;

const HALF_HOUR_MS = 1_800_000;
const MOST = 0xffff_ffff;

/** A datagram of one record in NetFlow v9 or IPFIX: packets, bytes, duration, and other fields. */
function recordOf(
  protocol: 'v9' | 'ipfix',
  packets: number | bigint,
  bytes: number | bigint,
  durationMs = 0,
  more: readonly (readonly [number, readonly number[]])[] = [],
): Uint8Array {
  const values: readonly (readonly [number, readonly number[]])[] = [
    [8, ipv4(SRC)],
    [12, ipv4(HOST)],
    [4, [17]],
    [7, uint(53, 2)],
    [2, uint(packets, 8)],
    [1, uint(bytes, 8)],
    [152, uint(EXPORT_SECONDS * 1000 - durationMs, 8)],
    [153, uint(EXPORT_SECONDS * 1000, 8)],
    ...more,
  ];
  const fields = values.map(([element, value]): Field => [element, value.length]);
  const data = values.flatMap(([, value]) => value);
  const options = { exportTime: EXPORT_SECONDS, uptime: UPTIME };
  return protocol === 'v9'
    ? netflow9([set(0, template(300, fields)), set(300, data)], options)
    : ipfix([set(2, template(300, fields)), set(300, data)], options);
}

function v5Of(packets: number, bytes: number, durationMs = 0, sampling = 0): Uint8Array {
  const record = { src: SRC, dst: HOST, packets, bytes, first: UPTIME - durationMs, last: UPTIME };
  return netflow5([record], { uptime: UPTIME, sampling });
}

/** More than any link carries, but only together. */
function thirtyOf(packets: number, bytes: number): Uint8Array {
  const record = { src: SRC, dst: HOST, packets, bytes, first: UPTIME - 1, last: UPTIME };
  return netflow5(
    Array.from({ length: 30 }, (_, srcPort) => ({ ...record, srcPort })),
    { uptime: UPTIME },
  );
}

function sampleOf(rate: number, frameBytes: number): Uint8Array {
  const packet = ipv4Packet({ src: SRC, dst: HOST, protocol: 17, totalLength: 500 }, udp(53, 53));
  return sflow([flowSample([rawHeader(packet, frameBytes, 11)], { rate })]);
}

/** Sampling of the whole exporter, in a field of so many bytes, by this algorithm. */
function v9Rate(rate: number, bytes = 4, algorithm = 1): Uint8Array {
  const fields: Field[] = [
    [34, bytes],
    [35, 1],
  ];
  const options = netflow9OptionsTemplate(400, [[1, 4]], fields);
  return netflow9([set(1, options), set(400, [...uint(0, 4), ...uint(rate, bytes), algorithm])]);
}
const ipfixRate = (rate: number): Uint8Array =>
  ipfix([set(3, ipfixOptionsTemplate(400, [[149, 4]], [[34, 4]])), set(400, [...uint(0, 4), ...uint(rate, 4)])]);

const FORGED: readonly (readonly [name: string, datagram: Uint8Array, kind?: TelemetryKind])[] = [
  ['v5, 2^32-1 packets', v5Of(MOST, MOST)],
  ['v5, 2^32-1 packets of no bytes', v5Of(MOST, 0)],
  ['v5, 2^32-1 packets in half an hour', v5Of(MOST, MOST, HALF_HOUR_MS)],
  ['v5, 2^32-1 packets in half an hour, sampled', v5Of(MOST, MOST, HALF_HOUR_MS, 0x3fff)],
  ['v5, 200 million packets, sampled', v5Of(2e8, MOST, 1000, 0x3fff)],
  ['v5, 2^32-1 bytes in one packet', v5Of(1, MOST)],
  ['v5, 30 records of 2^32-1 bytes each in a millisecond', thirtyOf(2 ** 26, MOST)],
  ['v5, 30 records of 50 million packets each', thirtyOf(5e7, MOST)],
  ['v9, 2^48 packets', recordOf('v9', 2n ** 48n, 2n ** 54n)],
  ['v9, 2^64-1 bytes', recordOf('v9', 1000, 2n ** 64n - 1n)],
  ['IPFIX, 2^48 packets', recordOf('ipfix', 2n ** 48n, 2n ** 54n)],
  ['IPFIX, 2^48 packets in half an hour', recordOf('ipfix', 2n ** 48n, 2n ** 54n, HALF_HOUR_MS)],
  ['IPFIX, 2^64-1 of both', recordOf('ipfix', 2n ** 64n - 1n, 2n ** 64n - 1n)],
  ['IPFIX, 2^32-1 packets of too few bytes', recordOf('ipfix', MOST, MOST, HALF_HOUR_MS)],
  ['IPFIX, a rate of 2^32-1 in the record', recordOf('ipfix', 100, 50_000, 1000, [[34, uint(MOST, 4)]])],
  [
    'IPFIX, a rate of 2^32-1 of a population',
    recordOf('ipfix', 100, 50_000, 1000, [
      [309, uint(1, 4)],
      [310, uint(MOST, 4)],
    ]),
  ],
  ['v9, a rate of 10 million in the record', recordOf('v9', 100_000, 5e7, 1000, [[34, uint(1e7, 4)]])],
  ['v9, a rate of 2^32-1 in options', v9Rate(MOST)],
  ['IPFIX, a rate of 2^32-1 in options', ipfixRate(MOST)],
  ['v9, a rate of 10 million in options', v9Rate(1e7)],
  ['v9, a rate of 200,000 in options', v9Rate(200_000)],
  ['IPFIX, a rate of 200,000 in options', ipfixRate(200_000)],
  ['v9, a rate written in the wrong byte order', v9Rate(0xe803_0000)],
  ['v9, a rate of two bytes in the wrong order', v9Rate(59_395, 2)],
  ['v9, an algorithm that does not exist', v9Rate(5000, 4, 77)],
  ['IPFIX, a rate in the wrong order in the record', recordOf('ipfix', 20, 10_000, 0, [[34, uint(59_395, 2)]])],
  ['sFlow, a rate of 2^32-1', sampleOf(MOST, 500), 'sflow'],
  ['sFlow, a rate of 10 million', sampleOf(1e7, 500), 'sflow'],
  ['sFlow, a frame of 2^32-1 bytes', sampleOf(1000, MOST), 'sflow'],
  ['sFlow, both', sampleOf(MOST, MOST), 'sflow'],
];

/**
 * A fifth of the limit, of each protocol: for ten seconds (or as many as given), the forged datagram, and twenty more.
 */
function attacksWith(forged: readonly (readonly [Uint8Array, TelemetryKind?, number?])[], seconds = 10) {
  const limits = { pps: 50_000, mbps: 1000, flows_per_sec: 30_000 };
  const group = groupFixture({ thresholds: limits });
  const config = configFixture({ networks: ['203.0.113.0/24'], groups: [group], dryRun: true });
  const plan = planOf(config, 1, 7);
  const { cycle, events } = cycleFixture({ config, plan });
  cycle.restore(0);
  const receiver = new Receiver(receiverSettingsOf(config, plan), 0);
  for (let now = 0; now < 1000 * (seconds + 50); now += 100) {
    if (now < 1000 * (seconds + 20)) {
      receiver.receive('netflow', v5Of(250, 125_000), '192.0.2.1', now);
      receiver.receive('netflow', recordOf('v9', 250, 125_000), '192.0.2.1', now);
      receiver.receive('netflow', recordOf('ipfix', 250, 125_000), '192.0.2.1', now);
      receiver.receive('sflow', sampleOf(250, 500), '192.0.2.1', now);
    }
    if (now === 1000 * seconds)
      for (const [datagram, kind, port] of forged)
        receiver.receive(kind ?? 'netflow', datagram, '192.0.2.1', now, port);
    const crossed = cycle.report(0, receiver.tick(now), now);
    if (crossed.length > 0) cycle.open(crossed, [], now);
    cycle.tick(now);
  }
  const doubts = receiver.snapshot(60_000).exporters.flatMap(({ doubts }) => Object.keys(doubts));
  return { attacks: events.filter(({ kind }) => kind === 'attack_started').length, doubts };
}

test('honest traffic alone makes no attack and no doubt', () => {
  assert.deepEqual(attacksWith([]), { attacks: 0, doubts: [] });
});

for (const [name, datagram, kind] of FORGED) {
  test(`one forged datagram makes no attack: ${name}`, () => {
    const { attacks, doubts } = attacksWith([[datagram, kind]]);
    assert.equal(attacks, 0);
    assert.ok(doubts.every((reason) => (DOUBT_REASONS as readonly string[]).includes(reason)));
  });
}

/** Rates that an exporter is believed at once only before its first flows. */
const FORGED_RATES: readonly (readonly [name: string, datagram: Uint8Array, kind?: TelemetryKind])[] = [
  ['IPFIX, a rate of 1000 in the record', recordOf('ipfix', 100, 50_000, 0, [[34, uint(1000, 4)]])],
  ['v9, a rate of a million in the record', recordOf('v9', 100, 50_000, 1000, [[34, uint(1_000_000, 4)]])],
  ['v5, a rate of 1000 in the header', v5Of(250, 125_000, 0, 1000)],
  ['v5, the highest rate in the header', v5Of(250, 125_000, 0, 0x3fff)],
  ['sFlow, twenty samples at a rate of 20,000', twentySamples(20_000), 'sflow'],
  ['v9, a rate of 15 in options', v9Rate(15)],
  ['v9, a rate of 1000 in options', v9Rate(1000)],
  ['IPFIX, a rate of 100 in options', ipfixRate(100)],
];

function twentySamples(rate: number): Uint8Array {
  const packet = ipv4Packet({ src: SRC, dst: HOST, protocol: 17, totalLength: 500 }, udp(53, 53));
  return sflow(Array.from({ length: 20 }, () => flowSample([rawHeader(packet, 500, 11)], { rate })));
}

for (const [name, datagram, kind] of FORGED_RATES) {
  for (const seconds of name.startsWith('sFlow') ? [10] : [1, 10, 70]) {
    test(`one forged rate makes no attack after ${seconds} s: ${name}`, () => {
      const { attacks, doubts } = attacksWith([[datagram, kind]], seconds);
      assert.equal(attacks, 0);
      assert.deepEqual(doubts, ['sampling_rate_jump']);
    });
  }
}

/** Options from a source that has sent no flows: all of the exporter, or a domain. */
for (const domain of [0, 77]) {
  for (const port of [0, 777]) {
    if (domain === 0 && port === 0) continue;
    test(`a rate that a new source states once is not of flows from others: domain ${domain}, port ${port}`, () => {
      const options = { domain, sequence: 5_000_000 };
      const ofSystem = [set(1, netflow9OptionsTemplate(400, [[1, 4]], [[34, 4]])), set(400, uint(1000, 8))];
      const ofProcess = [set(3, ipfixOptionsTemplate(400, [[144, 4]], [[34, 4]])), set(400, uint(1000, 8))];
      assert.equal(attacksWith([[netflow9(ofSystem, options), 'netflow', port]]).attacks, 0);
      assert.equal(attacksWith([[ipfix(ofProcess, options), 'netflow', port]]).attacks, 0);
    });
  }
}
