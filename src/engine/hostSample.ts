/*
 * How many hosts several threads track together. A host whose traffic more than one thread saw is in several tables.
 * All tables hash with the same seed, so the hosts with the smallest hashes are a sample that is the same in each of
 * them: what share of it is there more than once holds for all hosts.
 */

/** The hosts of one table whose hashes are below a limit. */
export interface HostSample {
  readonly trackedHosts: number;
  /** Unsigned hashes of all hosts below `below`, which is 2^32 where these are all hosts. */
  readonly hashes: Uint32Array<ArrayBuffer>;
  readonly below: number;
}

/** Hosts in a sample, or a few more. The share of hosts that are counted once is then known to 0.8 % (one sigma). */
export const SAMPLED_HOSTS = 4096;

/** Hosts in any of the tables: exact where the samples are whole, but for hosts with equal hashes. */
export function distinctHosts(samples: readonly HostSample[]): number {
  const tracked = samples.reduce((sum, { trackedHosts }) => sum + trackedHosts, 0);
  const below = Math.min(...samples.map((sample) => sample.below));
  const distinct = new Set<number>();
  let sampled = 0;
  for (const { hashes } of samples) {
    for (const hash of hashes) {
      if (hash >= below) continue;
      sampled++;
      distinct.add(hash);
    }
  }
  return sampled === 0 ? tracked : Math.round((tracked * distinct.size) / sampled);
}
