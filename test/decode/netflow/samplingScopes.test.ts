import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeBench, type DecodedFlow } from '../decodedFlows.ts';
import {
  type Field,
  ipfix,
  ipfixOptionsTemplate,
  ipv4,
  type MessageOptions,
  netflow9,
  netflow9OptionsTemplate,
  set,
  template,
  uint,
} from '../telemetryBytes.ts';

const FLOW: readonly Field[] = [
  [12, 4],
  [1, 4],
];
const flow = [...ipv4('203.0.113.9'), ...uint(1000, 4)];

/** A field with its value. */
type Value = readonly [element: number, value: number];

const fieldsOf = (values: readonly Value[]): Field[] => values.map(([element]): Field => [element, 4]);
const bytesOf = (values: readonly Value[]): number[] => values.flatMap(([, value]) => uint(value, 4));

/** Sets with one options record, in NetFlow v9 or IPFIX. */
const options9 = (scope: Value, values: readonly Value[], id = 300): number[][] => [
  set(1, netflow9OptionsTemplate(id, fieldsOf([scope]), fieldsOf(values))),
  set(id, bytesOf([scope, ...values])),
];
const options10 = (scope: Value, values: readonly Value[], id = 300): number[][] => [
  set(3, ipfixOptionsTemplate(id, fieldsOf([scope]), fieldsOf(values))),
  set(id, bytesOf([scope, ...values])),
];
const flows = (id: number, values: readonly Value[] = [], templateSet = 0): number[][] => [
  set(templateSet, template(id, [...FLOW, ...fieldsOf(values)])),
  set(id, [...flow, ...bytesOf(values)]),
];
const rates = (rows: readonly DecodedFlow[]): number[] => rows.map(({ samplingRate }) => samplingRate);

const SYSTEM = 1;

test('v9: the scope System is the whole exporter, whatever the source id', () => {
  const bench = new DecodeBench();
  bench.netflow(netflow9(options9([SYSTEM, 0], [[34, 100]]), { domain: 7 }));
  assert.deepEqual(rates(bench.netflow(netflow9(flows(256), { domain: 3 }))), [100]);
  // What a domain says of itself comes first.
  bench.netflow(netflow9(options9([SYSTEM, 0], [[34, 50]]), { domain: 3 }));
  bench.netflow(netflow9(options9([SYSTEM, 0], [[34, 200]]), { domain: 7 }));
  assert.deepEqual(rates(bench.netflow(netflow9(flows(256), { domain: 3 }))), [50]);
  assert.deepEqual(rates(bench.netflow(netflow9(flows(256), { domain: 9 }))), [200]);
});

test('v9: a scope of no bytes is System too', () => {
  const bench = new DecodeBench();
  const system = netflow9OptionsTemplate(300, [[SYSTEM, 0]], [[34, 4]]);
  bench.netflow(netflow9([set(1, system), set(300, uint(100, 4))], { domain: 7 }));
  assert.deepEqual(rates(bench.netflow(netflow9(flows(256), { domain: 3 }))), [100]);
});

test('v9: samplers of the scope System serve every source id', () => {
  const bench = new DecodeBench();
  const sampler: Value[] = [
    [48, 2],
    [50, 2000],
  ];
  bench.netflow(netflow9(options9([SYSTEM, 0], sampler), { domain: 7 }));
  assert.deepEqual(rates(bench.netflow(netflow9(flows(256, [[48, 2]]), { domain: 3 }))), [2000]);
  assert.deepEqual(rates(bench.netflow(netflow9(flows(257, [[48, 3]]), { domain: 3 }))), [0]);
});

test('IPFIX: the exporting process and the exporter’s address are the whole exporter', () => {
  for (const scope of [144, 130]) {
    const bench = new DecodeBench();
    bench.netflow(ipfix(options10([scope, 1], [[34, 100]]), { domain: 7 }));
    assert.deepEqual(rates(bench.netflow(ipfix(flows(256, [], 2), { domain: 3 }))), [100]);
  }
});

