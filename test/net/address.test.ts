import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressOfWords,
  formatAddress,
  formatWords,
  isLoopback,
  parseAddress,
  sameAddress,
} from '../../src/net/address.ts';

const word = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffffffff }));
const words = fc.tuple(word, word, word, word);

test('an address that is written and read again is the same', () => {
  fc.assert(
    fc.property(words, ([word0, word1, word2, word3]) => {
      const address = addressOfWords(word0, word1, word2, word3);
      const read = parseAddress(formatAddress(address));
      assert.ok(read !== undefined && sameAddress(read, address), formatAddress(address));
    }),
  );
});

test('the text is canonical (RFC 5952), the same as that of the WHATWG URL parser', () => {
  fc.assert(
    fc.property(words, ([word0, word1, word2, word3]) => {
      const text = formatWords(word0, word1, word2, word3);
      if (text.includes(':')) assert.equal(`[${text}]`, new URL(`http://[${text}]/`).hostname);
      else assert.equal(text, new URL(`http://${text}/`).hostname);
    }),
  );
});

test('a text is read as an address exactly where node:net accepts it', () => {
  const alphabet = fc.constantFrom(...'0123456789abcdefF:.:.::1');
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ unit: alphabet, maxLength: 46 })), (text) => {
      assert.equal(parseAddress(text) !== undefined, isIP(text) !== 0, text);
    }),
    { numRuns: 2000 },
  );
});

test('IPv4-mapped text is the IPv4 address', () => {
  assert.equal(formatAddress(parseAddress('::ffff:192.0.2.1') ?? assert.fail()), '192.0.2.1');
});

test('a text that is not an address is refused', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4/32',
    ':::',
    '1::2::3',
    '::1.2.3.4.5',
    'fe80::1%eth0',
    '12345::',
  ]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});

test('loopback addresses and localhost are loopback, other hosts are not', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '::2', 'example.net', '']) assert.ok(!isLoopback(host), host);
});
