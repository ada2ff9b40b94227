/*
 * The mark and the GoBGP daemons that the stored bans were announced with. After a start with another
 * `gobgp.instance_id` or `gobgp.address`, Kapkan would neither find nor withdraw the earlier routes.
 */

export interface GobgpIdentity {
  readonly instanceId: number;
  readonly addresses: readonly string[];
  /** AS numbers that these GoBGPs had, the newest last. The AS number is part of the mark. */
  readonly asns: readonly number[];
}

/** More are not remembered: an AS number rarely changes. */
const MAX_ASNS = 16;

/** With a further AS number. */
export function withAsn(identity: GobgpIdentity, asn: number): GobgpIdentity {
  return { ...identity, asns: [...identity.asns.filter((known) => known !== asn), asn].slice(-MAX_ASNS) };
}

/**
 * Why a daemon must not start with `current` while `activeRealBans` bans announced with `saved` are active; undefined
 * where it may start. An added GoBGP is no problem: the bans are announced to it. Nor is another AS number: it is known
 * only once GoBGP is reached, and routes with the mark of an earlier one are found and withdrawn.
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
  const gone = saved.addresses.filter((address) => !current.addresses.includes(address));
  if (gone.length > 0) changes.push(`gobgp.address no longer has ${gone.join(', ')}`);
  if (changes.length === 0) return undefined;
  return (
    `${changes.join('; ')}, but ${activeRealBans} active bans were announced with the old value. This start would leave ` +
    'their routes in GoBGP forever. Run "kapkan withdraw --all", which withdraws them with the old value, or change ' +
    'the config back'
  );
}

export function identityToText(identity: GobgpIdentity): string {
  return JSON.stringify(identity);
}

/** Undefined where there is no text, or it is damaged. */
export function identityFromText(text: string | undefined): GobgpIdentity | undefined {
  try {
    const { instanceId, addresses, asns } = JSON.parse(text ?? '') as GobgpIdentity;
    const known = typeof instanceId === 'number' && Array.isArray(addresses);
    return known
      ? { instanceId, addresses: addresses.map(String), asns: Array.isArray(asns) ? asns.map(Number) : [] }
      : undefined;
  } catch {
    return undefined;
  }
}
