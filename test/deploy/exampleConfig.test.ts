import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { allKeyPaths } from '../../src/config/jsonSchema.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import { configSummary } from '../../src/config/summary.ts';

const file = path.resolve(import.meta.dirname, '../../deploy/kapkan.example.yaml');
const text = readFileSync(file, 'utf8');

/** With every optional key in use: the file marks them by a "#" that no space follows. */
const uncommented = text.replaceAll(/^( *)#(?=\S)/gm, '$1');

/** Every variable that the file names, set to what may stand for a secret as for a URL. */
const environment = Object.fromEntries(
  [...uncommented.matchAll(/\bKAPKAN_\w+/g)].map(([name]) => [name, `https://${name}.example`]),
);

/** One of two keys that exclude each other; the file shows it in the comment of the other. */
const ALTERNATIVES = ['bgp.communities', 'hostgroups[].bgp.community', 'api.token_env', 'notify.slack.webhook_url'];

function keyPathsOf(value: unknown, prefix: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => keyPathsOf(item, `${prefix}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const keyPath = prefix === '' ? key : `${prefix}.${key}`;
    return [keyPath, ...keyPathsOf(child, keyPath)];
  });
}

test('the example config loads as it is shipped, in dry-run, and needs no environment', () => {
  const config = loadConfig(file, {});
  assert.equal(config.dryRun, true);
  assert.match(text, /^dry_run: true$/m);
  assert.match(configSummary(config), /^mode +dry-run/);
});

test('the example config is valid with every optional key in use', () => {
  const config = parseConfig(uncommented, file, environment);
  assert.equal(config.groups.length, 2);
  assert.deepEqual(
    config.api.tokens.map(({ tenant }) => tenant),
    [undefined, undefined, 'example-dns'],
  );
  assert.deepEqual(
    config.groups.map(({ tenant }) => tenant),
    ['example-net', 'example-dns'],
  );
});

test('the example config is ready to be turned on', () => {
  assert.equal(parseConfig(text.replace('dry_run: true', 'dry_run: false'), file, {}).dryRun, false);
});

test('every key of the schema is in the example config, at its place', () => {
  const shown = new Set(keyPathsOf(parse(uncommented), ''));
  const missing = allKeyPaths().filter((keyPath) => !shown.has(keyPath));
  assert.deepEqual(missing.sort(), [...ALTERNATIVES].sort());
  for (const keyPath of ALTERNATIVES) {
    const key = keyPath.split('.').at(-1);
    assert.match(text, new RegExp(`instead of [a-z_]+:\\n *# ${key}: `), `${keyPath} is not shown as an alternative`);
  }
});

test('the optional values shown as defaults are the defaults', () => {
  const plain = loadConfig(file, {});
  const full = parseConfig(uncommented, file, environment);
  assert.deepEqual(full.ingest, plain.ingest);
  assert.deepEqual(full.detection, plain.detection);
  assert.deepEqual(full.samples, plain.samples);
  assert.equal(full.sampling.defaultRate, plain.sampling.defaultRate);
  assert.equal(full.ban.onShutdown, plain.ban.onShutdown);
  assert.equal(full.gobgp.timeoutSeconds, plain.gobgp.timeoutSeconds);
  assert.equal(full.gobgp.instanceId, plain.gobgp.instanceId);
});
