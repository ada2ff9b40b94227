/*
 * Kapkan as a process, on an injector of either generation, with a router that hears it.
 */
import type { TestContext } from 'node:test';
import type { GobgpApi } from '../../src/gobgp/generation.ts';
import { executableOf, type Pair, startPair } from './gobgpLab.ts';
import { Kapkan } from './kapkan.ts';

/** What a test may change: top-level keys of the file, as YAML text. */
export function liveConfig(gobgpAddress: string, changes: { readonly [key: string]: string } = {}): string {
  const keys: { [key: string]: string } = {
    dry_run: 'false',
    listen: '{ netflow: "127.0.0.1:0", sflow: "127.0.0.1:0" }',
    networks: '[203.0.113.0/24, "2001:db8::/32"]',
    protected_whitelist: '[203.0.113.53]',
    detection: '{ window_seconds: 1 }',
    thresholds: '{ pps: 50000, mbps: 100000, flows_per_sec: 100000 }',
    hostgroups: '[{ name: web, networks: [203.0.113.0/28], mitigation: flowspec }]',
    ban: '{ ttl_seconds: 120, unban_hysteresis_seconds: 2, max_active_bans: 10 }',
    gobgp: `{ address: "${gobgpAddress}" }`,
    bgp: '{ next_hop: 192.0.2.1 }',
    api: '{ listen: "127.0.0.1:0" }',
    ...changes,
  };
  return Object.entries(keys)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}

/** Both daemons with their session up, and Kapkan running on the injector. */
export async function startLive(
  t: TestContext,
  api: GobgpApi,
  changes: { readonly [key: string]: string } = {},
): Promise<(Pair & { readonly kapkan: Kapkan }) | undefined> {
  const executable = executableOf(t, api);
  if (executable === undefined) return undefined;
  const pair = await startPair(t, executable);
  if (pair === undefined) return undefined;
  const kapkan = await new Kapkan(t, liveConfig(pair.injector.apiAddress, changes)).start();
  return { ...pair, kapkan };
}
