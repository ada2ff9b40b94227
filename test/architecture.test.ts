/*
 * The house rules a machine can check: who may import whom, no clock and no package in the pure rooms, nothing that
 * allocates in the hottest functions. src/README.md draws the same table for people.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '..');

/** Files at the top of src that any room may use. */
const NOUNS = ['auditEvent', 'clock', 'errors', 'log', 'operationalEvent', 'unprintable', 'version'];

/** What each room may import besides itself; `types:` allows only `import type`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  net: [],
  flowBatch: ['flowExporter'],
  flowExporter: ['types:net'],
  flowKey: ['types:flowBatch'],
  trafficMetrics: [],
  capture: ['net'],
  decode: ['net', 'flowBatch', 'flowExporter', 'flowKey'],
  engine: ['net', 'flowBatch', 'flowExporter', 'flowKey', 'trafficMetrics', 'types:config'],
  log: ['unprintable'],
  mitigation: ['net', 'trafficMetrics', 'engine/attack', 'types:config', 'types:engine'],
  incidents: ['engine', 'mitigation', 'net', 'types:config'],
  config: ['net', 'trafficMetrics', ...NOUNS],
  ingest: [
    'net',
    'flowBatch',
    'flowExporter',
    'flowKey',
    'decode',
    'engine',
    'trafficMetrics',
    'types:config',
    ...NOUNS,
  ],
  gobgp: ['net', 'mitigation', 'types:config', ...NOUNS],
  storage: ['net', 'trafficMetrics', 'mitigation/banCounts', 'types:config', 'types:mitigation', ...NOUNS],
  notify: [
    'net',
    'trafficMetrics',
    'config/sections/notify',
    'shapes',
    'types:config',
    'types:engine',
    'types:incidents',
    'incidents/incidentEvent',
    'mitigation/ban',
    'mitigation/route',
    'mitigation/scope',
    'types:mitigation',
    ...NOUNS,
  ],
  flowgen: ['net', ...NOUNS],
  shapes: [
    'net',
    'decode/exporter/protocol',
    'mitigation',
    'trafficMetrics',
    'types:config',
    'types:engine',
    'types:gobgp',
    'types:incidents',
    'types:ingest',
    ...NOUNS,
  ],
  api: [
    'net',
    'decode/exporter/doubts',
    'decode/exporter/protocol',
    'shapes',
    'incidents/incidentEvent',
    'types:incidents',
    'mitigation',
    'trafficMetrics',
    'types:config',
    'types:engine',
    'types:ingest',
    'types:gobgp',
    'types:notify',
    'storage/history/historyStore',
    'types:storage',
    ...NOUNS,
  ],
};

/** These sit on top and may know every room. */
const ON_TOP = ['cli', 'daemon', 'main'];

/** Rooms that are given the time and use nothing but the language. */
const PURE = [
  'net',
  'flowBatch',
  'flowKey',
  'flowExporter',
  'trafficMetrics',
  'capture',
  'decode',
  'engine',
  'mitigation',
  'incidents',
];

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function sourceFiles(): string[] {
  return globSync('src/**/*.ts', { cwd: root }).map((file) => file.split(path.sep).join('/'));
}

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

/** `src/engine/x.ts` -> `engine`, `src/clock.ts` -> `clock`. */
function roomOf(file: string): string {
  return file
    .replace(/^src\//, '')
    .replace(/\.ts$/, '')
    .split('/')[0];
}

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  for (const match of read(file).matchAll(/^(?:import|export)\s+(type\s+)?([^;]*?)\s*from\s+'([^']+)'/gms)) {
    const names = match[2]
      .replace(/[{}\s]/g, ' ')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    const typeOnly = match[1] !== undefined || names.every((name) => name.startsWith('type '));
    found.push({ file, specifier: match[3], typeOnly });
  }
  return found;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

test('every room imports only what the table allows', () => {
  const wrong: string[] = [];
  for (const { file, specifier, typeOnly } of sourceFiles().flatMap(importsOf)) {
    const from = roomOf(file);
    if (!specifier.startsWith('.') || ON_TOP.includes(from)) continue;
    const target = path.posix
      .join(path.posix.dirname(file), specifier)
      .replace(/^src\//, '')
      .replace(/\.ts$/, '');
    const to = target.split('/')[0];
    const allowed = MAY_IMPORT[from] ?? [];
    const isNamed = allowed.some((name) => target === name || target.startsWith(`${name}/`));
    const fits = to === from || isNamed || (typeOnly && allowed.includes(`types:${to}`));
    if (!fits) wrong.push(`${file} imports ${specifier}`);
  }
  assert.deepEqual(wrong, []);
});

test('every room is in the table', () => {
  const known = [...Object.keys(MAY_IMPORT), ...ON_TOP, ...NOUNS];
  assert.deepEqual(
    [...new Set(sourceFiles().map(roomOf))].filter((room) => !known.includes(room)),
    [],
  );
});

test('the pure rooms use no package, no node: module and no clock', () => {
  const wrong: string[] = [];
  for (const file of sourceFiles().filter((name) => PURE.includes(roomOf(name)))) {
    for (const { specifier } of importsOf(file))
      if (!specifier.startsWith('.')) wrong.push(`${file} imports ${specifier}`);
    const impure = withoutComments(read(file)).match(
      /\b(Date\.now|new Date|performance\.|Math\.random|setTimeout|setInterval|setImmediate|process\.|console\.|crypto\.)/,
    );
    if (impure !== null) wrong.push(`${file} uses ${impure[0]}`);
  }
  assert.deepEqual(wrong, []);
});

test('the experimental node:ffi is used in one short file', () => {
  const users = sourceFiles().filter((file) => withoutComments(read(file)).includes('node:ffi'));
  assert.deepEqual(users, ['src/ingest/libc.ts']);
  assert.ok(read(users[0]).split('\n').length < 200);
});

test('only the clock reads the wall clock', () => {
  const reads = sourceFiles().filter((file) => /\bDate\.now\b|new Date\(\)/.test(withoutComments(read(file))));
  assert.deepEqual(reads, ['src/clock.ts']);
});

/** The first circle found among the edges, as the nodes it passes; undefined where there is none. */
function circleIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of edges.get(node) ?? []) {
      const circle = visit(next, [...trail, node]);
      if (circle !== undefined) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const circle = visit(node, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/**
 * Imports, types included, as edges between what `nameOf` makes of the files, but for those within one name.
 */
function importEdges(nameOf: (file: string) => string): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const { file, specifier } of sourceFiles().flatMap(importsOf)) {
    if (!specifier.startsWith('.')) continue;
    const target = path.posix.join(path.posix.dirname(file), specifier);
    const from = nameOf(file);
    const to = nameOf(target);
    if (to !== from) edges.set(from, (edges.get(from) ?? new Set()).add(to));
  }
  return edges;
}

