import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DECODE_LIMITS } from '../../../src/decode/exporter/exporterState.ts';
import { resolveSampling } from '../../../src/decode/flowRows.ts';
import { DecodeBench, flowsOf } from '../decodedFlows.ts';
import {
  type Field,
  ipfix,
  ipfixOptionsTemplate,
  ipv4,
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

type Stated = readonly (readonly [element: number, value: number])[];

/** Rate and source of a flow with these further fields, after the exporter sent these options over IPFIX. */
function sampled(options: readonly Stated[], inRecord: Stated = [], bench = new DecodeBench()): [number, string] {
  options.forEach((fields, i) => {
    const optionsTemplate = ipfixOptionsTemplate(
      300 + i,
      [[149, 4]],
      fields.map(([element]): Field => [element, 4]),
    );
    const body = [...uint(0, 4), ...fields.flatMap(([, value]) => uint(value, 4))];
    bench.netflow(ipfix([set(3, optionsTemplate), set(300 + i, body)]));
  });
  const fields = [...FLOW, ...inRecord.map(([element]): Field => [element, 4])];
  const record = [...flow, ...inRecord.flatMap(([, value]) => uint(value, 4))];
  const [row] = bench.netflow(ipfix([set(2, template(256, fields)), set(256, record)]));
  return [row.samplingRate, row.samplingSource];
}

const notStated: [number, string] = [0, 'default'];

test('a rate for the whole exporter is element 34 in the options', () => {
  assert.deepEqual(
    sampled([
      [
        [34, 1000],
        [35, 1],
      ],
    ]),
    [1000, 'options'],
  );
});

test('a rate of zero, in the options or in the record, is not a rate', () => {
  assert.deepEqual(sampled([[[34, 0]]]), notStated);
  assert.deepEqual(sampled([], [[34, 0]]), notStated);
});

test('a rate in the record wins over the options', () => {
  assert.deepEqual(sampled([[[34, 1000]]], [[34, 50]]), [50, 'record']);
  assert.deepEqual(sampled([[[34, 1000]]], [[34, 0]]), [1000, 'options']);
});

test('a record has the rate of the sampler that it names', () => {
  const samplers: Stated[] = [
    [
      [48, 1],
      [49, 2],
      [50, 2000],
      [34, 2000],
    ],
    [
      [48, 2],
      [49, 2],
      [50, 4000],
    ],
  ];
  assert.deepEqual(sampled(samplers, [[48, 1]]), [2000, 'options']);
  assert.deepEqual(sampled(samplers, [[48, 2]]), [4000, 'options']);
  assert.deepEqual(sampled(samplers, [[48, 3]]), notStated);
  assert.deepEqual(sampled(samplers), notStated);
});

test('a record that names no sampler has the rate of the only sampler, if there is only one', () => {
  const sampler: Stated = [
    [302, 7],
    [309, 1],
    [310, 512],
  ];
  assert.deepEqual(sampled([sampler]), [512, 'options']);
  assert.deepEqual(sampled([sampler], [[302, 7]]), [512, 'options']);
  assert.deepEqual(sampled([sampler], [[302, 8]]), notStated);
});

test('records of an unknown sampler have the rate of the exporter', () => {
  assert.deepEqual(
    sampled(
      [
        [[34, 100]],
        [
          [48, 1],
          [50, 2000],
        ],
      ],
      [[48, 9]],
    ),
    [100, 'options'],
  );
});

test('309 of 310 is a rate, and so are 305 taken and 306 skipped', () => {
  assert.deepEqual(
    sampled([
      [
        [309, 2],
        [310, 512],
      ],
    ]),
    [256, 'options'],
  );
  assert.deepEqual(
    sampled([
      [
        [305, 1],
        [306, 999],
      ],
    ]),
    [1000, 'options'],
  );
  assert.deepEqual(
    sampled([
      [
        [305, 1],
        [306, 0],
      ],
    ]),
    [1, 'options'],
  );
  assert.deepEqual(
    sampled(
      [],
      [
        [309, 1],
        [310, 64],
      ],
    ),
    [64, 'record'],
  );
  assert.deepEqual(
    sampled(
      [],
      [
        [305, 1],
        [306, 9],
      ],
    ),
    [10, 'record'],
  );
});

test('305 without 306 is not a rate; with 309 and 310, those are', () => {
  assert.deepEqual(sampled([[[305, 1000]]]), notStated);
  assert.deepEqual(
    sampled([
      [
        [305, 1],
        [309, 1],
        [310, 256],
        [304, 3],
      ],
    ]),
    [256, 'options'],
  );
});

test('divisions by zero and rates below one are not rates', () => {
  assert.deepEqual(
    sampled([
      [
        [309, 0],
        [310, 512],
      ],
    ]),
    notStated,
  );
  assert.deepEqual(
    sampled([
      [
        [309, 512],
        [310, 1],
      ],
    ]),
    notStated,
  );
  assert.deepEqual(
    sampled([
      [
        [305, 0],
        [306, 9],
      ],
    ]),
    notStated,
  );
});

test('a rate for an interface applies to the flows that entered through it', () => {
  const perInterface: Stated[] = [
    [
      [10, 5],
      [34, 10],
    ],
    [
      [10, 6],
      [34, 20],
    ],
  ];
  assert.deepEqual(sampled(perInterface, [[10, 5]]), [10, 'options']);
  assert.deepEqual(sampled(perInterface, [[10, 6]]), [20, 'options']);
  assert.deepEqual(sampled(perInterface, [[10, 7]]), notStated);
});

test('NetFlow v9 scopes: system is the exporter, interface is one interface', () => {
  const bench = new DecodeBench();
  const bySystem = netflow9OptionsTemplate(300, [[1, 4]], [[34, 4]]);
  const byInterface = netflow9OptionsTemplate(301, [[2, 4]], [[34, 4]]);
  bench.netflow(netflow9([set(1, [...bySystem, ...byInterface])]));
  bench.netflow(netflow9([set(300, [...uint(10, 4), ...uint(100, 4)]), set(301, [...uint(5, 4), ...uint(7, 4)])]));
  const fields: readonly Field[] = [...FLOW, [10, 4]];
  const records = [5, 10].flatMap((ifIndex) => [...flow, ...uint(ifIndex, 4)]);
  const rows = bench.netflow(netflow9([set(0, template(256, fields)), set(256, records)]));
  assert.deepEqual(
    rows.map((row) => row.samplingRate),
    [7, 100],
  );
});

test('a rate of one domain does not apply to another', () => {
  const bench = new DecodeBench();
  const options = ipfixOptionsTemplate(300, [[149, 4]], [[34, 4]]);
  bench.netflow(ipfix([set(3, options), set(300, [...uint(0, 4), ...uint(100, 4)])], { domain: 1 }));
  const message = [set(2, template(256, FLOW)), set(256, flow)];
  assert.equal(bench.netflow(ipfix(message, { domain: 1 }))[0].samplingRate, 100);
  assert.equal(bench.netflow(ipfix(message, { domain: 2 }))[0].samplingRate, 0);
});

test('the table of rates is bounded, and what does not fit is counted', () => {
  const bench = new DecodeBench({ ...DEFAULT_DECODE_LIMITS, samplingRates: 2 });
  const samplers = [1, 2, 3, 4].map(
    (id): Stated => [
      [48, id],
      [50, id * 10],
    ],
  );
  assert.deepEqual(sampled(samplers, [[48, 2]], bench), [20, 'options']);
  assert.deepEqual(bench.errors, { sampling_limit: 2 });
});

test('a domain that is dropped frees the room of its rates', () => {
  const bench = new DecodeBench({ ...DEFAULT_DECODE_LIMITS, domains: 1, samplingRates: 1 });
  const options = ipfixOptionsTemplate(300, [[302, 4]], [[50, 4]]);
  for (let domain = 1; domain <= 5; domain++) {
    bench.netflow(ipfix([set(3, options), set(300, [...uint(7, 4), ...uint(100, 4)])], { domain }), domain);
  }
  assert.deepEqual(bench.errors, { domain_limit: 4 });
});

test('an override wins over the stated rate, and the default is used where none is stated', () => {
  const bench = new DecodeBench();
  const fields: readonly Field[] = [...FLOW, [34, 4]];
  const records = [...flow, ...uint(50, 4), ...flow, ...uint(0, 4)];
  bench.netflow(ipfix([set(2, template(256, fields)), set(256, records)]));
  const settled = (): unknown => flowsOf(bench.batch).map((row) => [row.samplingRate, row.samplingSource]);
  resolveSampling(bench.batch, 0, 8);
  assert.deepEqual(settled(), [
    [50, 'record'],
    [8, 'default'],
  ]);
  resolveSampling(bench.batch, 300, 8);
  assert.deepEqual(settled(), [
    [300, 'override'],
    [300, 'override'],
  ]);
});
