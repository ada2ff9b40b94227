/*
 * Rules across keys about what is announced: whatever may have to be announced must be complete before the daemon
 * starts, not be found wanting in the middle of an attack.
 */
import type { Prefix } from '../net/prefix.ts';
import type { MitigationMethod } from './config.ts';
import { type Readable, type RuleContext, readItems } from './ruleContext.ts';
import type { FileHostgroup } from './schema.ts';
import type { KeyPath } from './yamlSource.ts';

/** How strong a method is; a ladder only holds or strengthens. */
const STRENGTH: Readonly<Record<MitigationMethod, number>> = { none: 0, flowspec: 1, divert: 2, blackhole: 3 };

const NEXT_HOP_KEYS = [
  { version: 4, key: 'next_hop' },
  { version: 6, key: 'next_hop6' },
] as const;

type Ladder = Readable<FileHostgroup['escalation']>;

export function checkLadders({ file, report }: RuleContext): void {
  checkLadder(file.escalation, ['escalation'], report);
  for (const [index, group] of readItems(file.hostgroups)) {
    checkLadder(group.escalation, ['hostgroups', index, 'escalation'], report);
  }
}

function checkLadder(ladder: Ladder, path: KeyPath, report: RuleContext['report']): void {
  const rungs = readItems(ladder);
  for (const [index, rung] of rungs) {
    const below = index === 0 ? undefined : ladder?.[index - 1];
    const { after_seconds: after, action } = rung;
    if (index === 0 && after !== undefined && after !== 0) {
      report([...path, index, 'after_seconds'], `must be 0 on the first rung, got ${after}`);
    }
    if (after !== undefined && below?.after_seconds !== undefined && after <= below.after_seconds) {
      report(
        [...path, index, 'after_seconds'],
        `must be above ${below.after_seconds}, that of the rung before, got ${after}`,
      );
    }
    if (action !== undefined && below?.action !== undefined && STRENGTH[action] < STRENGTH[below.action]) {
      report(
        [...path, index, 'action'],
        `must not be weaker than "${below.action}", the rung before (none < flowspec < divert < blackhole), got "${action}"`,
      );
    }
  }
}

export function checkFlowspec({ file, isStated, report }: RuleContext): void {
  const wanted = 'a rate_limit needs a rate_mbps';
  const globalRate = isStated(['flowspec', 'rate_mbps']);
  if (file.flowspec?.action === 'rate_limit' && !globalRate) {
    report(['flowspec', 'rate_mbps'], `is missing, ${wanted}`, 'missing');
  }
  for (const [index, group] of readItems(file.hostgroups)) {
    const path = ['hostgroups', index, 'flowspec'];
    if (group.flowspec?.action === 'rate_limit' && !globalRate && !isStated([...path, 'rate_mbps'])) {
      report([...path, 'rate_mbps'], `is missing, ${wanted}`, 'missing');
    }
  }
}

export function checkBgp({ file, isStated, report }: RuleContext): void {
  const sections: KeyPath[] = [['bgp'], ...readItems(file.hostgroups).map(([index]) => ['hostgroups', index, 'bgp'])];
  for (const path of sections) {
    if (isStated([...path, 'community']) && isStated([...path, 'communities'])) {
      report([...path, 'communities'], 'must not stand beside community, use one of the two');
    }
  }
  if (file.dry_run !== false) return;
  if (!isStated(['bgp'])) {
    report(['bgp'], 'is missing, it is required once dry_run is false', 'missing');
  } else if (!isStated(['bgp', 'next_hop']) && hasVersion(file.networks, 4)) {
    report(['bgp', 'next_hop'], 'is missing, it is required for the IPv4 networks once dry_run is false', 'missing');
  }
}

/** Every group that may divert needs a scrubbing next hop for each family it has networks of. */
export function checkDivert({ file, isStated, report }: RuleContext): void {
  const scrubbing: KeyPath = ['scrubbing'];
  if (mayDivert(file.mitigation, file.escalation)) {
    for (const { version, key } of NEXT_HOP_KEYS) {
      if (!hasVersion(file.networks, version) || isStated([...scrubbing, key])) continue;
      report([...scrubbing, key], `is missing, it is required to divert the IPv${version} networks`, 'missing');
    }
  }
  for (const [index, group] of readItems(file.hostgroups)) {
    const path: KeyPath = ['hostgroups', index];
    // A group that inherits the method has the same needs as the whole file, and those are checked above.
    if (!isStated([...path, 'mitigation']) && !isStated([...path, 'escalation'])) continue;
    const ladder = isStated([...path, 'escalation']) ? group.escalation : file.escalation;
    if (!mayDivert(group.mitigation ?? file.mitigation, ladder)) continue;
    for (const { version, key } of NEXT_HOP_KEYS) {
      const stated = isStated([...scrubbing, key]) || isStated([...path, 'scrubbing', key]);
      if (stated || !hasVersion(group.networks, version)) continue;
      const message = `is missing here and in scrubbing, it is required to divert the group's IPv${version} networks`;
      report([...path, 'scrubbing', key], message, 'missing');
    }
  }
}

function mayDivert(mitigation: MitigationMethod | undefined, ladder: Ladder): boolean {
  if (ladder !== undefined && ladder.length > 0) return ladder.some((rung) => rung?.action === 'divert');
  return mitigation === 'divert';
}

function hasVersion(networks: readonly (Prefix | undefined)[] | undefined, version: 4 | 6): boolean {
  return readItems(networks).some(([, network]) => network.address.version === version);
}
