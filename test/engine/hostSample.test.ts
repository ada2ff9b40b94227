import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { distinctHosts, SAMPLED_HOSTS } from '../../src/engine/hostSample.ts';
import { HostTable } from '../../src/engine/hostTable.ts';

function tableOf(hosts: readonly number[], limit: number, seed: number): HostTable {
  const table = new HostTable(limit, seed);
  for (const host of hosts) table.add(0, 0, 0xffff, host, 0);
  return table;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => 0x0a000000 + from + i);
}

test('a sample holds exactly the hosts whose hashes are below its limit', () => {
  const hosts = fc.uniqueArray(fc.nat(500), { maxLength: 64 });
  fc.assert(
    fc.property(hosts, fc.integer(), fc.integer({ min: 64, max: 300 }), fc.nat(70), (held, seed, limit, wanted) => {
      const table = tableOf(held, limit, seed);
      const { hashes, below, trackedHosts } = table.sample(wanted);
      const all = held.map((host) => table.hash(0, 0, 0xffff, host) >>> 0);
      assert.deepEqual([...hashes].sort(), all.filter((hash) => hash < below).sort());
      assert.equal(trackedHosts, held.length);
      if (wanted >= held.length) assert.equal(below, 2 ** 32);
    }),
  );
});

test('few hosts in several tables are counted exactly once each', () => {
  const tables = [range(0, 3000), range(2000, 5000), range(4000, 4100), []].map((hosts) => tableOf(hosts, 8000, 5));
  assert.equal(distinctHosts(tables.map((table) => table.sample(SAMPLED_HOSTS))), 5000);
});

test('many hosts are estimated, also where one table has few', () => {
  const tables = [range(0, 100_000), range(50_000, 150_000), range(0, 10)].map((hosts) => tableOf(hosts, 200_000, 5));
  const estimate = distinctHosts(tables.map((table) => table.sample(SAMPLED_HOSTS)));
  assert.ok(Math.abs(estimate - 150_000) < 0.03 * 150_000, `${estimate}`);
});
