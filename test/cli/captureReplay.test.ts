import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCapture } from '../../src/capture/readCapture.ts';
import { CaptureReplay } from '../../src/cli/captureReplay.ts';
import { replayText } from '../../src/cli/replayReport.ts';
import { configFixture } from '../fixtures/configFixture.ts';
import { TelemetryScene } from './telemetryScene.ts';

const DAY_MS = 86_400_000;

test('impossible times, and a jump of a day with every datagram, do not slow a replay down', () => {
  const scene = new TelemetryScene();
  scene.play({ attack: 'udp_flood', target: '198.51.100.1', from: 0, to: 2, packetsPerSecond: 100_000 });
  const capture = readCapture(scene.bytes());
  const datagrams = [...capture.datagrams];
  const times = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e16, 1e18, 2 ** 63, 1e300];
  for (const first of [0, ...times]) {
    const replay = new CaptureReplay(configFixture());
    replay.receive({ ...datagrams[0], timeMs: first });
    for (const timeMs of times) replay.receive({ ...datagrams[1], timeMs });
    datagrams.forEach((datagram, i) => {
      replay.receive({ ...datagram, timeMs: datagram.timeMs + Math.max(0, i - 100) * DAY_MS });
    });
    replay.finish();
    assert.equal(replay.datagrams().telemetry, 1 + times.length + datagrams.length);
    assert.match(replayText('x.pcap', replay, capture.summary), /x\.pcap: \d{4}-/);
  }
});

test('attacks that end long after the last datagram end on time, and the next is found at once', () => {
  const scene = new TelemetryScene();
  scene.play({ attack: 'udp_flood', target: '198.51.100.1', from: 0, to: 2, packetsPerSecond: 100_000 });
  const [datagram] = readCapture(scene.bytes()).datagrams;
  const config = configFixture();
  const groups = config.groups.map((group) => ({
    ...group,
    thresholds: { flows_per_sec: 1e-3 },
    ban: { ...group.ban, unbanHysteresisSeconds: 3_400 },
  }));
  const replay = new CaptureReplay({ ...config, groups });
  const times = Array.from({ length: 10 }, (_, i) => datagram.timeMs + i * 3_500_000);
  for (const timeMs of times) replay.receive({ ...datagram, timeMs });
  const attacks = replay.attacks().map(({ attack }) => attack);
  assert.deepEqual(
    attacks.map(({ startedAt }) => startedAt),
    times.slice(0, -1).map((timeMs) => timeMs + 100),
  );
  for (const { endedAt = 0, lastSeenAt } of attacks) {
    assert.ok(endedAt - lastSeenAt >= 3_400_000 && endedAt - lastSeenAt <= 3_401_000, `${endedAt - lastSeenAt} ms`);
  }
});
