import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { flowspecProblem } from '../../src/mitigation/harmlessFlowspec.ts';
import { parseFlowspecMatch } from '../../src/mitigation/parseFlowspecMatch.ts';
import { flowspecText } from '../../src/mitigation/route.ts';
import { Scope } from '../../src/mitigation/scope.ts';
import { address } from '../fixtures/addressFixture.ts';
import { configFixture } from '../fixtures/configFixture.ts';

const V4 = address('198.51.100.1');
const V6 = address('2001:db8:1::1');

function textOf(json: unknown, target = V4): string {
  const match = parseFlowspecMatch(json, target);
  return typeof match === 'string' ? match : flowspecText({ kind: 'flowspec', match, rateBytesPerSecond: 0 });
}

test('every key of a manual match is read, as JSON values and as the text of flags', () => {
  const expected =
    'dst 198.51.100.1/32 src 203.0.113.0/24 proto tcp dst-port 80,8000-8080 src-port 1024-65535 ' +
    'tcp-flags syn,!ack packet-length 0-64 dscp 10,46 fragment discard';
  const common = { proto: 'TCP', src: '203.0.113.0/24', tcp_flags: 'syn,!ack', fragment: true };
  const asJson = { dst_port: [80, '8000-8080'], src_port: '1024-65535', packet_length: '0-64', dscp: [46, 10] };
  const asText = { dst_port: '8000-8080, 80', src_port: '1024-65535', packet_length: '0-64', dscp: '46,10' };
  assert.equal(textOf({ ...common, ...asJson }), expected);
  assert.equal(textOf({ ...common, ...asText }), expected);
  assert.equal(
    textOf({ proto: 'icmp6', icmp_type: 128 }, V6),
    'dst 2001:db8:1::1/128 proto icmp6 icmp-type 128 discard',
  );
  assert.equal(textOf({}), 'dst 198.51.100.1/32 discard');
});

test('lists come out ascending, joined and without repetition, so that one match has one NLRI', () => {
  assert.equal(textOf({ proto: [17, 'tcp', 6] }), 'dst 198.51.100.1/32 proto tcp,udp discard');
  assert.equal(textOf({ dst_port: '10-20,15-30,31,5' }), 'dst 198.51.100.1/32 dst-port 5,10-31 discard');
});

const wrong: readonly [unknown, RegExp][] = [
  ['udp', /must be an object/],
  [null, /must be an object/],
  [{ port: 80 }, /match\.port is not known, must be one of proto, src/],
  [{ proto: 'pigeon' }, /match\.proto must be a name .* got "pigeon"/],
  [{ proto: 300 }, /match\.proto .* 0 to 255, got "300"/],
  [{ dst_port: 70000 }, /match\.dst_port must be a number from 0 to 65535/],
  [{ dst_port: '20-10' }, /low-high/],
  [{ dst_port: '1-2-3' }, /low-high/],
  [{ src_port: -1 }, /match\.src_port/],
  [{ src_port: 1.5 }, /match\.src_port/],
  [{ src_port: null }, /got "null"/],
  [{ src_port: {} }, /got "\{\}"/],
  [{ src: '2001:db8::1' }, /must be IPv4 like the target/],
  [{ src: '203.0.113.1/24' }, /host bits/],
  [{ src: '0.0.0.0/0' }, /whole internet/],
  [{ src: 7 }, /as text/],
  [{ fragment: 'yes' }, /true or false/],
  [{ tcp_flags: 'syn' }, /needs proto tcp/],
  [{ proto: 'udp', tcp_flags: 'syn' }, /needs proto tcp/],
  [{ proto: 'tcp', tcp_flags: 'syn,!syn' }, /both set and clear/],
  [{ proto: 'tcp', tcp_flags: 'sin' }, /got "sin"/],
  [{ proto: 'icmp', dst_port: 80 }, /proto that has ports/],
  [{ proto: 'udp', icmp_type: 8 }, /needs proto icmp/],
  [{ proto: 'icmp', icmp_type: 256 }, /0 to 255/],
  [{ dscp: 64 }, /0 to 63/],
  [{ dst_port: Array.from({ length: 17 }, (_, n) => n * 2) }, /at most 16/],
];

test('what is wrong is said together with what is allowed', () => {
  for (const [json, expected] of wrong) assert.match(textOf(json), expected, JSON.stringify(json));
});

test('whatever is written, the answer is a problem in words or a rule that is sane', () => {
  const value = fc.oneof(fc.integer({ min: -5, max: 70000 }), fc.string(), fc.boolean(), fc.array(fc.nat(65535)));
  const scope = new Scope(configFixture());
  const keys = ['proto', 'src', 'src_port', 'dst_port', 'tcp_flags', 'fragment', 'packet_length', 'icmp_type', 'dscp'];
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), value), (json) => {
      const match = parseFlowspecMatch(json, V4);
      if (typeof match === 'string') assert.match(match, /^match/);
      else assert.equal(flowspecProblem([{ kind: 'flowspec', match, rateBytesPerSecond: 0 }], scope), undefined);
    }),
    { numRuns: 2000 },
  );
});
