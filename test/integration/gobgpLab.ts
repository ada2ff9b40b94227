/*
 * The small network of the GoBGP tests: an injector of either generation that Kapkan drives, and a second gobgpd as
 * the router that hears it. Everything is torn down after the test.
 */
import type { TestContext } from 'node:test';
import { SystemClock } from '../../src/clock.ts';
import type { GobgpApi } from '../../src/gobgp/generation.ts';
import { GobgpAnnouncer, type GobgpAnnouncerOptions } from '../../src/gobgp/gobgpAnnouncer.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { requireDaemon } from './daemons.ts';
import { eventually } from './eventually.ts';
import { ALL_FAMILIES, freePort, Gobgpd, type GobgpdOptions, loopbackAddress, type NeighborConfig } from './gobgpd.ts';

export const INJECTOR_ASN = 65_001;
export const ROUTER_ASN = 65_002;

/** The executable of a generation; undefined when the test has been skipped for the lack of it. */
export function executableOf(t: TestContext, api: GobgpApi): string | undefined {
  return requireDaemon(t, api === 'v3' ? 'gobgpd' : 'gobgpd4');
}

/** An injector without neighbours. */
export async function startInjector(
  t: TestContext,
  executable: string,
  options: Partial<GobgpdOptions> = {},
): Promise<Gobgpd> {
  const address = options.address ?? loopbackAddress();
  const port = options.port ?? (await freePort(address));
  const daemon = await Gobgpd.start({ executable, asn: INJECTOR_ASN, address, port, neighbors: [], ...options });
  t.after(() => daemon.dispose());
  return daemon;
}

export interface Pair {
  readonly injector: Gobgpd;
  readonly router: Gobgpd;
}

/** An injector and the router that hears it, with the session up. `towardRouter` and
 * `towardInjector` change one side of it each. */
export async function startPair(
  t: TestContext,
  executable: string,
  families: readonly string[] = ALL_FAMILIES,
  towardRouter: Partial<NeighborConfig> = {},
  extraConfig = '',
  towardInjector: Partial<NeighborConfig> = {},
): Promise<Pair | undefined> {
  const routerExecutable = requireDaemon(t, 'gobgpd');
  if (routerExecutable === undefined) return undefined;
  const [here, there] = [loopbackAddress(), loopbackAddress()];
  const [herePort, therePort] = [await freePort(here), await freePort(there)];
  const router = await startInjector(t, routerExecutable, {
    asn: ROUTER_ASN,
    address: there,
    port: therePort,
    neighbors: [{ address: here, asn: INJECTOR_ASN, port: herePort, families, ...towardInjector }],
  });
  const injector = await startInjector(t, executable, {
    address: here,
    port: herePort,
    neighbors: [{ address: there, asn: ROUTER_ASN, port: therePort, families: ALL_FAMILIES, ...towardRouter }],
    extraConfig,
  });
  await eventually(() => router.isEstablished(here), 30_000);
  return { injector, router };
}

/** A running announcer for this daemon, stopped after the test. */
export function startAnnouncer(
  t: TestContext,
  address: string,
  options: Partial<GobgpAnnouncerOptions> & { readonly timeoutSeconds?: number; readonly instanceId?: number } = {},
): GobgpAnnouncer {
  const announcer = new GobgpAnnouncer({
    address,
    gobgp: {
      api: 'auto',
      tls: undefined,
      timeoutSeconds: options.timeoutSeconds ?? 5,
      instanceId: options.instanceId ?? 1,
    },
    clock: new SystemClock(),
    log: silentLogger(),
    withdrawOrphans: true,
    ...options,
  });
  announcer.start();
  t.after(() => announcer.stop());
  return announcer;
}

export async function connected(announcer: GobgpAnnouncer): Promise<void> {
  await eventually(() => announcer.status().connected);
}
