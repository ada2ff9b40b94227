import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesAddress } from '../../src/api/authenticator.ts';

test('a Host header names this machine by an address or as localhost, and by no other name', () => {
  for (const host of ['127.0.0.1', '127.0.0.1:80', '[::1]:80', '[::1]', 'LOCALHOST:80'])
    assert.ok(namesAddress(host), host);
  for (const host of [undefined, '', 'example.net', '127.0.0.1.example.net', 'localhost.evil']) {
    assert.ok(!namesAddress(host), String(host));
  }
});