test('IPFIX: a rate is of the observation domain that it names', () => {
  const bench = new DecodeBench();
  bench.netflow(ipfix(options10([149, 3], [[34, 100]]), { domain: 7 }));
  assert.deepEqual(rates(bench.netflow(ipfix(flows(256, [], 2), { domain: 3 }))), [100]);
  assert.deepEqual(rates(bench.netflow(ipfix(flows(256, [], 2), { domain: 7 }))), [0]);
});

test('a rate may be of the records of one template', () => {
  const bench = new DecodeBench();
  bench.netflow(ipfix(options10([145, 256], [[34, 100]])));
  assert.deepEqual(rates(bench.netflow(ipfix([...flows(256, [], 2), ...flows(257, [], 2)]))), [100, 0]);
});

test('records without a sampler are unsampled beside records that name theirs', () => {
  const bench = new DecodeBench();
  const sampler: Value[] = [
    [48, 2],
    [50, 2000],
  ];
  bench.netflow(netflow9(options9([SYSTEM, 0], sampler)));
  assert.deepEqual(rates(bench.netflow(netflow9(flows(257)))), [2000]);
  assert.deepEqual(rates(bench.netflow(netflow9([...flows(256, [[48, 2]]), ...flows(257)]))), [2000, 1]);
});

test('the rate of an interface serves records sampled where they leave', () => {
  const bench = new DecodeBench();
  bench.netflow(netflow9(options9([2, 5], [[34, 400]]), { domain: 7 }));
  const INGRESS: Value = [61, 0];
  const EGRESS: Value = [61, 1];
  const cases: [Value[], number][] = [
    [
      [
        [10, 5],
        [14, 6],
      ],
      400,
    ],
    [
      [
        [10, 6],
        [14, 5],
      ],
      400,
    ],
    [[[10, 5], [14, 6], INGRESS], 400],
    [[[10, 6], [14, 5], INGRESS], 0],
    [[[10, 6], [14, 5], EGRESS], 400],
    [[[10, 5], [14, 6], EGRESS], 0],
    [
      [
        [10, 6],
        [14, 8],
      ],
      0,
    ],
  ];
  cases.forEach(([values, rate], i) => {
    assert.deepEqual(rates(bench.netflow(netflow9(flows(256 + i, values)))), [rate], JSON.stringify(values));
  });
});

test('options behind the data of the same datagram are its rate', () => {
  const bench = new DecodeBench();
  assert.deepEqual(rates(bench.netflow(netflow9([...flows(256), ...options9([SYSTEM, 0], [[34, 100]])]))), [100]);
});

test('data that waited for its template has the rate that arrives with it, or in the next datagram', () => {
  const data = set(256, flow);
  const announce = set(0, template(256, FLOW));
  const [optionsTemplate, optionsData] = options9([SYSTEM, 0], [[34, 100]]);
  const together = new DecodeBench();
  together.netflow(netflow9([data]));
  assert.deepEqual(rates(together.netflow(netflow9([announce, optionsTemplate, optionsData]), 1000)), [100]);
  const behind = new DecodeBench();
  behind.netflow(netflow9([data]));
  assert.deepEqual(behind.netflow(netflow9([announce, optionsTemplate]), 1000), []);
  assert.deepEqual(rates(behind.netflow(netflow9([optionsData]), 1100)), [100]);
  const never = new DecodeBench();
  never.netflow(netflow9([data]));
  never.netflow(netflow9([announce, optionsTemplate]), 1000);
  assert.deepEqual(rates(never.netflow(netflow9([data]), 1100)), [0, 0]);
});

/** The rate in use after these statements; each at its second, with the exporter's next sequence number or without. */
function after(...statements: readonly [rate: number, second: number, sequence?: number][]): [number, number] {
  const bench = new DecodeBench();
  let rate = 0;
  for (const [stated, second, sequence = 0] of statements) {
    const message: MessageOptions = { sequence };
    bench.netflow(netflow9(options9([SYSTEM, 0], [[34, stated]]), message), second * 1000);
    [rate] = rates(bench.netflow(netflow9(flows(256), { domain: 1 }), second * 1000));
  }
  return [rate, bench.exporter.doubts.get('sampling_rate_jump') ?? 0];
}

