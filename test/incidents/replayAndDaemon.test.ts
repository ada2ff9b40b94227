import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { mock, type TestContext, test } from 'node:test';
import { readCapture } from '../../src/capture/readCapture.ts';
import type { CaptureDatagram } from '../../src/capture/udpReader.ts';
import { CaptureReplay } from '../../src/cli/captureReplay.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { DetectionLoop } from '../../src/daemon/detectionLoop.ts';
import { samplesOf } from '../../src/engine/attackSample.ts';
import { planOf } from '../../src/engine/enginePlan.ts';
import { DetectionCycle } from '../../src/incidents/detectionCycle.ts';
import type { IncidentEvent } from '../../src/incidents/incidentEvent.ts';
import { IncidentTable } from '../../src/incidents/incidentTable.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { type Announcer, DryRunAnnouncer } from '../../src/mitigation/announcer.ts';
import { formatAddress } from '../../src/net/address.ts';
import { SCENE_CONFIG, TelemetryScene } from '../cli/telemetryScene.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { MemoryStore } from '../mitigation/memoryStore.ts';
import { stateDirectory } from '../storage/stateDirectory.ts';

const TICK_MS = 100;

/** As in a replay, no GoBGP can be asked. */
const NO_PEERS: Pick<Announcer, 'audience'> = { audience: () => 'unknown' };

/** Floods that overlap, one of them whitelisted, one over the cap, and one that comes back. */
function recording(): TelemetryScene {
  const scene = new TelemetryScene();
  scene.play({ attack: 'ntp_amplification', target: '203.0.113.10', from: 1, to: 8, packetsPerSecond: 100_000 });
  scene.play({ attack: 'syn_flood', target: '203.0.113.53', from: 2, to: 6, packetsPerSecond: 80_000 });
  scene.play({ attack: 'udp_flood', target: '203.0.113.100', from: 3, to: 5, packetsPerSecond: 90_000 });
  scene.play({ attack: 'icmp_flood', target: '203.0.113.101', from: 4, to: 9, packetsPerSecond: 90_000 });
  scene.play({ attack: 'udp_flood', target: '203.0.113.10', from: 20, to: 24, packetsPerSecond: 60_000 });
  scene.play({ attack: 'normal', target: '203.0.113.20', from: 0, to: 40, packetsPerSecond: 1000, protocol: 'sflow5' });
  return scene;
}

function configOf(t: TestContext): Config {
  const file = path.join(stateDirectory(t), 'kapkan.yaml');
  writeFileSync(file, `${SCENE_CONFIG}notify: { update_seconds: 2 }\n`);
  return { ...loadConfig(file, { KAPKAN_TOKEN_THAT_IS_NOT_SET: 'a-token-long-enough' }), dryRun: true };
}

test('one recording gives the same stream of events, the progress of attacks too', async (t) => {
  const config = configOf(t);
  const datagrams = [...readCapture(recording().bytes()).datagrams];
  // A replay keeps of the stream what its report needs; the table of incidents is given every event in order.
  const record = t.mock.method(IncidentTable.prototype, 'record');
  const stream = () => record.mock.calls.map(({ arguments: [event] }) => event);
  const replay = new CaptureReplay(config);
  for (const datagram of datagrams) replay.receive(datagram);
  replay.finish();
  const replayed = stream();
  record.mock.resetCalls();
  assert.deepEqual(await daemonEvents(config, datagrams), replayed);
  assert.deepEqual(stream(), replayed);
  const progress = replayed.filter((event) => event.kind === 'attack_updated' && event.cause === 'progress');
  assert.ok(progress.length > 5, `${progress.length} updates`);
});

test("one recording gives the same attacks, bans and times in the daemon's loop and in a replay", async (t) => {
  const config = configOf(t);
  const datagrams = [...readCapture(recording().bytes()).datagrams];
  const replay = new CaptureReplay(config);
  for (const datagram of datagrams) replay.receive(datagram);
  replay.finish();

  const attacks = new Map<string, { kinds: string[]; times: number[]; route: string; peak: number }>();
  for (const event of await daemonEvents(config, datagrams)) {
    if (!('attack' in event) || event.attack === undefined) continue;
    const { id, peakRate } = event.attack;
    const known = attacks.get(id) ?? { kinds: [], times: [], route: '', peak: 0 };
    attacks.set(id, known);
    known.peak = peakRate;
    if (!('ban' in event) || event.kind.startsWith('attack_')) continue;
    known.kinds.push(event.kind);
    known.times.push(event.at);
    known.route = JSON.stringify(event.ban?.plan.routes);
  }
  const replayed = replay.attacks().map(({ attack, decisions, ban }) => [
    attack.id,
    {
      kinds: decisions.map(({ kind }) => kind),
      times: decisions.map(({ at }) => at),
      route: JSON.stringify(ban?.plan.routes),
      peak: attack.peakRate,
    },
  ]);
  assert.equal(replayed.length, 5);
  assert.deepEqual(replayed, [...attacks]);
});

/** The datagrams through the loop of the daemon, with one receiving thread that answers at once. */
async function daemonEvents(config: Config, datagrams: readonly CaptureDatagram[]): Promise<IncidentEvent[]> {
  mock.timers.enable({ apis: ['setInterval'] });
  const events: IncidentEvent[] = [];
  const plan = planOf(config, 1, 0);
  let now = datagrams[0].timeMs;
  let ids = 0;
  const receiver = new Receiver(receiverSettingsOf(config, plan), now);
  const fail = (error: Error) => {
    throw error;
  };
  const cycle = new DetectionCycle({
    config,
    plan,
    store: new MemoryStore(),
    announcer: new DryRunAnnouncer(NO_PEERS),
    dryRunAnnouncer: new DryRunAnnouncer(NO_PEERS),
    newId: () => `replay-${++ids}`,
    onEvent: (event) => events.push(event),
    onFailure: fail,
  });
  const loop = new DetectionLoop({
    cycle,
    pool: {
      sample: async (targets) => samplesOf([receiver.sample(targets, now)], targets, plan.samples.flowsPerAttack),
      watch: (targets) => receiver.watch(targets),
    },
    clock: { now: () => now },
    log: silentLogger(),
    onFailure: fail,
  });
  cycle.restore(now);
  loop.start();
  const tick = async (at: number) => {
    now = at;
    loop.receive(0, receiver.tick(now));
    // The sample is answered, and its attacks opened, before time advances.
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    mock.timers.tick(TICK_MS);
  };
  let nextTick = now + TICK_MS;
  for (const { timeMs, dstPort, payload, src } of datagrams) {
    for (; nextTick <= timeMs; nextTick += TICK_MS) await tick(nextTick);
    now = timeMs;
    receiver.receive(dstPort === 6343 ? 'sflow' : 'netflow', payload, formatAddress(src), now);
  }
  await tick(nextTick);
  loop.stop();
  mock.timers.reset();
  return events;
}