test('no import runs in a circle between rooms, types included', () => {
  assert.equal(circleIn(importEdges(roomOf))?.join(' -> '), undefined);
});

test('no import runs in a circle between files, types included', () => {
  assert.equal(circleIn(importEdges((file) => file))?.join(' -> '), undefined);
});

test('the decoders of one protocol import nothing of another, and the state of an exporter imports no decoder', () => {
  const edges = importEdges((file) => path.posix.dirname(file));
  const foldersOf = (folder: string): string[] =>
    [...(edges.get(`src/decode${folder}`) ?? [])].filter((name) => name.startsWith('src/decode')).sort();
  assert.deepEqual(foldersOf('/exporter'), []);
  assert.deepEqual(foldersOf(''), ['src/decode/exporter']);
  assert.deepEqual(foldersOf('/netflow'), ['src/decode', 'src/decode/exporter']);
  assert.deepEqual(foldersOf('/sflow'), ['src/decode', 'src/decode/exporter']);
});

/** What runs for every flow or every datagram, by file and the function's head. */
const HOT: readonly (readonly [file: string, head: string])[] = [
  ['src/decode/netflow/netflow5.ts', '  function appendRecords('],
  ['src/decode/netflow/decodeNetflow.ts', 'function decodeSets('],
  ['src/decode/netflow/dataSet.ts', 'function decodeInColumns('],
  ['src/decode/sflow/decodeSflow.ts', 'function decodeSample('],
  ['src/decode/sampledPacket.ts', 'function readFrame('],
  ['src/decode/sampledPacket.ts', 'function readUnderLabels('],
  ['src/decode/flowRows.ts', 'export function resolveSampling('],
  ['src/decode/doubtfulRows.ts', 'export function doubtCounters('],
  ['src/decode/doubtfulRows.ts', 'export function doubtFlowRates('],
  ['src/decode/untimedFlows.ts', 'export function assumeDurations('],
  ['src/decode/flowTotals.ts', 'export function markTotals('],
  ['src/decode/netflow/dataSet.ts', 'function useDeltas('],
  ['src/decode/netflow/columnLoaders.ts', 'function loadCounter('],
  ['src/ingest/recvmmsgSockets.ts', '  receive('],
  ['src/ingest/recvmmsgSockets.ts', '  #readSender('],
  ['src/ingest/exporterTable.ts', '  #sourceInSet('],
  ['src/decode/sflow/decodeSflow.ts', 'export function readSflowAgent('],
  ['src/engine/hostTable.ts', '  function find('],
  ['src/engine/flowCounter.ts', '  function probe('],
  ['src/engine/flowCounter.ts', '  function touchRows('],
  ['src/engine/flowCounter.ts', '  function findDestinations('],
  ['src/engine/flowCounter.ts', '  function countFlows('],
  ['src/engine/trafficCounters.ts', 'export function kindsOf('],
  ['src/engine/trafficCounters.ts', 'export function addTraffic('],
  ['src/engine/rateWindow.ts', '  roll('],
  ['src/ingest/receiver.ts', '  #decode('],
  ['src/ingest/boundary.ts', '  keepCrossings('],
  ['src/ingest/sightedFlows.ts', '  observe('],
  ['src/ingest/sightedFlows.ts', '  note('],
];

/** From the function's head to the brace that closes it, which stands under the head's first letter. */
function functionText(file: string, head: string): string {
  const text = read(file);
  const start = text.indexOf(`\n${head}`) + 1;
  assert.ok(start > 0, `${file} has no ${head}`);
  const indent = head.length - head.trimStart().length;
  return text.slice(start, text.indexOf(`\n${' '.repeat(indent)}}\n`, start));
}

test('nothing allocates in what runs for every flow', () => {
  const wrong: string[] = [];
  for (const [file, head] of HOT) {
    const allocation = withoutComments(functionText(file, head)).match(
      /\bnew\b|=>|\.\.\.|`|\[\]|= \{|return \{|\.(map|filter|slice|subarray|concat|push|split|join)\(/,
    );
    if (allocation !== null) wrong.push(`${file}: ${head} has ${allocation[0]}`);
  }
  assert.deepEqual(wrong, []);
});
