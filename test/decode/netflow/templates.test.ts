import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DECODE_LIMITS } from '../../../src/decode/exporter/exporterState.ts';
import type { TemplateField } from '../../../src/decode/netflow/informationElements.ts';
import { compileTemplate } from '../../../src/decode/netflow/templateSet.ts';
import { DecodeBench } from '../decodedFlows.ts';
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

const FIELDS: readonly Field[] = [
  [8, 4],
  [12, 4],
  [1, 4],
  [2, 4],
];
const DST = '203.0.113.9';
const record = (bytes: number): number[] => [...ipv4('198.51.100.7'), ...ipv4(DST), ...uint(bytes, 4), ...uint(1, 4)];
const announce = (id = 256, fields = FIELDS): number[] => set(2, template(id, fields));
const data = (bytes: number, id = 256): number[] => set(id, record(bytes));

test('a template announced again with other fields replaces the first', () => {
  const bench = new DecodeBench();
  bench.netflow(ipfix([announce()]));
  const swapped: readonly Field[] = [
    [8, 4],
    [12, 4],
    [2, 4],
    [1, 4],
  ];
  bench.netflow(ipfix([announce(256, swapped)]));
  const [row] = bench.netflow(ipfix([data(500)]));
  assert.deepEqual([row.packets, row.bytes], [500, 1]);
  assert.equal(bench.exporter.templates, 1);
});

test('a template announced again unchanged is kept as it is', () => {
  const bench = new DecodeBench();
  for (let i = 0; i < 5; i++) bench.netflow(ipfix([announce()]));
  assert.equal(bench.exporter.templates, 1);
  assert.equal(bench.netflow(ipfix([data(500)])).length, 1);
});

test('a template id may change from flows to options and back', () => {
  const bench = new DecodeBench();
  bench.netflow(ipfix([announce()]));
  bench.netflow(ipfix([set(3, ipfixOptionsTemplate(256, [[149, 4]], [[34, 4]]))]));
  assert.deepEqual(bench.netflow(ipfix([set(256, [...uint(1, 4), ...uint(100, 4)])])), []);
  assert.equal(bench.exporter.optionsRecords, 1);
  bench.netflow(ipfix([announce()]));
  assert.equal(bench.netflow(ipfix([data(1)])).length, 1);
  assert.equal(bench.exporter.templates, 1);
});

test('a withdrawal removes one template, or all of a kind', () => {
  const bench = new DecodeBench();
  const optionsTemplate = set(3, ipfixOptionsTemplate(300, [[149, 4]], [[34, 4]]));
  bench.netflow(ipfix([announce(256), announce(257), announce(258), optionsTemplate]));
  assert.equal(bench.exporter.templates, 4);
  bench.netflow(ipfix([set(2, template(256, []))]));
  assert.equal(bench.exporter.templates, 3);
  assert.deepEqual(bench.netflow(ipfix([data(1, 256)])), []);
  assert.equal(bench.netflow(ipfix([data(1, 257)])).length, 1);
  bench.netflow(ipfix([set(2, template(2, []))]));
  assert.equal(bench.exporter.templates, 1);
  bench.netflow(ipfix([set(3, template(3, []))]));
  assert.equal(bench.exporter.templates, 0);
  assert.ok(bench.clean);
});

test('template ids of different domains and protocols are independent', () => {
  const bench = new DecodeBench();
  bench.netflow(ipfix([announce()], { domain: 1 }));
  assert.deepEqual(bench.netflow(ipfix([data(1)], { domain: 2 })), []);
  assert.deepEqual(bench.netflow(netflow9([data(1)], { domain: 1 })), []);
  assert.equal(bench.netflow(ipfix([data(1)], { domain: 1 })).length, 1);
});

test('data that arrives before its template is decoded when the template arrives, and is not an error', () => {
  const bench = new DecodeBench();
  assert.deepEqual(bench.netflow(ipfix([data(1), data(2, 300)]), 1000), []);
  assert.deepEqual(bench.netflow(ipfix([data(3)]), 3000), []);
  assert.ok(bench.clean);
  assert.equal(bench.exporter.awaitingTemplateSets, 3);
  assert.deepEqual(bench.exporter.missingTemplates(), [
    { protocol: 2, domain: 0, templateId: 256, sets: 2 },
    { protocol: 2, domain: 0, templateId: 300, sets: 1 },
  ]);
  const rows = bench.netflow(ipfix([announce(), data(4)]), 5000);
  assert.deepEqual(
    rows.map((row) => row.bytes),
    [4, 1, 3],
  );
  assert.equal(bench.exporter.awaitingTemplateSets, 1);
  assert.equal(bench.exporter.flows[2], 3);
});

test('data before its template in the same datagram is decoded', () => {
  const rows = new DecodeBench().netflow(netflow9([data(7), set(0, template(256, FIELDS))]));
  assert.deepEqual(
    rows.map((row) => row.bytes),
    [7],
  );
});

test('flows that waited for their template count when they were received', () => {
  const bench = new DecodeBench();
  bench.netflow(ipfix([data(1)]), 1000);
  const [row] = bench.netflow(ipfix([announce()]), 4500);
  assert.equal(row.durationMs, 0);
  assert.equal(bench.batch.endAgoOf(bench.batch.start), 3500);
});

test('data that waited too long for its template is dropped and counted', () => {
  const bench = new DecodeBench();
  const { awaitingMs } = DEFAULT_DECODE_LIMITS;
  bench.netflow(ipfix([data(1)]), 0);
  bench.netflow(ipfix([data(2)]), awaitingMs);
  const rows = bench.netflow(ipfix([announce()]), awaitingMs + 1);
  assert.deepEqual(
    rows.map((row) => row.bytes),
    [2],
  );
  assert.deepEqual(bench.errors, { template_missing: 1 });
  assert.equal(bench.exporter.decodeErrorDatagrams, 0);
});

