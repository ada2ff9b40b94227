import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Address, parseAddress } from '../../src/net/address.ts';
import {
  containsAddress,
  coversPrefix,
  hostPrefix,
  type Prefix,
  parsePrefix,
  prefixesOverlap,
  prefixSize,
} from '../../src/net/prefix.ts';
import { anyPrefix } from './anyPrefix.ts';

function address(text: string): Address {
  return parseAddress(text) ?? assert.fail(text);
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') assert.fail(parsed);
  return parsed;
}

test('a prefix that is written and read again is the same', () => {
  fc.assert(fc.property(anyPrefix, (p) => assert.deepEqual(prefix(p.text), p)));
});

test('a prefix holds its own network and host prefix, and covers what it overlaps from above', () => {
  fc.assert(
    fc.property(anyPrefix, anyPrefix, (a, b) => {
      assert.ok(containsAddress(a, a.address));
      assert.ok(coversPrefix(a, hostPrefix(a.address)));
      assert.equal(prefixesOverlap(a, b), coversPrefix(a, b) || coversPrefix(b, a));
      assert.equal(prefixesOverlap(a, b), prefixesOverlap(b, a));
    }),
  );
});

test('the families never mix', () => {
  assert.equal(containsAddress(prefix('::/0'), address('192.0.2.1')), false);
  assert.equal(containsAddress(prefix('0.0.0.0/0'), address('::1')), false);
});

test('a prefix with host bits set is refused, and the message names the prefix without them', () => {
  assert.match(parsePrefix('192.0.2.1/24') as string, /did you mean 192\.0\.2\.0\/24/);
  assert.match(parsePrefix('2001:db8::1/32') as string, /did you mean 2001:db8::\/32/);
});

test('a text that is not a prefix is refused', () => {
  for (const text of ['192.0.2.0/33', '::/129', '192.0.2.0/', '192.0.2.0/-1', 'x/8', '192.0.2.0/8/8', '/8']) {
    assert.equal(typeof parsePrefix(text), 'string', text);
  }
});

test('a bare address is its host prefix', () => {
  assert.equal(prefix('192.0.2.1').text, '192.0.2.1/32');
  assert.equal(prefix('2001:db8::1').text, '2001:db8::1/128');
});

test('a prefix knows its size', () => {
  assert.equal(prefixSize(prefix('192.0.2.0/24')), 256);
  assert.equal(prefixSize(prefix('2001:db8::/64')), 2 ** 64);
});
