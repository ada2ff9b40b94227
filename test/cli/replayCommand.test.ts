import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { replayCommand } from '../../src/cli/replayCommand.ts';
import { ethernet, flowSample, ipv4, ipv4Packet, rawHeader, sflow, udp } from '../decode/telemetryBytes.ts';
import { stateDirectory } from '../storage/stateDirectory.ts';
import { runInProcess } from './commandRun.ts';
import { SCENE_CONFIG, TelemetryScene as Scene, SCENE_START as START } from './telemetryScene.ts';

interface Guard {
  readonly guard: string;
  readonly ok: boolean;
  readonly reason: string;
}

interface ReplayedAttack {
  readonly target: string;
  readonly classification: { readonly type: string };
  readonly rates: Record<string, number>;
  readonly active: boolean;
  readonly dry_run: boolean;
  readonly started_at: string;
  readonly ended_at?: string;
  readonly guards: Guard[];
  readonly decisions: {
    readonly at: string;
    readonly event: string;
    readonly route?: string;
    readonly reason?: string;
  }[];
}

interface ReplayReport {
  readonly capture: Record<string, unknown>;
  readonly attacks: ReplayedAttack[];
}

test('an attack is found in the capture, banned, and its ban withdrawn, by the clock of the capture', async (t) => {
  const scene = new Scene();
  scene.play({ attack: 'ntp_amplification', target: '203.0.113.10', from: 3, to: 9, packetsPerSecond: 100_000 });
  scene.play({
    attack: 'normal',
    target: '203.0.113.20',
    from: 0,
    to: 25,
    packetsPerSecond: 2_000,
    protocol: 'sflow5',
  });
  const { attacks, capture } = await replayed(t, scene);
  assert.equal(attacks.length, 1);
  const [attack] = attacks;
  assert.equal(attack.target, '203.0.113.10');
  assert.equal(attack.classification.type, 'ntp_amplification');
  assert.ok(Math.abs(attack.rates.pps - 100_000) < 1_000, `${attack.rates.pps} packets a second at the peak`);
  assert.ok(Math.abs(attack.rates.mbps - (100_000 * 468 * 8) / 1e6) < 4, `${attack.rates.mbps} Mbit/s at the peak`);

  const foundAfter = secondsAfterStart(attack.started_at) - 3;
  assert.ok(foundAfter > 0 && foundAfter < 1.5, `found ${foundAfter} s after it began`);
  const endedAfter = secondsAfterStart(attack.ended_at ?? '') - 9;
  assert.ok(endedAfter > 5 && endedAfter < 10, `ended ${endedAfter} s after it stopped, hysteresis 5 s`);

  assert.deepEqual(
    attack.decisions.map(({ event }) => event),
    ['ban_started', 'ban_ended'],
  );
  const rule = 'flowspec: dst 203.0.113.10/32 proto udp src-port 123 discard';
  assert.equal(attack.decisions[0].route, rule);
  assert.equal(attack.decisions[0].at, attack.started_at);
  assert.equal(attack.decisions[1].at, attack.ended_at);
  assert.ok(attack.guards.length >= 7 && attack.guards.every(({ ok }) => ok));
  assert.equal(capture.decode_error_datagrams, 0);
  // At 2,000 packets a second the first sampled packet comes after 50 ms.
  assert.equal(capture.from, '2024-05-01T12:00:00.050Z');
});

test('an attack on a whitelisted address is found and its ban refused, with the guard that refuses it', async (t) => {
  const scene = new Scene();
  scene.play({ attack: 'syn_flood', target: '203.0.113.53', from: 0, to: 4, packetsPerSecond: 100_000 });
  const { attacks } = await replayed(t, scene);
  const [attack] = attacks;
  assert.equal(attack.active, true, 'it is active at the end of the capture');
  assert.deepEqual(
    attack.guards.filter(({ ok }) => !ok).map(({ guard }) => guard),
    ['whitelist'],
  );
  assert.deepEqual(
    attack.decisions.map(({ event, route }) => [event, route]),
    [['ban_rejected', undefined]],
  );
});

test('a cap lets the first attack through and refuses the next', async (t) => {
  const scene = new Scene();
  for (const [index, target] of ['203.0.113.100', '203.0.113.101', '203.0.113.102'].entries()) {
    scene.play({ attack: 'udp_flood', target, from: index, to: 6, packetsPerSecond: 100_000 });
  }
  const { attacks } = await replayed(t, scene);
  assert.deepEqual(
    attacks.map(({ decisions, guards }) => [decisions[0].event, guards.find(({ ok }) => !ok)?.guard]),
    [
      ['ban_started', undefined],
      ['ban_started', undefined],
      ['ban_rejected', 'max_active_bans'],
    ],
  );
});

test('a replay is dry-run with any config, and always gives the same result', async (t) => {
  const scene = new Scene();
  scene.play({
    attack: 'mixed',
    target: '2001:db8::7',
    from: 0,
    to: 5,
    packetsPerSecond: 200_000,
    protocol: 'netflow9',
  });
  const files = write(t, scene, 'dry_run: false\n');
  const runs = [];
  for (let run = 0; run < 2; run++) {
    runs.push(await runInProcess(replayCommand, [files.capture, '--config', files.config, '--json']));
  }
  assert.deepEqual(runs[0], runs[1]);
  const { attacks } = JSON.parse(runs[0].stdout) as ReplayReport;
  assert.equal(attacks[0].dry_run, true);
  assert.match(attacks[0].decisions[0].route ?? '', /^blackhole 2001:db8::7\/128 next-hop 100::1 community /);
});

