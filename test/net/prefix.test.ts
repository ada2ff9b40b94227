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
  prefixOf,
  prefixSize,
} from '../../src/net/prefix.ts';
import { NO_MATCH, PrefixTable } from '../../src/net/prefixTable.ts';

function address(text: string): Address {
  return parseAddress(text) ?? assert.fail(text);
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') assert.fail(parsed);
  return parsed;
}

/** Addresses that lie close together, so that prefixes of them nest and collide. */
const anyAddress = fc
  .oneof(
    fc.tuple(fc.constantFrom(10, 192), fc.constantFrom(0, 1, 128), fc.nat(3), fc.nat(255)).map((o) => o.join('.')),
    fc.ipV4(),
    fc
      .tuple(fc.constantFrom('2001:db8', '2001:db9', '::'), fc.nat(3), fc.nat(0xffff))
      .map(([head, a, b]) => (head === '::' ? `::${b.toString(16)}` : `${head}:${a}::${b.toString(16)}`)),
    fc.ipV6(),
  )
  .map(address);

const anyPrefix = fc
  .tuple(anyAddress, fc.nat(128))
  .map(([at, length]) => prefixOf(at, at.version === 4 ? length % 33 : length));

test('a prefix survives being written and read', () => {
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

test('a prefix with host bits set is refused, with the one that was meant', () => {
  assert.match(parsePrefix('192.0.2.1/24') as string, /did you mean 192\.0\.2\.0\/24/);
  assert.match(parsePrefix('2001:db8::1/32') as string, /did you mean 2001:db8::\/32/);
});

test('what is no prefix is refused', () => {
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

test('the prefix table agrees with a linear scan', () => {
  fc.assert(
    fc.property(fc.array(anyPrefix, { maxLength: 40 }), fc.array(anyAddress, { maxLength: 40 }), (prefixes, probes) => {
      const table = new PrefixTable(prefixes.map((p, value) => [p, value] as const));
      for (const probe of [...probes, ...prefixes.map((p) => p.address)]) {
        let expected = NO_MATCH;
        let longest = -1;
        prefixes.forEach((p, value) => {
          if (p.length >= longest && containsAddress(p, probe)) {
            expected = value;
            longest = p.length;
          }
        });
        assert.equal(table.lookupAddress(probe), expected);
      }
    }),
    { numRuns: 500 },
  );
});
