/*
 * Under which mark and at which GoBGP daemons the stored bans were announced. A Kapkan that starts with another
 * `gobgp.instance_id` or `gobgp.address` would neither find nor withdraw the routes of before.
 */

export interface GobgpIdentity {
  readonly instanceId: number;
  readonly addresses: readonly string[];
  /** GoBGP's AS number, which is part of the mark; undefined where it was not known. */
  readonly asn: number | undefined;
}

/**
 * Why a daemon must not start with `current` while `activeRealBans` announced under `saved` are in force; undefined
 * where it may. A GoBGP that was added is no reason: the bans are announced to it.
 */
export function identityProblem(
  saved: GobgpIdentity | undefined,
  current: GobgpIdentity,
  activeRealBans: number,
): string | undefined {
  if (saved === undefined || activeRealBans === 0) return undefined;
  const changes: string[] = [];
  if (saved.instanceId !== current.instanceId) {
    changes.push(`gobgp.instance_id was ${saved.instanceId} and is ${current.instanceId}`);
  }
  if (saved.asn !== undefined && current.asn !== undefined && saved.asn !== current.asn) {
    changes.push(`GoBGP's AS number was ${saved.asn} and is ${current.asn}`);
  }
  const gone = saved.addresses.filter((address) => !current.addresses.includes(address));
  if (gone.length > 0) changes.push(`gobgp.address no longer has ${gone.join(', ')}`);
  if (changes.length === 0) return undefined;
  return (
    `${changes.join('; ')}, but ${activeRealBans} bans in the state file are announced as before. This start would ` +
    'leave their routes in GoBGP for ever. Run "kapkan withdraw --all", which withdraws them where they were announced, ' +
    'or change the config back'
  );
}

export function identityToText(identity: GobgpIdentity): string {
  return JSON.stringify(identity);
}

/** Undefined where there is no text, or it is damaged. */
export function identityFromText(text: string | undefined): GobgpIdentity | undefined {
  try {
    const { instanceId, addresses, asn } = JSON.parse(text ?? '') as GobgpIdentity;
    const known = typeof instanceId === 'number' && Array.isArray(addresses);
    return known ? { instanceId, addresses: addresses.map(String), asn } : undefined;
  } catch {
    return undefined;
  }
}
