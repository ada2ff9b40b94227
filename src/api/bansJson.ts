/*
 * Bans as one principal may see them, each with the evidence of where its routes are.
 */
import type { Ban } from '../mitigation/ban.ts';
import { routeKey } from '../mitigation/route.ts';
import { type BanJson, banJson, type RibEvidenceJson, ribEvidenceJson } from '../shapes/banJson.ts';
import { tenantReason, tenantRib } from '../shapes/tenantView.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import type { TenantFilter } from './tenantFilter.ts';

/** One ban, the newest of its target. */
export function filteredBanJson(ban: Ban, daemon: DaemonFacade, filter: TenantFilter): BanJson {
  const json = banJson(ban, evidenceOf(ban, daemon));
  return filter.isUnscoped ? json : tenantBanJson(json, ban, filter);
}

/**
 * Those that the principal may see, newest first. Evidence is kept by route, and bans of one target share routes, so
 * only the newest ban that was not refused has it.
 */
export function bansJson(bans: readonly Ban[], daemon: DaemonFacade, filter: TenantFilter): BanJson[] {
  const claimed = new Set<string>();
  return bans
    .filter((ban) => filter.seesBan(ban))
    .map((ban) => {
      const isNewest = ban.state !== 'rejected' && !claimed.has(ban.targetText);
      if (isNewest) claimed.add(ban.targetText);
      const json = filteredBanJson(ban, daemon, filter);
      return isNewest ? json : { ...json, rib: undefined };
    });
}

/** Without limits, peers and errors of the whole deployment, and without another tenant's comment on the ban. */
function tenantBanJson(json: BanJson, ban: Ban, filter: TenantFilter): BanJson {
  const isOwn = filter.seesGroup(ban.group);
  return {
    ...json,
    group: isOwn ? ban.group : filter.ownerOf(ban.target),
    reason: tenantReason(ban.rejectedBy ?? ban.endedBy?.code),
    fell_back_reason: undefined,
    comment: isOwn ? ban.comment : undefined,
    operator: isOwn ? ban.operator : undefined,
    rib: json.rib && tenantRib(json.rib),
  };
}

function evidenceOf(ban: Ban, daemon: DaemonFacade): RibEvidenceJson | undefined {
  if (ban.state === 'rejected' || ban.routes.length === 0) return undefined;
  return ribEvidenceJson(ban.routes.map((route) => daemon.evidence(routeKey(route), ban.dryRun)));
}
