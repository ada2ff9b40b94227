import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopback } from '../../src/net/loopback.ts';

test('loopback addresses and localhost are loopback, other hosts are not', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '::2', 'example.net', '']) assert.ok(!isLoopback(host), host);
});
