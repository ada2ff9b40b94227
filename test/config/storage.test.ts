import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reloadProblems } from '../../src/config/config.ts';
import { configSummary } from '../../src/config/summary.ts';
import { configOf, MINIMAL, placesOf, problemsOf, withLines } from './configText.ts';

const ENV = { CH_USER: 'kapkan', CH_PASSWORD: 'very secret' };

const CLICKHOUSE = withLines(
  'storage:',
  '  clickhouse:',
  '    url: http://ch.example.net:8123',
  '    username_env: CH_USER',
  '    password_env: CH_PASSWORD',
);

test('history is embedded, kept for a week, unless the file says otherwise', () => {
  const { storage } = configOf(MINIMAL);
  assert.deepEqual(storage, {
    path: '/etc/kapkan/kapkan-state',
    retentionDays: 7,
    trafficIntervalSeconds: 10,
    clickhouse: undefined,
  });
});

test('ClickHouse has its defaults, and its secrets from the environment', () => {
  assert.deepEqual(configOf(CLICKHOUSE, ENV).storage.clickhouse, {
    url: 'http://ch.example.net:8123',
    database: 'kapkan',
    username: 'kapkan',
    password: 'very secret',
    ttlDays: 7,
    flushIntervalSeconds: 5,
    batchSize: 1000,
    queueSize: 100_000,
    trafficIntervalSeconds: 10,
    cluster: undefined,
  });
});

test('a variable that is not set is named, and no secret is ever shown', () => {
  assert.deepEqual(placesOf(CLICKHOUSE, { CH_USER: 'kapkan' }), ['9:19 storage.clickhouse.password_env']);
  assert.doesNotMatch(configSummary(configOf(CLICKHOUSE, ENV)), /secret/);
  const inUrl = withLines('storage: { clickhouse: { url: "http://me:secret@ch.example.net" } }');
  assert.deepEqual(placesOf(inUrl), ['5:31 storage.clickhouse.url']);
});

test('names that become part of an SQL statement hold letters, digits and few other characters', () => {
  for (const clickhouse of ['database: "a`; DROP"', 'database: ""', 'cluster: "it\'s"', 'url: ftp://ch']) {
    const text = withLines('storage:', '  clickhouse:', '    url: http://ch', `    ${clickhouse}`);
    const own = clickhouse.startsWith('url') ? text.replace('    url: http://ch\n', '') : text;
    assert.equal(problemsOf(own).length, 1, clickhouse);
  }
});

test('everything about storage needs a restart', () => {
  const running = configOf(CLICKHOUSE, ENV);
  const changed = (text: string) => reloadProblems(running, configOf(text, ENV));
  assert.deepEqual(changed(CLICKHOUSE.replace('8123', '8124')), ['storage.clickhouse']);
  assert.deepEqual(changed(MINIMAL), ['storage.clickhouse']);
  assert.deepEqual(changed(CLICKHOUSE.replace('  clickhouse', '  retention_days: 3\n  clickhouse')), [
    'storage.retention_days',
  ]);
});