test('a rate far from the one before is believed when it is stated again, or by its place in the sequence', () => {
  assert.deepEqual(after([1000, 0]), [1000, 0]);
  assert.deepEqual(after([1000, 0], [4000, 100]), [4000, 0]);
  assert.deepEqual(after([1000, 0], [20_000, 100]), [1000, 1]);
  assert.deepEqual(after([1000, 0], [20_000, 100], [20_000, 200]), [20_000, 1]);
  assert.deepEqual(after([1000, 0], [20_000, 100], [1000, 200], [20_000, 300]), [1000, 2]);
  assert.deepEqual(after([1000, 0, 7], [20_000, 100, 8]), [20_000, 0]);
  assert.deepEqual(after([1000, 0], [10, 100]), [1000, 1]);
  assert.deepEqual(after([200_000, 0]), [0, 1]);
  assert.deepEqual(after([200_000, 0], [200_000, 1]), [200_000, 1]);
});

test('an exporter that was there before needs to state its first rate twice', () => {
  const bench = new DecodeBench();
  bench.netflow(netflow9(flows(256), { domain: 1 }), 0);
  const state = (second: number): DecodedFlow[] =>
    bench.netflow(netflow9([...options9([SYSTEM, 0], [[34, 1000]]), ...flows(256)]), second * 1000);
  assert.deepEqual(rates(state(100)), [0]);
  assert.deepEqual(rates(state(200)), [1000]);
});

test('stating a rate twice in one datagram is stating it once', () => {
  const bench = new DecodeBench();
  const [optionsTemplate, data] = options9([SYSTEM, 0], [[34, 200_000]]);
  assert.deepEqual(rates(bench.netflow(netflow9([optionsTemplate, data, data, ...flows(256)]))), [0]);
});

test('a rate that makes sense only in the other byte order is refused and named', () => {
  const stated = (bytes: readonly number[]): [number, number] => {
    const bench = new DecodeBench();
    const system = netflow9OptionsTemplate(300, [[SYSTEM, 4]], [[34, bytes.length]]);
    bench.netflow(netflow9([set(1, system), set(300, [...uint(0, 4), ...bytes])]));
    return [rates(bench.netflow(netflow9(flows(256))))[0], bench.exporter.doubts.get('sampling_rate') ?? 0];
  };
  for (const [rate, size] of [
    [1000, 4],
    [1000, 2],
    [100, 2],
    [50, 4],
    [1500, 2],
    [512, 4],
    [4096, 4],
  ]) {
    assert.deepEqual(stated(uint(rate, size).reverse()), [0, 1], `${rate} in ${size} bytes`);
    assert.deepEqual(stated(uint(rate, size)), [rate, 0], `${rate} in ${size} bytes`);
  }
  // A power of two is a rate in either order.
  assert.deepEqual(stated(uint(16_384, 2)), [16_384, 0]);
  assert.deepEqual(stated(uint(65_536, 4)), [65_536, 0]);
});

test('a probability is a rate', () => {
  const bench = new DecodeBench();
  const probability = [...new Uint8Array(new Float64Array([1 / 512]).buffer)].reverse();
  const sets = [set(3, ipfixOptionsTemplate(300, [[149, 4]], [[311, 8]])), set(300, [...uint(0, 4), ...probability])];
  bench.netflow(ipfix(sets));
  assert.deepEqual(rates(bench.netflow(ipfix(flows(256, [], 2)))), [512]);
});

test('two exporters behind one address keep their rates apart', () => {
  const bench = new DecodeBench();
  const message = (sets: number[][], young: boolean, sequence: number): DecodedFlow[] => {
    const uptime = young ? 60_000 : 7_200_000;
    return bench.netflow(netflow9(sets, { exportTime: 1_790_000_000, uptime, sequence }), 0, young ? 2000 : 1000);
  };
  message(options9([SYSTEM, 0], [[34, 1]]), false, 500);
  message(options9([SYSTEM, 0], [[34, 100]]), true, 5);
  assert.deepEqual(rates(message(flows(256), false, 501)), [1]);
  assert.deepEqual(rates(message(flows(256), true, 6)), [100]);
});

