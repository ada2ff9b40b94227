/*
 * From a packet to a route, with the real gobgpd: how long a flood goes on before its route is in the RIB, what of that
 * is Kapkan's own, and how many bans at once it takes. Without gobgpd nothing is measured, and the table says so.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { AttackTraffic } from '../../src/flowgen/attackTraffic.ts';
import { SendSchedule, sendTelemetry } from '../../src/flowgen/sendTelemetry.ts';
import { AnnouncerGroup } from '../../src/gobgp/announcerGroup.ts';
import { announcementPath, encodeRoute } from '../../src/gobgp/encodeRoute.ts';
import { GobgpAnnouncer } from '../../src/gobgp/gobgpAnnouncer.ts';
import { GobgpClient } from '../../src/gobgp/gobgpClient.ts';
import { DryRunAnnouncer } from '../../src/mitigation/announcer.ts';
import { MitigationController } from '../../src/mitigation/controller.ts';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { address } from '../fixtures/addressFixture.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { configFixture } from '../fixtures/configFixture.ts';
import { blackhole } from '../fixtures/routeFixture.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { findExecutable } from '../integration/daemons.ts';
import { freePort, Gobgpd, loopbackAddress } from '../integration/gobgpd.ts';
import { liveConfig } from '../integration/kapkanLab.ts';
import type { BenchRow } from './decodeBench.ts';

const BANS = 1000;
const POLL_MS = 2;

/** The floods overlap, so that fifty of them take seconds. */
const BETWEEN_FLOODS_MS = 100;

/** The flood is this many times its threshold. */
const FLOOD_FACTOR = 4;
const THRESHOLD_PPS = 50_000;
const WINDOW_SECONDS = 5;

