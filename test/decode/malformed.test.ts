import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DECODE_ERROR_REASONS, type DecodeErrorReason } from '../../src/decode/exporter/decodeErrors.ts';
import { DecodeBench } from './decodedFlows.ts';
import {
  block,
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
  VARIABLE,
} from './telemetryBytes.ts';

const FIELDS: readonly Field[] = [
  [12, 4],
  [1, 4],
];
const announced = set(0, template(256, FIELDS));
const announcedIpfix = set(2, template(256, FIELDS));
const record = [...ipv4('203.0.113.9'), ...uint(1000, 4)];
const data = set(256, record);
const packet = ipv4Packet({ src: '198.51.100.7', dst: '203.0.113.9', protocol: 17 }, udp(53, 53));
const sample = flowSample([rawHeader(packet, 100, 11)]);

interface MalformedCase {
  readonly name: string;
  readonly kind?: 'sflow';
  readonly datagram: Uint8Array;
  readonly reason: DecodeErrorReason;
  /** Flows that are still found in the datagram. */
  readonly flows: number;
}

const CASES: readonly MalformedCase[] = [
  { name: 'an empty datagram', datagram: new Uint8Array(0), reason: 'header_truncated', flows: 0 },
  { name: 'NetFlow v1', datagram: Uint8Array.from(uint(1, 2)), reason: 'unsupported_version', flows: 0 },
  {
    name: 'NetFlow v7',
    datagram: Uint8Array.from([...uint(7, 2), ...uint(0, 60)]),
    reason: 'unsupported_version',
    flows: 0,
  },
  { name: 'half a v5 header', datagram: netflow5([]).subarray(0, 12), reason: 'header_truncated', flows: 0 },
  { name: 'half a v9 header', datagram: netflow9([]).subarray(0, 12), reason: 'header_truncated', flows: 0 },
  { name: 'half an IPFIX header', datagram: ipfix([]).subarray(0, 12), reason: 'header_truncated', flows: 0 },
  {
    name: 'a v5 count beyond the datagram',
    datagram: netflow5([{ src: '192.0.2.1', dst: '192.0.2.2' }], { count: 2 }),
    reason: 'datagram_truncated',
    flows: 1,
  },
  {
    name: 'an IPFIX length beyond the datagram',
    datagram: ipfix([announcedIpfix, data], { length: 500 }),
    reason: 'datagram_truncated',
    flows: 1,
  },
  {
    name: 'an IPFIX length below its header',
    datagram: ipfix([data], { length: 3 }),
    reason: 'datagram_truncated',
    flows: 0,
  },
  {
    name: 'bytes behind an IPFIX message',
    datagram: Uint8Array.from([...ipfix([announcedIpfix, data]), 1, 2, 3]),
    reason: 'trailing_bytes',
    flows: 1,
  },
  {
    name: 'a set length below four',
    datagram: netflow9([announced, data, set(300, [], 3)]),
    reason: 'set_length',
    flows: 1,
  },
  {
    name: 'a set beyond the end, whose whole records count',
    datagram: netflow9([announced, set(256, [...record, ...record, 1, 2], 100)]),
    reason: 'set_length',
    flows: 2,
  },
  {
    name: 'a reserved set id',
    datagram: netflow9([announced, set(17, record), data]),
    reason: 'set_id_reserved',
    flows: 1,
  },
  {
    name: 'a template that ends before its last field',
    datagram: netflow9([announced, set(0, template(300, FIELDS).slice(0, -2)), data]),
    reason: 'template_truncated',
    flows: 1,
  },
  {
    name: 'an IPFIX template that ends within an enterprise number',
    datagram: ipfix([announcedIpfix, set(2, template(300, [[1, 4, 9]]).slice(0, -2)), data]),
    reason: 'template_truncated',
    flows: 1,
  },
  {
    name: 'an options template cut off',
    datagram: netflow9([set(1, netflow9OptionsTemplate(300, [[1, 4]], [[34, 4]]).slice(0, 5))]),
    reason: 'template_truncated',
    flows: 0,
  },
  {
    name: 'an options template of odd lengths',
    datagram: netflow9([set(1, [...uint(300, 2), ...uint(3, 2), ...uint(5, 2), ...uint(0, 8)])]),
    reason: 'template_truncated',
    flows: 0,
  },
  {
    name: 'a template id below 256',
    datagram: netflow9([set(0, template(255, FIELDS))]),
    reason: 'template_id_reserved',
    flows: 0,
  },
  {
    name: 'a v9 template without fields',
    datagram: netflow9([set(0, template(300, []))]),
    reason: 'template_empty',
    flows: 0,
  },
  {
    name: 'records of no bytes',
    datagram: netflow9([set(0, template(300, [[1, 0]])), set(300, uint(0, 40)), announced, data]),
    reason: 'record_empty',
    flows: 1,
  },
  {
    name: 'options records of no bytes',
    datagram: ipfix([set(3, ipfixOptionsTemplate(300, [[149, 0]], [[34, 0]])), set(300, uint(0, 40))]),
    reason: 'record_empty',
    flows: 0,
  },
  {
    name: 'a set shorter than one record',
    datagram: netflow9([announced, set(256, [1, 2, 3, 4])]),
    reason: 'record_overrun',
    flows: 0,
  },
  {
    name: 'a field of variable length that runs over its set',
    datagram: ipfix([
      set(2, template(300, [...FIELDS, [82, VARIABLE]])),
      set(300, [...record, 2, 65, 65, ...record, 9, 65, 65, 65]),
    ]),
    reason: 'record_overrun',
    flows: 1,
  },
  {
    name: 'an options record that runs over its set',
    datagram: ipfix([set(3, ipfixOptionsTemplate(300, [[82, VARIABLE]], [[34, 4]])), set(300, [9, 65, 65, 65, 65])]),
    reason: 'record_overrun',
    flows: 0,
  },
  {
    name: 'half an sFlow header',
    kind: 'sflow',
    datagram: sflow([]).subarray(0, 20),
    reason: 'header_truncated',
    flows: 0,
  },
  {
    name: 'sFlow version 4',
    kind: 'sflow',
    datagram: Uint8Array.from(uint(4, 4)),
    reason: 'unsupported_version',
    flows: 0,
  },
  {
    name: 'an sFlow agent of no known kind',
    kind: 'sflow',
    datagram: Uint8Array.from([...uint(5, 4), ...uint(3, 4), ...uint(0, 40)]),
    reason: 'agent_address',
    flows: 0,
  },
  {
    name: 'fewer samples than promised',
    kind: 'sflow',
    datagram: sflow([sample], { samples: 9 }),
    reason: 'datagram_truncated',
    flows: 1,
  },
  {
    name: 'a sample beyond the datagram',
    kind: 'sflow',
    datagram: sflow([sample, block(1, uint(0, 8), 4000)]),
    reason: 'sample_truncated',
    flows: 1,
  },
  {
    name: 'a sample too short for its header',
    kind: 'sflow',
    datagram: sflow([block(1, uint(0, 8)), sample]),
    reason: 'sample_truncated',
    flows: 1,
  },
  {
    name: 'a record beyond its sample',
    kind: 'sflow',
    datagram: sflow([flowSample([rawHeader(packet, 100, 11), block(1002, uint(0, 4), 999)])]),
    reason: 'sample_record_truncated',
    flows: 1,
  },
  {
    name: 'a record too short for its type',
    kind: 'sflow',
    datagram: sflow([flowSample([block(1, uint(0, 8)), rawHeader(packet, 100, 11)])]),
    reason: 'sample_record_truncated',
    flows: 1,
  },
];

