/*
 * A flood of telemetry from forged addresses: it must not take the memory of the machine, nor what is known of the real
 * exporters.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { planOf } from '../../src/engine/enginePlan.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { type Field, ipfix, ipfixOptionsTemplate, ipv4, set, template, uint } from '../decode/telemetryBytes.ts';
import { ingestConfig } from './runningPool.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const KNOWN = '192.0.2.1';
const EARLIER = '192.0.2.2';
const LATER = '192.0.2.3';

const FIELDS: readonly Field[] = [
  [12, 4],
  [2, 4],
  [1, 4],
];
const announced = ipfix([set(2, template(256, FIELDS))]);
const flow = ipfix([set(256, [...ipv4('198.51.100.7'), ...uint(5, 4), ...uint(5000, 4)])]);

/** As much as fits: templates of many fields, rates of samplers, data without a template, in a new domain each time. */
function greedy(domain: number): Uint8Array {
  const templates = Array.from({ length: 40 }, (_, i) =>
    set(2, template(300 + i, new Array<Field>(60).fill([12 + (i % 2), 4]))),
  );
  const samplers = Array.from({ length: 300 }, (_, i) => [...uint(i, 4), ...uint(100 + i, 4)]).flat();
  const options = [set(3, ipfixOptionsTemplate(700, [[302, 4]], [[50, 4]])), set(700, samplers)];
  return ipfix([...templates, ...options, set(900, new Array<number>(20_000).fill(1))], { domain });
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('forged sources take bounded memory, and the exporters that were there first, or are configured, are read on', () => {
  const config = ingestConfig({ flowSources: [KNOWN] });
  const receiver = new Receiver(receiverSettingsOf(config, planOf(config, 1, 1)), 0);
  const flowsOf = (exporter: string): number =>
    receiver.snapshot(0).exporters.find(({ address }) => address === exporter)?.flows ?? 0;
  receiver.receive('netflow', announced, EARLIER, 0);
  receiver.receive('netflow', flow, EARLIER, 0);
  const floods = [0, 1, 2].map(greedy);
  const before = usedBytes();
  for (let i = 0; i < 6000; i++) {
    const now = 1000 + i;
    receiver.receive('netflow', floods[i % 3], `10.${i % 3}.${(i >> 8) & 7}.${i & 255}`, now);
    if (i % 100 === 0) receiver.tick(now);
  }
  const grown = usedBytes() - before;
  assert.ok(grown < 300e6, `${(grown / 1e6).toFixed(0)} MB`);
  assert.ok(grown > 50e6, `only ${(grown / 1e6).toFixed(0)} MB: the flood is none`);

  receiver.receive('netflow', announced, KNOWN, 8000);
  receiver.receive('netflow', flow, KNOWN, 8000);
  assert.equal(flowsOf(KNOWN), 1);
  receiver.receive('netflow', flow, EARLIER, 8000);
  receiver.receive('netflow', announced, EARLIER, 8000);
  receiver.receive('netflow', flow, EARLIER, 8000);
  assert.equal(flowsOf(EARLIER), 3);

  // When the flood is over, a new exporter is read after a minute.
  for (let now = 9000; now < 90_000; now += 1000) receiver.tick(now);
  receiver.receive('netflow', announced, LATER, 90_000);
  receiver.receive('netflow', flow, LATER, 90_000);
  assert.equal(flowsOf(LATER), 1);
});
