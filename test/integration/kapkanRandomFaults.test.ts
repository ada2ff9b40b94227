/*
 * A random night: floods come and go, an operator bans, unbans, pauses, whitelists and turns dry-run on and off, and
 * Kapkan, its GoBGP and the three routers (gobgpd, BIRD and FRR) are killed, stopped and started in between. After
 * every step all routers must hold exactly the routes that a plain list of what is flooded and what is banned by hand
 * calls for, and the API must say so.
 *
 * KAPKAN_SEED repeats a night, KAPKAN_FAULT_STEPS makes it longer.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { SeededRandom } from '../../src/flowgen/seededRandom.ts';
import type { GobgpApi } from '../../src/gobgp/generation.ts';
import { Bird } from './bird.ts';
import { requireDaemon } from './daemons.ts';
import { eventually } from './eventually.ts';
import { Frr } from './frr.ts';
import { ALL_FAMILIES, freePort, type Gobgpd, loopbackAddress } from './gobgpd.ts';
import { executableOf, INJECTOR_ASN, ROUTER_ASN, startInjector } from './gobgpLab.ts';
import { Kapkan } from './kapkan.ts';
import { liveConfig } from './kapkanLab.ts';

const SEED = Number(process.env.KAPKAN_SEED ?? 1);
const STEPS = Number(process.env.KAPKAN_FAULT_STEPS ?? 10);

/** A flood that comes and goes is held for its TTL at most, which must pass well before SETTLE_MS. */
const BAN = '{ ttl_seconds: 20, unban_hysteresis_seconds: 2, max_active_bans: 10 }';

/** From the death of any of them to everything being right again, on a busy machine. */
const SETTLE_MS = 45_000;

const FLOODED = ['203.0.113.98', '203.0.113.99', '203.0.113.100'];
const BY_HAND = ['203.0.113.20', '203.0.113.21', '203.0.113.22'];
const WHITELISTED = [FLOODED[2], BY_HAND[2]];

const BIRD_ASN = 65_003;
const FRR_ASN = 65_004;

/** A UDP port of 127.0.0.1 that is free now; the same over all lives of Kapkan, so that exporters can go on sending. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

interface Night {
  readonly injector: Gobgpd;
  readonly router: Gobgpd;
  readonly bird: Bird;
  readonly frr: Frr;
  readonly kapkan: Kapkan;
  /** Writes the config with these keys changed; it takes effect with a reload or a restart. */
  readonly configure: (changes: { readonly [key: string]: string }) => void;
}

/**
 * With `deferralSeconds` all sessions restart gracefully, and a GoBGP that starts again holds its routes back so long.
 */
async function startNight(t: TestContext, api: GobgpApi, deferralSeconds?: number): Promise<Night | undefined> {
  const executable = executableOf(t, api);
  const [routerExecutable, birdExecutable] = [requireDaemon(t, 'gobgpd'), requireDaemon(t, 'bird')];
  if (executable === undefined || routerExecutable === undefined || birdExecutable === undefined) return undefined;
  if (requireDaemon(t, 'vtysh') === undefined) return undefined;
  const [injectorAt, routerAt, birdAt, frrAt] = await Promise.all([1, 2, 3, 4].map(freePlace));
  const neighbor = { ...injectorAt, asn: INJECTOR_ASN };
  const bird = await Bird.start({ executable: birdExecutable, asn: BIRD_ASN, ...birdAt, neighbor });
  t.after(() => bird.dispose());
  const frr = await Frr.start({ asn: FRR_ASN, ...frrAt, neighbor });
  t.after(() => frr.dispose());
  const session = { families: ALL_FAMILIES, deferralSeconds };
  const router = await startInjector(t, routerExecutable, {
    asn: ROUTER_ASN,
    ...routerAt,
    neighbors: [{ ...neighbor, ...session }],
  });
  const injector = await startInjector(t, executable, {
    ...injectorAt,
    neighbors: [
      { ...routerAt, asn: ROUTER_ASN, ...session },
      { ...birdAt, asn: BIRD_ASN, ...session },
      { ...frrAt, asn: FRR_ASN, ...session },
    ],
    extraArguments: deferralSeconds === undefined ? [] : ['--graceful-restart'],
  });
  const listen = `{ netflow: "127.0.0.1:${await freeUdpPort()}" }`;
  const config = (changes: { readonly [key: string]: string }) =>
    liveConfig(injector.apiAddress, { listen, ban: BAN, ...changes });
  const kapkan = await new Kapkan(t, config({})).start();
  return { injector, router, bird, frr, kapkan, configure: (changes) => kapkan.configure(config(changes)) };
}

async function freePlace(): Promise<{ address: string; port: number }> {
  const address = loopbackAddress();
  return { address, port: await freePort(address) };
}

const NIGHTS = [
  { api: 'v3', deferralSeconds: undefined },
  { api: 'v4', deferralSeconds: undefined },
  { api: 'v3', deferralSeconds: 3 },
  { api: 'v4', deferralSeconds: 3 },
] as const;

