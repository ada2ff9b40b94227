import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { containsAddress } from '../../src/net/prefix.ts';
import { NO_MATCH, PrefixTable } from '../../src/net/prefixTable.ts';
import { anyAddress, anyPrefix } from './anyPrefix.ts';

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
