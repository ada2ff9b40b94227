/*
 * Addresses and prefixes of both families, for properties.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseAddress } from '../../src/net/address.ts';
import { prefixOf } from '../../src/net/prefix.ts';

/** Addresses that lie close together, so that prefixes of them nest and collide. */
export const anyAddress = fc
  .oneof(
    fc.tuple(fc.constantFrom(10, 192), fc.constantFrom(0, 1, 128), fc.nat(3), fc.nat(255)).map((o) => o.join('.')),
    fc.ipV4(),
    fc
      .tuple(fc.constantFrom('2001:db8', '2001:db9', '::'), fc.nat(3), fc.nat(0xffff))
      .map(([head, a, b]) => (head === '::' ? `::${b.toString(16)}` : `${head}:${a}::${b.toString(16)}`)),
    fc.ipV6(),
  )
  .map((text) => parseAddress(text) ?? assert.fail(text));

export const anyPrefix = fc
  .tuple(anyAddress, fc.nat(128))
  .map(([at, length]) => prefixOf(at, at.version === 4 ? length % 33 : length));
