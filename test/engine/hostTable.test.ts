import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HostTable } from '../../src/engine/hostTable.ts';
import { NO_HOST } from '../../src/flowBatch.ts';

type Words = readonly [number, number, number, number];

/** Few enough addresses that histories meet the same ones again, of both families and with the top bits set. */
const anyWords: fc.Arbitrary<Words> = fc.oneof(
  fc.nat(40).map((n): Words => [0, 0, 0xffff, 0xc0000200 + n]),
  fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]): Words => [0x20010db8, a << 30, b, 0x80000000 + b]),
);

const anyStep = fc.record({ action: fc.constantFrom('add', 'remove', 'find'), words: anyWords });

test('the host table behaves like a Map up to its limit, with removals', () => {
  fc.assert(
    fc.property(
      fc.array(anyStep, { maxLength: 300 }),
      fc.integer(),
      fc.integer({ min: 1, max: 40 }),
      (steps, seed, limit) => {
        const table = new HostTable(limit, seed);
        const model = new Map<string, number>();
        for (const { action, words } of steps) {
          const key = words.join();
          const known = model.get(key);
          assert.equal(table.find(...words), known ?? NO_HOST);
          if (action === 'add' && known === undefined) {
            const slot = table.add(...words, 7);
            assert.equal(slot === NO_HOST, model.size === limit);
            if (slot !== NO_HOST) model.set(key, slot);
          } else if (action === 'remove' && known !== undefined) {
            table.remove(known);
            model.delete(key);
          }
          assert.equal(table.count, model.size);
        }
        assert.equal(new Set(model.values()).size, model.size);
        for (const [key, slot] of model) {
          assert.equal(table.find(...(key.split(',').map(Number) as [number, number, number, number])), slot);
        }
      },
    ),
    { numRuns: 300 },
  );
});

const HOSTS = 8192;

test('a full table keeps its size while hosts are removed and added', () => {
  const table = new HostTable(HOSTS, 3);
  for (let n = 0; n < HOSTS; n++) assert.notEqual(table.add(0, 0, 0xffff, n, 0), NO_HOST);
  const bytes = table.bytes;
  for (let n = 0; n < 3 * HOSTS; n++) {
    assert.equal(table.add(0, 0, 0xffff, HOSTS + n, 0), NO_HOST);
    table.remove(table.find(0, 0, 0xffff, n));
    assert.notEqual(table.add(0, 0, 0xffff, HOSTS + n, 0), NO_HOST);
  }
  assert.equal(table.bytes, bytes);
  assert.equal(table.count, HOSTS);
});

test('addresses whose words differ only in their high bits have well-spread hashes', () => {
  // A hash that only sums the words times factors maps these 32,768 addresses to 32 values, whatever the factors.
  const table = new HostTable(16, 11);
  const hashes = new Set<number>();
  for (let n = 0; n < 32_768; n++) {
    hashes.add(table.hash(0x20010db8, (n & 31) << 27, ((n >> 5) & 31) << 27, ((n >> 10) & 31) << 27));
  }
  assert.ok(hashes.size > 32_700, `${hashes.size} hashes`);
});

test('another seed gives another hash', () => {
  const one = new HostTable(16, 1);
  const other = new HostTable(16, 2);
  const same = Array.from({ length: 1000 }, (_, n) => one.hash(0, 0, 0xffff, n) === other.hash(0, 0, 0xffff, n));
  assert.ok(same.filter(Boolean).length < 3);
});
