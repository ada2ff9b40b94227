/*
 * A random night: floods come and go, an operator bans and unbans, and Kapkan, its GoBGP and the router are killed,
 * stopped and started in between. After every step the router must hold exactly the routes that a plain list of what is
 * flooded and what is banned by hand calls for, whoever died on the way.
 *
 * KAPKAN_SEED repeats a night, KAPKAN_FAULT_STEPS makes it longer.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { SeededRandom } from '../../src/flowgen/seededRandom.ts';
import { eventually } from './eventually.ts';
import { executableOf, startPair } from './gobgpLab.ts';
import { Kapkan } from './kapkan.ts';
import { liveConfig } from './kapkanLab.ts';

const SEED = Number(process.env.KAPKAN_SEED ?? 1);
const STEPS = Number(process.env.KAPKAN_FAULT_STEPS ?? 10);

/** From the death of any of them to everything being right again, on a busy machine. */
const SETTLE_MS = 45_000;

const FLOODED = ['203.0.113.98', '203.0.113.99', '203.0.113.100'];
const BY_HAND = ['203.0.113.20', '203.0.113.21', '203.0.113.22'];

/** A UDP port of 127.0.0.1 that is free now; the same over all lives of Kapkan, so that exporters can go on sending. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

for (const api of ['v3', 'v4'] as const) {
  test(`no route is lost or left behind in a night of faults on GoBGP ${api}`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    const pair = await startPair(t, executable);
    if (pair === undefined) return;
    const { injector, router } = pair;
    const listen = `{ netflow: "127.0.0.1:${await freeUdpPort()}" }`;
    const kapkan = await new Kapkan(t, liveConfig(injector.apiAddress, { listen })).start();

    const random = new SeededRandom(SEED);
    const pick = <T>(items: readonly T[]): T => items[random.below(items.length)];
    const floods = new Map<string, () => Promise<void>>();
    const byHand = new Set<string>();
    const history: string[] = [];

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
        assert.equal(status, 200);
        if (!byHand.delete(ip)) byHand.add(ip);
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
    };

    for (let step = 0; step < STEPS; step++) {
      const action = pick(Object.keys(actions));
      history.push(action);
      await actions[action]();
      // Some faults come one upon the other.
      if (random.below(10) < 3) continue;
      const expected = [...floods.keys(), ...byHand].sort().map((target) => `${target}/32`);
      const say = `seed ${SEED}: ${history.join('; ')}`;
      await eventually(async () => {
        assert.deepEqual(await injector.rib('ipv4'), expected, say);
        assert.deepEqual(await router.rib('ipv4'), expected, say);
        const active = (await kapkan.bans()).filter(({ state }) => state === 'active');
        assert.deepEqual(active.map(({ target }) => `${target}/32`).sort(), expected, say);
        assert.ok(
          active.every(({ rib }) => rib?.installed === true),
          say,
        );
      }, SETTLE_MS);
    }
    await Promise.all([...floods.values()].map((stop) => stop()));
  });
}
