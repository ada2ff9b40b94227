import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackJson } from '../../src/shapes/attackJson.ts';
import { storedAttack } from '../../src/shapes/storedAttack.ts';
import { attackOf, banOf, FakeDaemon, flowspec } from '../api/fakeDaemon.ts';

const daemon = new FakeDaemon();
const ban = banOf('192.0.2.130', { method: 'flowspec', routes: [flowspec('192.0.2.130', 123)] });
const today = JSON.parse(JSON.stringify(attackJson({ attack: attackOf('192.0.2.130'), ban }, daemon.config())));

test('an attack that was stored comes back as it was', () => {
  assert.deepEqual(storedAttack(JSON.stringify(today)), today);
});

test('an attack that was stored before samples named exporters and interfaces comes back with none', () => {
  const { top_exporters: _exporters, top_interfaces: _interfaces, ...oldSample } = today.sample;
  const { rate_error: _error, ...old } = today;
  assert.deepEqual(storedAttack(JSON.stringify({ ...old, sample: oldSample })), {
    ...today,
    rate_error: 0,
    sample: { ...oldSample, top_exporters: [], top_interfaces: [] },
  });
});

test('an attack stored by the first version is returned in the current shape', () => {
  const { peak: _peak, ...rest } = today;
  const [flow] = today.sample.flows;
  const { proto: _proto, ...oldFlow } = flow;
  const { top_exporters: _exporters, top_interfaces: _interfaces, ...oldSample } = today.sample;
  const old = {
    ...rest,
    reason: 'over the limit',
    flowspec: ['dst 192.0.2.130/32 proto udp src-port 123 discard', 'dst 192.0.2.130/32 rate-limit 8 mbps'],
    sample: {
      ...oldSample,
      flows: [{ ...oldFlow, ip_proto: 17 }],
      protocols: [{ key: '17', packets: 1, bytes: 2 }],
    },
  };
  const converted = storedAttack(JSON.stringify(old));
  assert.ok(converted !== undefined);
  assert.equal(converted.reason.text, 'over the limit');
  assert.equal(converted.peak, today.rate);
  assert.deepEqual(
    converted.flowspec.map(({ action, rate_bytes }) => [action, rate_bytes]),
    [
      ['discard', 0],
      ['rate_limit', 1_000_000],
    ],
  );
  assert.equal(converted.sample.flows[0].proto, 'udp');
  assert.deepEqual(converted.sample.top_exporters, []);
  assert.deepEqual(converted.sample.protocols, [{ key: 'udp', packets: 1, bytes: 2 }]);
});

test('a value that is not a stored attack gives none', () => {
  for (const text of ['', '{', '{}', '[]', 'null', '7', JSON.stringify({ ...today, metric: 'dance' })]) {
    assert.equal(storedAttack(text), undefined, text);
  }
});
