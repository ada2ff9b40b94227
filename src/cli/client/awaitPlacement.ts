/*
 * Waits until a ban that was just made is where it should be: read back from GoBGP's RIB, and sent to peers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BanJson } from '../../shapes/banJson.ts';
import type { ApiClient } from './apiClient.ts';
import { isEveryGobgpUnreachable } from './unreachableGobgps.ts';

/** GoBGP confirms within 20 ms; its own deadline is 5 s unless the config says otherwise. */
const LONGEST_WAIT_MS = 6000;

/** After the route is in the RIB, for the peers. */
const PEERS_WAIT_MS = 1000;

const POLL_MS = 100;

/** The ban as it is then. Does not wait where it is known that the route cannot be announced now. */
export async function awaitPlacement(made: BanJson, client: ApiClient): Promise<BanJson> {
  let ban = made;
  let installedAt: number | undefined;
  const startedAt = performance.now();
  while (isLive(ban) && performance.now() - startedAt < LONGEST_WAIT_MS) {
    if (ban.rib?.installed === true) {
      installedAt ??= performance.now();
      if (isHeard(ban) || performance.now() - installedAt > PEERS_WAIT_MS) return ban;
    } else if (ban.rib?.held_back !== undefined || (await isEveryGobgpUnreachable(client))) {
      return ban;
    }
    await sleep(POLL_MS);
    const { status, body } = await client.get('api/v1/bans');
    if (status !== 200) return ban;
    ban = (body as { bans: BanJson[] }).bans.find(({ id }) => id === made.id) ?? ban;
  }
  return ban;
}

/** Whether the ban has routes that should be in GoBGP. */
export function isLive({ dry_run, state, route }: BanJson): boolean {
  return !dry_run && state === 'active' && route !== undefined;
}

/** Whether it is known which peers the route was sent to. A token with a tenant never learns it. */
function isHeard({ rib }: BanJson): boolean {
  if (rib?.advertised_to === undefined) return true;
  return rib.advertised_to.length > 0 || (rib.not_advertised_to ?? []).length > 0;
}