test('an exporter behind the address of another does not take the rate that only the other states', () => {
  const bench = new DecodeBench();
  const at = { exportTime: 1_790_000_000 };
  bench.netflow(netflow9(options9([SYSTEM, 0], [[34, 100]]), { ...at, uptime: 7_200_000 }), 0, 1000);
  assert.deepEqual(rates(bench.netflow(netflow9(flows(256), { ...at, uptime: 60_000 }), 0, 2000)), [0]);
  // Another port of the same exporter does.
  assert.deepEqual(rates(bench.netflow(netflow9(flows(257), { ...at, uptime: 7_200_000 }), 0, 3000)), [100]);
});

const statement = (protocol: 'v9' | 'ipfix', rate: number, message: MessageOptions): Uint8Array =>
  protocol === 'v9'
    ? netflow9(options9([SYSTEM, 0], [[34, rate]]), message)
    : ipfix(options10([144, 1], [[34, rate]]), message);
const records = (protocol: 'v9' | 'ipfix', message: MessageOptions): Uint8Array =>
  protocol === 'v9' ? netflow9(flows(256), message) : ipfix(flows(256, [], 2), message);

for (const protocol of ['v9', 'ipfix'] as const) {
  test(`${protocol}: a first rate behind the first flows is believed by its place in the sequence`, () => {
    const cases: [sequence: number, expected: number][] = [
      [1001, 100], // the next one, of datagrams and of records
      [1020, 100], // some are lost, or it counts something else
      [1000, 0], // it stands still
      [990, 0],
      [0, 0],
      [5_000_000, 0],
    ];
    for (const [sequence, expected] of cases) {
      const bench = new DecodeBench();
      bench.netflow(records(protocol, { sequence: 1000 }));
      bench.netflow(statement(protocol, 100, { sequence }), 1000);
      assert.deepEqual(rates(bench.netflow(records(protocol, { sequence: 1002 }), 2000)), [expected], `${sequence}`);
      bench.netflow(statement(protocol, 100, { sequence }), 3000);
      assert.deepEqual(rates(bench.netflow(records(protocol, { sequence: 1004 }), 4000)), [100], `${sequence} again`);
    }
  });

  test(`${protocol}: what a new session states first is of its own flows, and of those of others when it is stated again`, () => {
    for (const [domain, port] of [
      [7, 1000],
      [7, 2000],
      [0, 2000],
    ]) {
      const bench = new DecodeBench();
      bench.netflow(records(protocol, { sequence: 1000 }), 0, 1000);
      const later = { domain, sequence: 50_000 };
      bench.netflow(statement(protocol, 100, later), 1000, port);
      assert.deepEqual(
        rates(bench.netflow(records(protocol, { sequence: 1001 }), 2000, 1000)),
        [0],
        `${domain} ${port}`,
      );
      assert.deepEqual(rates(bench.netflow(records(protocol, later), 2000, port)), [100]);
      bench.netflow(statement(protocol, 100, later), 3000, port);
      assert.deepEqual(rates(bench.netflow(records(protocol, { sequence: 1002 }), 4000, 1000)), [100]);
    }
  });
}

test('a datagram cannot make its own statement forgotten to state it again', () => {
  const bench = new DecodeBench();
  bench.netflow(netflow9(flows(256)));
  const sampler = (id: number): number[] => uint(id, 4).concat(uint(0, 4), uint(1000, 4));
  const layout = netflow9OptionsTemplate(
    300,
    [[48, 4]],
    [
      [SYSTEM, 4],
      [50, 4],
    ],
  );
  const many = Array.from({ length: 100 }, (_, i) => sampler(i)).flat();
  bench.netflow(netflow9([set(1, layout), set(300, [...many, ...many])], { sequence: 5_000_000 }), 1000, 777);
  assert.deepEqual(rates(bench.netflow(netflow9(flows(257, [[48, 1]])))), [0]);
});
