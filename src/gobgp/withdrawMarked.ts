/*
 * Takes Kapkan's routes out of a GoBGP without a daemon: the dead man's switch and the panic button. It needs nothing
 * but the mark, so it works on what a crashed, wedged or older Kapkan left behind.
 */
import { withdrawalPath } from './encodeRoute.ts';
import type { GobgpClient } from './gobgpClient.ts';
import { GobgpError } from './gobgpError.ts';
import { inParallel } from './inParallel.ts';
import { marksOf } from './pathAttributes.ts';
import { RibReader } from './ribReader.ts';
import type { RibPath } from './ribSnapshot.ts';

const PARALLEL_CALLS = 32;

/**
 * Withdraws the routes with the mark of this instance whose key the predicate chooses, and returns their keys once they
 * are seen gone. `formerAsns`: the ASNs that the GoBGP may have had before. Throws a `GobgpError` when GoBGP cannot be reached or still holds some of them.
 */
export async function withdrawMarked(
  client: GobgpClient,
  instanceId: number,
  formerAsns: readonly number[],
  isChosen: (key: string) => boolean,
): Promise<string[]> {
  const { asn } = await client.getBgp();
  const reader = new RibReader(client, marksOf(asn, formerAsns, instanceId));
  const chosen = (await listMarked(reader)).filter((path) => isChosen(path.key));
  await inParallel(chosen, PARALLEL_CALLS, async ({ family, nlri, identifier, key }) => {
    if (nlri === undefined) throw new GobgpError('INVALID_ROUTE', 'DeletePath', `cannot name the route ${key}`, key);
    await client.deletePath(withdrawalPath(family, nlri, identifier), key);
  });
  const keys = new Set(chosen.map((path) => path.key));
  const left = (await reader.listKeys(keys)).find((path) => keys.has(path.key) && path.local && path.marked);
  if (left !== undefined) throw new GobgpError('ABORTED', 'DeletePath', `${left.key} is still in the RIB`, left.key);
  return [...keys];
}

async function listMarked(reader: RibReader): Promise<RibPath[]> {
  const listings = await Promise.all([reader.findInjectedUnicast(), reader.listInjectedRules()]);
  return listings.flat().filter((path) => path.marked);
}