test('the text for people names the attack, every guard and the route', async (t) => {
  const scene = new Scene();
  scene.play({ attack: 'ntp_amplification', target: '203.0.113.10', from: 0, to: 4, packetsPerSecond: 100_000 });
  const files = write(t, scene);
  const { stdout, code } = await runInProcess(replayCommand, [files.capture, '--config', files.config]);
  assert.equal(code, 0);
  assert.match(stdout, /1 attack\n/);
  assert.match(stdout, /203\.0\.113\.10 \(group web\): ntp_amplification, 100 % of the sample/);
  assert.match(stdout, /active at the end of the capture/);
  for (const guard of ['scope', 'whitelist', 'max_active_bans', 'harmless'])
    assert.match(stdout, new RegExp(`ok +${guard} `));
  assert.match(stdout, /would announce: flowspec: dst 203\.0\.113\.10\/32 proto udp src-port 123 discard/);
});

test('flows that two exporters of the capture report are pointed out, with the key that ends it', async (t) => {
  const scene = new Scene();
  for (let flow = 0; flow < 150; flow++) {
    const packet = ipv4Packet({ src: '198.51.100.1', dst: '203.0.113.10', protocol: 17 }, udp(53, flow));
    const samples = new Array<number[]>(4).fill(flowSample([rawHeader(ethernet(0x0800, packet), 100)]));
    for (const agent of ['192.0.2.1', '192.0.2.2'])
      scene.addLast(START + flow, 6_343, sflow(samples, { agent: ipv4(agent) }));
  }
  const files = write(t, scene);
  const { stdout } = await runInProcess(replayCommand, [files.capture, '--config', files.config]);
  const advice =
    / {2}192\.0\.2\.1: of [\d,]+ flows \d+ % are also reported by 192\.0\.2\.2; .* sampling\.boundary: \[\{ exporter: "192\.0\.2\.1"/;
  assert.match(stdout, advice);
  const { capture } = await replayed(t, scene);
  const [first] = capture.exporters as {
    address: string;
    duplicates: { with: { exporter: string; share: number }[] };
  }[];
  assert.deepEqual([first.address, first.duplicates.with[0].exporter], ['192.0.2.1', '192.0.2.2']);
  assert.ok(first.duplicates.with[0].share > 0.9);
});

test('telemetry to other ports is known by its version, and other datagrams are counted', async (t) => {
  const scene = new Scene();
  for (const [index, protocol] of (['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const).entries()) {
    const target = `203.0.113.${100 + index}`;
    scene.play({
      attack: 'udp_flood',
      target,
      from: index * 5,
      to: index * 5 + 4,
      packetsPerSecond: 100_000,
      protocol,
      port: 50_000,
    });
  }
  scene.addLast(START + 30_000, 53, new TextEncoder().encode('not telemetry'));
  const { attacks, capture } = await replayed(t, scene);
  assert.equal(attacks.length, 4);
  assert.equal(capture.other_datagrams, 1);
});

test('a clock that jumps by decades or steps back does not stop or change the replay', async (t) => {
  const scene = new Scene();
  scene.play({ attack: 'udp_flood', target: '203.0.113.100', from: 0, to: 4, packetsPerSecond: 100_000 });
  scene.play({ attack: 'udp_flood', target: '203.0.113.101', from: 1e9, to: 1e9 + 4, packetsPerSecond: 100_000 });
  scene.addLast(START, 2_055, Uint8Array.of(0, 9));
  const { attacks } = await replayed(t, scene);
  assert.deepEqual(
    attacks.map(({ target, active }) => [target, active]),
    [
      ['203.0.113.100', false],
      ['203.0.113.101', true],
    ],
  );
});

test('a file that is no capture, a missing one and an invalid config end with 1, wrong usage with 2', async (t) => {
  const { config } = write(t, new Scene());
  const missing = await runInProcess(replayCommand, ['/nowhere.pcap', '--config', config]);
  assert.deepEqual([missing.code, missing.stdout], [1, '']);
  assert.match(missing.stderr, /nowhere\.pcap/);
  assert.equal((await runInProcess(replayCommand, [config, '--config', config])).code, 1);
  const noConfig = path.join(path.dirname(config), 'none.yaml');
  assert.equal((await runInProcess(replayCommand, [config, '--config', noConfig])).code, 1);
  for (const args of [[], [config], ['--config', config], [config, config, '--config', config]]) {
    assert.equal((await runInProcess(replayCommand, args)).code, 2, args.join(' '));
  }
});

async function replayed(t: TestContext, scene: Scene): Promise<ReplayReport> {
  const files = write(t, scene);
  const { code, stdout, stderr } = await runInProcess(replayCommand, [
    files.capture,
    '--config',
    files.config,
    '--json',
  ]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as ReplayReport;
}

function write(t: TestContext, scene: Scene, more = ''): { capture: string; config: string } {
  const directory = stateDirectory(t);
  const capture = path.join(directory, 'telemetry.pcap');
  const config = path.join(directory, 'kapkan.yaml');
  writeFileSync(capture, scene.bytes());
  writeFileSync(config, `${more}${SCENE_CONFIG}`);
  return { capture, config };
}

function secondsAfterStart(time: string): number {
  return (Date.parse(time) - START) / 1_000;
}
