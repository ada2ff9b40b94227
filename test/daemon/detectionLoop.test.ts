import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetectionLoop, type DetectionLoopOptions } from '../../src/daemon/detectionLoop.ts';
import { allRates, hostReport } from '../engine/reportFixture.ts';
import { activeBanOf } from '../fixtures/banFixture.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { cycleFixture } from '../incidents/cycleFixture.ts';
import { eventually } from '../integration/eventually.ts';

const HOST = '10.0.0.1';

const floodReport = () => hostReport({ [HOST]: allRates(1e9) });

function loopOf(pool: Partial<DetectionLoopOptions['pool']>) {
  const failures: Error[] = [];
  const onFailure = (error: Error) => failures.push(error);
  const { cycle } = cycleFixture({ onFailure });
  cycle.restore(0);
  const loop = new DetectionLoop({
    cycle,
    pool: { sample: async () => [], watch: () => {}, ...pool },
    clock: { now: () => 1000 },
    log: silentLogger(),
    onFailure,
  });
  return { cycle, loop, failures };
}

test('an attack is answered though no sample of it can be made', async (t) => {
  const { cycle, loop, failures } = loopOf({ sample: () => Promise.reject(new Error('no memory')) });
  loop.start();
  t.after(() => loop.stop());
  loop.receive(0, floodReport());
  await eventually(() => activeBanOf(cycle.controller, HOST) !== undefined, 2000);
  assert.deepEqual(failures, []);
});

test('a step that throws stops the loop and is reported', (t) => {
  const { cycle, loop, failures } = loopOf({
    watch: (targets) => {
      if (targets.length > 0) throw new Error('no thread');
    },
  });
  loop.start();
  t.after(() => loop.stop());
  loop.receive(0, floodReport());
  assert.deepEqual(
    failures.map(({ message }) => message),
    ['no thread'],
  );
  loop.receive(0, floodReport());
  assert.equal(failures.length, 1, 'what stopped is not driven any more');
  assert.deepEqual(cycle.incidents.active(), []);
});
