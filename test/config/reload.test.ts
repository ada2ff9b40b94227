import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reloadProblems } from '../../src/config/config.ts';
import { configOf, MINIMAL, withLines } from './configText.ts';

function changed(...lines: string[]): string[] {
  return reloadProblems(configOf(MINIMAL), configOf(withLines(...lines), { T: '0123456789abcdef' }));
}

test('a reload of the same file changes nothing', () => {
  assert.deepEqual(changed(), []);
});

test('what is fixed at start is named', () => {
  assert.deepEqual(changed('samples: { buffer_flows: 1 }', 'storage: { path: elsewhere }'), [
    'samples.buffer_flows',
    'storage.path',
  ]);
  assert.deepEqual(changed('gobgp: { address: "a:1", api: v4, tls: {}, timeout_seconds: 6, instance_id: 2 }'), [
    'gobgp.address',
    'gobgp.api',
    'gobgp.tls',
    'gobgp.timeout_seconds',
    'gobgp.instance_id',
  ]);
  assert.deepEqual(changed('ingest: { workers: 2, receive_buffer_bytes: 65536 }', 'api: { listen: "[::1]:1" }'), [
    'ingest.workers',
    'ingest.receive_buffer_bytes',
    'api.listen',
  ]);
  const other = configOf(MINIMAL.replace('netflow: ":2055"', 'sflow: ":6343"'));
  assert.deepEqual(reloadProblems(configOf(MINIMAL), other), ['listen.netflow', 'listen.sflow']);
});

test('everything else is applied live', () => {
  assert.deepEqual(
    changed(
      'dry_run: false',
      'bgp: { next_hop: 192.0.2.1 }',
      'protected_whitelist: [192.0.2.1]',
      'hostgroups: [{ name: a, networks: [192.0.2.0/25] }]',
      'mitigation: flowspec',
      'flowspec: { max_rules: 10 }',
      'detection: { window_seconds: 10 }',
      'engine: { max_hosts: 1000 }',
      'flow_sources: [192.0.2.9]',
      'sampling: { default_rate: 10, boundary: [{ exporter: 192.0.2.9, external_ifindexes: [1] }] }',
      'api: { token_env: T, allow_unauthenticated: true }',
    ),
    [],
  );
});

test('another way of writing the same socket is no change', () => {
  const other = configOf(MINIMAL.replace('":2055"', '["[0::0]:2055"]'));
  assert.deepEqual(reloadProblems(configOf(MINIMAL), other), []);
});
