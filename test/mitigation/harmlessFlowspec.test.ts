import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFlowspecMatch } from '../../src/gobgp/flowspecNlri.ts';
import type { WireFlowspecRule } from '../../src/gobgp/wirePath.ts';
import { flowspecOctets, flowspecProblem, MAX_FLOWSPEC_OCTETS } from '../../src/mitigation/harmlessFlowspec.ts';
import { Scope } from '../../src/mitigation/scope.ts';
import { configFixture } from '../fixtures/configFixture.ts';
import { anyFlowspecRoute, flowspec, ruleOfOctets } from '../fixtures/routeFixture.ts';

/** As GoBGP serializes what the API hands it: the smallest of 1, 2 or 4 octets that holds the value. */
function serializedOctets(rule: WireFlowspecRule): number {
  if (rule.ipPrefix !== undefined) {
    const { prefix, prefixLen } = rule.ipPrefix;
    return (prefix.includes(':') ? 3 : 2) + Math.ceil(prefixLen / 8);
  }
  return (rule.component?.items ?? []).reduce((sum, { value }) => sum + (value > 0xff ? 3 : 2), 1);
}

test('the length of a rule is that of what is encoded of it', () => {
  fc.assert(
    fc.property(anyFlowspecRoute, ({ match }) => {
      fc.pre(flowspecOctets(match) <= MAX_FLOWSPEC_OCTETS);
      const rules = encodeFlowspecMatch(match);
      assert.equal(
        flowspecOctets(match),
        rules.reduce((sum, rule) => sum + serializedOctets(rule), 0),
      );
    }),
  );
});

test('a rule longer than GoBGP encodes rightly is refused before it is announced, and by the encoder', () => {
  const scope = new Scope(configFixture());
  for (const target of ['198.51.100.1', '2001:db8:1::1']) {
    const longest = ruleOfOctets(target, MAX_FLOWSPEC_OCTETS);
    assert.equal(flowspecOctets(longest.match), MAX_FLOWSPEC_OCTETS);
    assert.equal(flowspecProblem([longest], scope), undefined);
    encodeFlowspecMatch(longest.match);
    const tooLong = ruleOfOctets(target, MAX_FLOWSPEC_OCTETS + 1);
    assert.match(flowspecProblem([tooLong], scope) ?? '', /is 239 octets long, GoBGP encodes at most 238/);
    assert.throws(() => encodeFlowspecMatch(tooLong.match), /at most 238 octets long, this one is 239/);
  }
  assert.equal(flowspecProblem([flowspec('198.51.100.1', {})], scope), undefined);
});