for (const { api, deferralSeconds } of NIGHTS) {
  const how = deferralSeconds === undefined ? '' : ', which restarts gracefully';
  test(`no route is lost or left behind in a night of faults on GoBGP ${api}${how}`, async (t) => {
    const night = await startNight(t, api, deferralSeconds);
    if (night === undefined) return;
    const { injector, router, bird, frr, kapkan } = night;
    const random = new SeededRandom(SEED);
    const pick = <T>(items: readonly T[]): T => items[random.below(items.length)];
    const floods = new Map<string, () => Promise<void>>();
    const byHand = new Set<string>();
    const history: string[] = [];
    let paused = false;
    let dryRun = false;
    let whitelisted: readonly string[] = [];

    const reload = async () => {
      night.configure({
        dry_run: String(dryRun),
        protected_whitelist: `[${['203.0.113.53', ...whitelisted].join(', ')}]`,
      });
      assert.equal((await kapkan.post('/api/v1/config/reload')).status, 200);
    };

    const actions: Record<string, () => Promise<unknown>> = {
      'a flood begins or ends': async () => {
        const target = pick(FLOODED);
        const stop = floods.get(target);
        if (stop === undefined) floods.set(target, kapkan.flood({ target }));
        floods.delete(stop === undefined ? '' : target);
        await stop?.();
      },
      'an operator bans or unbans': async () => {
        const ip = pick(BY_HAND);
        const { status } = byHand.has(ip)
          ? await kapkan.post('/api/v1/unban', { ip })
          : await kapkan.post('/api/v1/ban', { ip, ttl_seconds: 86_400 });
        if (whitelisted.includes(ip)) {
          assert.equal(status, 409);
          return;
        }
        assert.equal(status, 200);
        if (!byHand.delete(ip)) byHand.add(ip);
      },
      'an operator pauses or resumes': async () => {
        paused = !paused;
        assert.equal((await kapkan.post(paused ? '/api/v1/pause' : '/api/v1/resume')).status, 200);
      },
      'two addresses are whitelisted or not any more': async () => {
        whitelisted = whitelisted.length === 0 ? WHITELISTED : [];
        for (const ip of whitelisted) byHand.delete(ip);
        await reload();
      },
      'dry-run is turned on or off': async () => {
        dryRun = !dryRun;
        byHand.clear();
        await reload();
      },
      'Kapkan is killed and started': async () => {
        await kapkan.end('SIGKILL');
        await kapkan.start();
      },
      'Kapkan is restarted cleanly': async () => {
        await kapkan.end();
        await kapkan.start();
      },
      'GoBGP is killed and started': async () => {
        await injector.end('SIGKILL');
        await injector.launch();
      },
      'GoBGP is stopped for a while': async () => {
        injector.pause();
        await new Promise((resolve) => setTimeout(resolve, 500 + random.below(1500)));
        injector.resume();
      },
      'Kapkan and GoBGP are killed together': async () => {
        await Promise.all([kapkan.end('SIGKILL'), injector.end('SIGKILL')]);
        await Promise.all([kapkan.start(), injector.launch()]);
      },
      'the router is killed and started': async () => {
        await router.end('SIGKILL');
        await router.launch();
      },
      'BIRD is killed and started': async () => {
        await bird.end();
        await bird.launch();
      },
      'FRR is killed and started': async () => {
        await frr.end();
        await frr.launch();
      },
    };

    for (let step = 0; step < STEPS; step++) {
      const action = pick(Object.keys(actions));
      history.push(action);
      await actions[action]();
      // Some faults come one upon the other.
      if (random.below(10) < 3) continue;
      const targets = [...floods.keys(), ...byHand].filter((target) => !whitelisted.includes(target)).sort();
      const expected = dryRun || paused ? [] : targets.map((target) => `${target}/32`);
      const say = `seed ${SEED}: ${history.join('; ')}`;
      await eventually(async () => {
        assert.deepEqual(await injector.rib('ipv4'), expected, say);
        assert.deepEqual(await router.rib('ipv4'), expected, say);
        assert.deepEqual(await bird.prefixes(), expected, `BIRD; ${say}`);
        assert.deepEqual(await frr.prefixes(), expected, `FRR; ${say}`);
        const active = (await kapkan.bans()).filter(({ state }) => state === 'active');
        assert.deepEqual(active.map(({ target }) => target).sort(), targets, say);
        assert.ok(
          active.every(({ dry_run }) => dry_run === dryRun),
          say,
        );
        if (dryRun || paused) return;
        const peers = [router, bird, frr].map(({ options }) => options.address).sort();
        for (const { rib } of active) {
          assert.equal(rib?.installed, true, say);
          assert.deepEqual(rib?.advertised_to.toSorted(), peers, say);
        }
      }, SETTLE_MS);
    }
    await Promise.all([...floods.values()].map((stop) => stop()));
  });
}
