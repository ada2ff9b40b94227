/*
 * Which GoBGPs the running daemon cannot reach.
 */
import type { StatusJson } from '../../api/statusJson.ts';
import type { ApiClient } from './apiClient.ts';

/** One sentence each. Empty also for a token with a tenant, which sees nothing of GoBGP. */
export async function unreachableGobgps(client: ApiClient): Promise<string[]> {
  return (await gobgps(client))
    .filter(({ connected }) => !connected)
    .map(({ address, last_error }) => `GoBGP at ${address} cannot be reached${last_error ? `: ${last_error}` : ''}`);
}

/** Whether the daemon reaches no GoBGP at all, so that nothing can be announced now. */
export async function isEveryGobgpUnreachable(client: ApiClient): Promise<boolean> {
  const daemons = await gobgps(client);
  return daemons.length > 0 && daemons.every(({ connected }) => !connected);
}

async function gobgps(client: ApiClient): Promise<NonNullable<StatusJson['gobgp']>['daemons']> {
  const { status, body } = await client.get('api/v1/status');
  return status === 200 ? ((body as StatusJson).gobgp?.daemons ?? []) : [];
}
