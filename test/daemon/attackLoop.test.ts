import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttackLoop, type AttackLoopOptions } from '../../src/daemon/attackLoop.ts';
import { Detector } from '../../src/engine/detector.ts';
import { HostReportWriter, RATES_PER_HOST } from '../../src/engine/hostReport.ts';
import { silentLogger } from '../../src/log.ts';
import { MitigationController } from '../../src/mitigation/controller.ts';
import { DryRunAnnouncer } from '../../src/mitigation/dryRunAnnouncer.ts';
import { enginePlan } from '../engine/planFixture.ts';
import { eventually } from '../integration/eventually.ts';
import { address } from '../mitigation/attackFixture.ts';
import { configFixture } from '../mitigation/configFixture.ts';
import { MemoryStore } from '../mitigation/memoryStore.ts';

const HOST = '10.0.0.1';

test('an attack is answered though no sample of it can be made', async (t) => {
  const failures: Error[] = [];
  const controller = new MitigationController({
    config: configFixture({ networks: ['10.0.0.0/8'] }),
    store: new MemoryStore(),
    announcer: new DryRunAnnouncer(),
    dryRunAnnouncer: new DryRunAnnouncer(),
    newId: () => 'ban',
    onEvent: () => {},
  });
  controller.restore(0);
  const pool: AttackLoopOptions['pool'] = {
    sample: () => Promise.reject(new Error('no memory')),
    watch: () => {},
  };
  const loop = new AttackLoop({
    detector: new Detector(enginePlan(), () => 'attack'),
    controller,
    pool,
    feed: { adopt: () => {}, opened: (_attacks, _at, decide) => decide(), ended: () => {} },
    history: { attackStarted: () => {}, attackResumed: () => {}, attackEnded: () => {} },
    clock: { now: () => 1000 },
    log: silentLogger(),
    onFailure: (error) => failures.push(error),
  });
  loop.start();
  t.after(() => loop.stop());
  const writer = new HostReportWriter();
  const { word0, word1, word2, word3 } = address(HOST);
  writer.append(word0, word1, word2, word3, 0, new Float64Array(RATES_PER_HOST).fill(1e9));
  loop.receive(0, writer.report(0));
  await eventually(() => controller.activeBanOf(HOST) !== undefined, 2000);
  assert.deepEqual(failures, []);
});