test('the buffer of waiting data is bounded in sets and bytes, and what does not fit is counted', () => {
  const bySets = new DecodeBench({ ...DEFAULT_DECODE_LIMITS, awaitingSets: 3 });
  const byBytes = new DecodeBench({ ...DEFAULT_DECODE_LIMITS, awaitingBytes: 16 * 3 });
  for (const bench of [bySets, byBytes]) {
    for (let i = 0; i < 10; i++) bench.netflow(ipfix([data(i)]));
    assert.equal(bench.exporter.awaitingTemplateSets, 3);
    assert.deepEqual(bench.errors, { awaiting_limit: 7 });
    assert.equal(bench.netflow(ipfix([announce()])).length, 3);
    assert.equal(bench.exporter.awaitingTemplateSets, 0);
    for (let i = 0; i < 3; i++) bench.netflow(ipfix([data(i, 300)]));
    assert.equal(bench.exporter.awaitingTemplateSets, 3); // the room is free again
  }
});

test('a full template table drops the least recently announced template', () => {
  const bench = new DecodeBench({ ...DEFAULT_DECODE_LIMITS, templates: 3 });
  bench.netflow(ipfix([announce(256), announce(257), announce(258)]));
  bench.netflow(ipfix([announce(256)]));
  bench.netflow(ipfix([announce(259)]));
  assert.equal(bench.exporter.templates, 3);
  assert.deepEqual(bench.errors, { template_limit: 1 });
  assert.equal(bench.netflow(ipfix([data(1, 256)])).length, 1);
  assert.deepEqual(bench.netflow(ipfix([data(1, 257)])), []);
});

test('a template larger than the limit for all templates is refused', () => {
  const bench = new DecodeBench({ ...DEFAULT_DECODE_LIMITS, templateBytes: 47 });
  bench.netflow(ipfix([announce(256, new Array<Field>(11).fill([1, 4]))]));
  assert.equal(bench.exporter.templates, 0);
  assert.deepEqual(bench.errors, { template_limit: 1 });
  assert.equal(bench.clean, false);
});

test('templates that are replaced or withdrawn free their room', () => {
  const bench = new DecodeBench({ ...DEFAULT_DECODE_LIMITS, templates: 2, templateBytes: 50 });
  for (let i = 0; i < 10; i++) {
    bench.netflow(ipfix([announce(256, [...FIELDS, [15, i % 2]])]));
    bench.netflow(ipfix([announce(300 + i, [[12, 4]]), set(2, template(300 + i, []))]));
  }
  assert.equal(bench.exporter.templates, 1);
  assert.deepEqual(bench.errors, {});
});

test('fields of length zero cost nothing in a record', () => {
  const nothing = new Array<TemplateField>(10_000).fill({ enterprise: 0, element: 5, length: 0 });
  const compiled = compileTemplate(
    'flow',
    256,
    [...nothing, { enterprise: 0, element: 4, length: 1 }],
    new Uint8Array(),
  );
  assert.equal(compiled.lengths.length, 1);
  assert.equal(compiled.recordBytes, 1);
});

test('a full domain table drops the least recently seen domain and everything it had learned', () => {
  const bench = new DecodeBench({ ...DEFAULT_DECODE_LIMITS, domains: 2 });
  bench.netflow(ipfix([announce()], { domain: 1 }), 1);
  bench.netflow(ipfix([announce(), data(5, 300)], { domain: 2 }), 2);
  bench.netflow(ipfix([announce()], { domain: 1 }), 3);
  bench.netflow(ipfix([announce()], { domain: 3 }), 4);
  assert.deepEqual(bench.errors, { domain_limit: 1 });
  assert.equal(bench.exporter.templates, 2);
  assert.equal(bench.exporter.awaitingTemplateSets, 0);
  assert.equal(bench.netflow(ipfix([data(1)], { domain: 1 }), 5).length, 1);
});

test('an options template may have a scope field of length zero', () => {
  const bench = new DecodeBench();
  const options = netflow9OptionsTemplate(257, [[1, 0]], [[34, 4]]);
  bench.netflow(netflow9([set(1, options), set(257, uint(100, 4)), set(0, template(256, FIELDS)), data(1)]));
  assert.equal(bench.exporter.optionsRecords, 1);
  assert.ok(bench.clean);
});

test('missing IPFIX records are a sequence gap, unless a message had a set without a template', () => {
  const bench = new DecodeBench();
  bench.netflow(ipfix([announce(), data(1), data(2)], { sequence: 10 }));
  bench.netflow(ipfix([data(1)], { sequence: 12 }));
  assert.equal(bench.exporter.sequenceGaps, 0);
  bench.netflow(ipfix([data(1, 999)], { sequence: 20 }));
  assert.equal(bench.exporter.sequenceGaps, 1);
  bench.netflow(ipfix([data(1)], { sequence: 25 }));
  assert.equal(bench.exporter.sequenceGaps, 1);
});

test('a missing NetFlow v9 datagram is a sequence gap', () => {
  const bench = new DecodeBench();
  for (const sequence of [0xffff_fffe, 0xffff_ffff, 0, 1]) bench.netflow(netflow9([], { sequence }));
  assert.equal(bench.exporter.sequenceGaps, 0);
  bench.netflow(netflow9([], { sequence: 3 }));
  assert.equal(bench.exporter.sequenceGaps, 1);
  bench.netflow(netflow9([], { sequence: 2_000_000_000 }));
  bench.netflow(netflow9([], { sequence: 0 })); // a restart
  assert.equal(bench.exporter.sequenceGaps, 2);
});