export async function benchRoutes(short: boolean): Promise<BenchRow[]> {
  const executable = findExecutable('gobgpd');
  if (executable === undefined) return [{ name: 'routes: gobgpd is missing, nothing measured', value: 0, unit: '' }];
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-bench-'));
  const host = loopbackAddress();
  const gobgpd = await Gobgpd.start({
    executable,
    asn: 65_001,
    address: host,
    port: await freePort(host),
    neighbors: [],
  });
  try {
    return [
      ...(await benchFlood(gobgpd, path.join(folder, 'flood'), short ? 10 : 50)),
      ...(await benchManyBans(gobgpd, path.join(folder, 'many'))),
    ];
  } finally {
    await gobgpd.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The whole daemon, from the first packet sent to the route read back. */
async function benchFlood(gobgpd: Gobgpd, folder: string, floods: number): Promise<BenchRow[]> {
  const file = `${folder}.yaml`;
  writeFileSync(
    file,
    liveConfig(gobgpd.apiAddress, {
      thresholds: `{ pps: ${THRESHOLD_PPS}, mbps: 100000, flows_per_sec: 1000000 }`,
      detection: `{ window_seconds: ${WINDOW_SECONDS} }`,
      storage: `{ path: ${folder} }`,
      ban: `{ ttl_seconds: 120, max_active_bans: ${floods} }`,
    }),
  );
  const daemon = new Daemon(loadConfig(file, {}), { logger: silentLogger(), env: {}, onFatal: console.error });
  await daemon.start();
  const attacks: Attack[] = [];
  try {
    const port = Number(daemon.addresses().telemetry[0].split(':').at(-1));
    await until(() => daemon.facade.gobgp()[0].connected);
    const answered = until(() => attacks.filter((attack) => attack.isAnswered(daemon)).length === floods);
    for (let i = 0; i < floods; i++) {
      attacks.push(new Attack(`203.0.113.${100 + i}`, port));
      await sleep(BETWEEN_FLOODS_MS);
    }
    await answered;
  } finally {
    for (const attack of attacks) await attack.stop();
    await daemon.stop();
  }
  const ideal = WINDOW_SECONDS / FLOOD_FACTOR;
  const against = `the ${ideal} s that a ${WINDOW_SECONDS} s window needs to fill to the limit`;
  const name = `of ${floods} floods of ${FLOOD_FACTOR} times the limit`;
  const rows = (what: string, seconds: readonly number[]): BenchRow[] =>
    [50, 99].map((percent) => {
      const value = percentile(seconds, percent);
      return { name: `first packet ${what} ${name}, p${percent}`, value, unit: 's', ratio: value / ideal, against };
    });
  return [
    ...rows(
      'to the decision',
      attacks.map(({ secondsToDecision }) => secondsToDecision),
    ),
    ...rows(
      'to the route in the RIB',
      attacks.map(({ secondsToRib }) => secondsToRib),
    ),
  ];
}

/** One flood, from its first packet to the route that answers it. */
class Attack {
  secondsToDecision = 0;
  secondsToRib = 0;
  readonly #target: string;
  readonly #startedAt = Date.now();
  readonly #stop = new AbortController();
  readonly #sent: Promise<unknown>;

  constructor(target: string, port: number) {
    this.#target = target;
    this.#sent = flood(target, port, this.#stop.signal);
  }

  /** Whether the route was read back from the RIB; then the flood ends. */
  isAnswered({ facade }: Daemon): boolean {
    if (this.#stop.signal.aborted) return true;
    const ban = facade.bans().find(({ targetText }) => targetText === this.#target);
    if (ban === undefined) return false;
    const { confirmedAt } = facade.evidence(`ipv4-unicast ${this.#target}/32`, false);
    if (confirmedAt === undefined) return false;
    this.secondsToDecision = (ban.startedAt - this.#startedAt) / 1000;
    this.secondsToRib = (confirmedAt - this.#startedAt) / 1000;
    this.#stop.abort();
    return true;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#sent;
  }
}

/** The decisions, the store and the announcer, without telemetry: a thousand attacks found in one tick. */
async function benchManyBans(gobgpd: Gobgpd, folder: string): Promise<BenchRow[]> {
  const clock = new SystemClock();
  const store = new SqliteBanStore(folder);
  const gobgp = { api: 'auto', tls: undefined, timeoutSeconds: 5, instanceId: 2 } as const;
  const member = new GobgpAnnouncer({
    address: gobgpd.apiAddress,
    gobgp,
    clock,
    log: silentLogger(),
    withdrawOrphans: true,
  });
  const announcer = new AnnouncerGroup([member]);
  const controller = new MitigationController({
    config: configFixture({ networks: ['198.18.0.0/15'], ban: { maxActiveBans: 2 * BANS } }),
    store,
    announcer,
    dryRunAnnouncer: new DryRunAnnouncer(),
    newId: randomUUID,
    onEvent: () => {},
    onFailure: (error) => {
      throw error;
    },
  });
  controller.restore(clock.now());
  announcer.start();
  await until(() => member.isSettled);

  const targets = Array.from({ length: BANS }, (_, i) => `198.18.${i >> 8}.${i & 255}`);
  const bare = await bareSeconds(gobgpd, targets);
  const startedAt = performance.now();
  controller.batch(clock.now(), () => {
    for (const target of targets) controller.attackOpened(attackFixture(target, target, clock.now()), clock.now());
  });
  await until(() => announcer.counts().unicast === BANS && member.isSettled);
  const announced = (performance.now() - startedAt) / 1000;

  await gobgpd.end('SIGKILL');
  await gobgpd.launch();
  const upAt = performance.now();
  await until(() => announcer.counts().unicast === BANS && member.isSettled);
  const backInSync = (performance.now() - upAt) / 1000;
  for (const target of targets) controller.unban(address(target), clock.now(), 'bench');
  await announcer.whenSettled(10_000);
  await announcer.stop();
  store.close();
  const against = 'the same routes added one by one and listed, without Kapkan';
  return [
    {
      name: `${BANS} bans decided, saved, announced and read back`,
      value: announced,
      unit: 's',
      ratio: announced / bare,
      against,
    },
    {
      name: `${BANS} bans back in the RIB of a gobgpd that was killed, from its being up`,
      value: backInSync,
      unit: 's',
    },
  ];
}

async function bareSeconds(gobgpd: Gobgpd, targets: readonly string[]): Promise<number> {
  const client = new GobgpClient({ address: gobgpd.apiAddress, api: 'auto', tls: undefined, timeoutSeconds: 5 });
  const { asn } = await client.getBgp();
  const startedAt = performance.now();
  for (const target of targets) {
    const encoded = encodeRoute(blackhole(target), { globalAdmin: asn, localData1: 0, localData2: 0 });
    await client.addPath(announcementPath(encoded, Date.now()), target);
  }
  await client.listPaths('ipv4-unicast');
  const seconds = (performance.now() - startedAt) / 1000;
  // A fresh gobgpd for what is compared with it.
  client.close();
  await gobgpd.end('SIGKILL');
  await gobgpd.launch();
  return seconds;
}

function flood(target: string, port: number, signal: AbortSignal): Promise<unknown> {
  const sampling = 100;
  return sendTelemetry({
    host: '127.0.0.1',
    port,
    protocol: 'netflow5',
    sampling,
    schedule: new SendSchedule((FLOOD_FACTOR * THRESHOLD_PPS) / sampling, 60),
    traffic: new AttackTraffic({
      attack: 'udp_flood',
      target: address(target),
      packetBytes: undefined,
      packetsPerRecord: 1,
      seed: 1,
    }),
    signal,
  });
}

async function until(check: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!check()) {
    if (performance.now() > deadline) throw new Error('the benchmark waited 30 seconds for something to happen');
    await sleep(POLL_MS);
  }
}

function percentile(values: readonly number[], percent: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor((values.length * percent) / 100))];
}
