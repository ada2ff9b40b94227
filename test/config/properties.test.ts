import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import * as z from 'zod';
import { allKeyPaths, configJsonSchema } from '../../src/config/jsonSchema.ts';
import { METRICS } from '../../src/trafficMetrics.ts';
import { configOf, problemsOf } from './configText.ts';

const NAMES = [...new Set(allKeyPaths().map((path) => path.split('.').at(-1)?.replace('[]', '') ?? ''))];
const VALUES = [
  '192.0.2.0/24',
  '::/0',
  ':2055',
  'unix:/a',
  'blackhole',
  'auto',
  '65535:666',
  '1:2:3',
  'HOME',
  'flowspec',
];

/** Any value; often one that is valid somewhere in the file. */
const anything = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...VALUES),
    fc.anything({ maxDepth: 1 }),
    fc.boolean(),
    fc.double(),
    fc.nat(100_000),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), tie('value'), { maxKeys: 8 }),
  ),
})).value;

function optional<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.option(value, { nil: undefined });
}

const seconds = fc.integer({ min: 1, max: 100_000 });
const thresholds = fc.record(
  Object.fromEntries(METRICS.map((metric) => [metric, fc.integer({ min: 1, max: 1_000_000 })])),
  { requiredKeys: ['pps', 'mbps', 'flows_per_sec'] },
);
const flowspec = fc.record(
  {
    action: fc.constantFrom('discard', 'rate_limit'),
    rate_mbps: fc.integer({ min: 1, max: 10_000 }),
    source_anchored: fc.boolean(),
    min_source_concentration: fc.double({ min: 0, max: 1, noNaN: true }),
  },
  { requiredKeys: ['rate_mbps'] },
);
const bgp = fc.record({
  next_hop: fc.constantFrom('192.0.2.1', '198.51.100.1'),
  community: fc.constantFrom('blackhole', '1:2', '1:2:3'),
});
const escalation = fc.constantFrom(
  [],
  [{ after_seconds: 0, action: 'flowspec' }],
  [
    { after_seconds: 0, action: 'none' },
    { after_seconds: 30, action: 'blackhole' },
  ],
);
const groupNetworks = ['192.0.2.0/25', '192.0.2.7/32', '2001:db8:1::/48', '2001:db8::9/128'];
const hostgroups = fc.uniqueArray(fc.constantFrom(...groupNetworks), { maxLength: 4 }).chain((networks) =>
  fc.tuple(
    ...networks.map((network, index) =>
      fc.record({
        name: fc.constant(`group ${index}`),
        networks: fc.constant([network]),
        mitigation: optional(fc.constantFrom('blackhole', 'flowspec', 'none')),
        escalation: optional(escalation),
        flowspec: optional(flowspec),
        bgp: optional(bgp),
        ban: optional(fc.record({ ttl_seconds: seconds, max_active_bans: fc.integer({ min: 1, max: 50 }) })),
      }),
    ),
  ),
);

/** Files that are valid by construction. */
const validFile = fc.record({
  dry_run: fc.boolean(),
  listen: fc.constantFrom({ netflow: ':2055' }, { sflow: ['127.0.0.1:6343', '[::1]:6343'] }),
  networks: fc.constantFrom(['192.0.2.0/24', '2001:db8::/32'], ['2001:db8::/32', '192.0.2.0/24', '10.0.0.0/8']),
  protected_whitelist: fc.subarray(['192.0.2.1', '2001:db8::1/128', '10.0.0.0/30']),
  thresholds,
  hostgroups,
  mitigation: fc.constantFrom('blackhole', 'flowspec', 'none'),
  escalation,
  ban: fc.record({ ttl_seconds: seconds, max_active_bans: seconds, unban_hysteresis_seconds: seconds }),
  bgp,
  flowspec,
  sampling: fc.record({ default_rate: fc.integer({ min: 1, max: 65_535 }) }),
  gobgp: fc.record({ instance_id: fc.integer({ min: 0, max: 0xffffffff }), api: fc.constantFrom('auto', 'v3', 'v4') }),
});

/** As it would be written: without the keys that are undefined. */
function written(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test('whatever a file holds, it is a config or a list of problems', () => {
  fc.assert(
    fc.property(anything, (value) => {
      let text: string;
      try {
        text = stringify(value) ?? '';
      } catch {
        // A value that YAML cannot express (a symbol, a null prototype) is in no file.
        fc.pre(false);
        return;
      }
      for (const { line, column, message } of problemsOf(text)) {
        assert.ok(line > 0 && column > 0 && message !== '');
      }
    }),
    { numRuns: 1000 },
  );
});

test('whatever bytes a file holds, it is a config or a list of problems', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => assert.ok(problemsOf(text).length > 0)),
    { numRuns: 1000 },
  );
});

test('a valid file with one value replaced is a config or has problems with a place', () => {
  fc.assert(
    fc.property(validFile, fc.constantFrom(...allKeyPaths()), anything, (file, keyPath, value) => {
      const damaged = structuredClone(written(file)) as Record<string, unknown>;
      let at: Record<string, unknown> = damaged;
      const steps = keyPath.replaceAll('[]', '.0').split('.');
      for (const step of steps.slice(0, -1)) {
        if (typeof at[step] !== 'object' || at[step] === null) at[step] = {};
        at = at[step] as Record<string, unknown>;
      }
      Object.defineProperty(at, steps.at(-1) ?? '', { value: written(value ?? null), enumerable: true });
      for (const { line, column } of problemsOf(stringify(damaged))) assert.ok(line > 0 && column > 0);
    }),
    { numRuns: 500 },
  );
});

test('a valid file means the same in every style of YAML', () => {
  fc.assert(
    fc.property(validFile, (file) => {
      const plain = written(file);
      const config = configOf(JSON.stringify(plain));
      assert.deepEqual(configOf(stringify(plain)), config);
      assert.deepEqual(configOf(stringify(plain, { collectionStyle: 'flow', defaultKeyType: 'QUOTE_DOUBLE' })), config);
      assert.deepEqual(configOf(stringify(plain, { indent: 7, defaultStringType: 'QUOTE_SINGLE' })), config);
    }),
    { numRuns: 200 },
  );
});

test('the order of keys means nothing', () => {
  fc.assert(
    fc.property(validFile, fc.infiniteStream(fc.nat()), (file, random) => {
      const plain = written(file) as Record<string, unknown>;
      const entries = Object.entries(plain)
        .map((entry) => ({ entry, rank: random.next().value ?? 0 }))
        .sort((a, b) => a.rank - b.rank);
      const shuffled = Object.fromEntries(entries.map(({ entry }) => entry));
      assert.deepEqual(configOf(stringify(shuffled)), configOf(stringify(plain)));
    }),
    { numRuns: 100 },
  );
});

test('an editor with the JSON Schema accepts what the loader accepts', () => {
  const editor = z.fromJSONSchema(configJsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
  fc.assert(
    fc.property(validFile, (file) => {
      const plain = written(file);
      configOf(stringify(plain));
      assert.ok(editor.safeParse(plain).success);
    }),
    { numRuns: 200 },
  );
});