for (const { name, kind, datagram, reason, flows } of CASES) {
  test(`${name} is counted as ${reason}, and what else the datagram holds is decoded`, () => {
    const bench = new DecodeBench();
    const rows = kind === 'sflow' ? bench.sflow(datagram) : bench.netflow(datagram);
    assert.equal(rows.length, flows);
    assert.equal(bench.clean, false);
    assert.equal(bench.exporter.decodeErrorDatagrams, 1);
    assert.deepEqual(bench.errors, { [reason]: 1 });
    assert.equal(bench.exporter.lastError, reason);
  });
}

test('every reason in the list is tested, here or with the limits', () => {
  const limits = [
    'template_limit',
    'domain_limit',
    'sampling_limit',
    'flow_limit',
    'template_missing',
    'awaiting_limit',
  ];
  const seen = [...CASES.map(({ reason }) => reason), ...limits];
  assert.deepEqual([...new Set(seen)].sort(), [...DECODE_ERROR_REASONS].sort());
});

test('zero bytes after the last set are padding', () => {
  for (const padded of [netflow9([announced, data, uint(0, 400)]), ipfix([announcedIpfix, data, uint(0, 7)])]) {
    const bench = new DecodeBench();
    assert.equal(bench.netflow(padded).length, 1);
    assert.ok(bench.clean);
  }
  const behindTheMessage = Uint8Array.from([...ipfix([announcedIpfix, data]), ...uint(0, 30)]);
  const bench = new DecodeBench();
  assert.equal(bench.netflow(behindTheMessage).length, 1);
  assert.ok(bench.clean);
});

test('a wrong record count in the header loses no sets', () => {
  const datagram = netflow9([announced, data, data, data]);
  datagram[3] = 1;
  assert.equal(new DecodeBench().netflow(datagram).length, 3);
});

test('several IPFIX messages in one datagram are all decoded', () => {
  const datagram = Uint8Array.from([...ipfix([announcedIpfix, data]), ...ipfix([data, data])]);
  const bench = new DecodeBench();
  assert.equal(bench.netflow(datagram).length, 3);
  assert.ok(bench.clean);
});

test('records beyond the most rows of a datagram are skipped and counted', () => {
  const tiny: readonly Field[] = [
    [12, 4],
    [1, 1],
    [232, 1],
  ];
  const bench = new DecodeBench();
  bench.netflow(ipfix([set(2, template(256, tiny))]));
  const records = new Array<number[]>(10_000).fill([...ipv4('203.0.113.9'), 1, 1]).flat();
  const rows = bench.netflow(ipfix([set(256, records)]));
  assert.equal(rows.length, 16_384);
  assert.deepEqual(bench.errors, { flow_limit: 1 });
});
