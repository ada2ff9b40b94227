/*
 * The safety rules of the mitigation core, as assertions over one moment: what is wanted in the RIB, what would be in
 * dry-run, which bans are active, what the disk holds, and what was told since the last moment.
 */
import assert from 'node:assert/strict';
import type { Config } from '../../src/config/config.ts';
import type { Announcement } from '../../src/mitigation/announcer.ts';
import type { Ban } from '../../src/mitigation/ban.ts';
import type { MitigationEvent } from '../../src/mitigation/banCommit.ts';
import { routeKey } from '../../src/mitigation/route.ts';
import { Scope } from '../../src/mitigation/scope.ts';
import { containsAddress, prefixesOverlap, prefixSize } from '../../src/net/prefix.ts';
import { address } from '../fixtures/addressFixture.ts';

export interface WorldMoment {
  readonly now: number;
  readonly config: Config;
  readonly wanted: readonly Announcement[];
  /** In dry-run, what would be wanted. */
  readonly wouldBe: readonly Announcement[];
  readonly active: readonly Ban[];
  readonly past: readonly Ban[];
  readonly events: readonly MitigationEvent[];
}

/** Whatever is announced belongs to a real ban that is in the store by then, with an expiry. */
export function assertStored(wanted: Iterable<Announcement>, stored: readonly Ban[]): void {
  for (const { key, victim } of wanted) {
    const ban = stored.find((candidate) => candidate.targetText === victim);
    assert.ok(ban !== undefined, `${key} is announced and not in the store`);
    assert.equal(ban.dryRun, false, `rule 1: ${key} is of a dry-run ban`);
    assert.ok(Number.isFinite(ban.expiresAt), `rule 2: ${key} has no expiry`);
    const planned = Object.values(ban.plan.routes).flat().map(routeKey);
    assert.ok(planned.includes(key), `${key} is announced and in no stored plan`);
  }
}

/** Rules 1, 5 and 6. */
export function assertAnnouncable({ config, wanted, wouldBe }: WorldMoment): void {
  if (config.dryRun) assert.equal(wanted.length, 0, 'rule 1: nothing is announced in dry-run');
  else assert.equal(wouldBe.length, 0, 'no dry-run route beside real ones');
  for (const { route, key, victim } of [...wanted, ...wouldBe]) {
    const prefixes = route.kind === 'unicast' ? [route.prefix] : [route.match.destination, route.match.source];
    for (const entry of config.protectedWhitelist) {
      const covered = prefixes.some((own) => own !== undefined && prefixesOverlap(entry, own));
      assert.ok(!covered, `rule 5: ${key} covers ${entry.text}, which is whitelisted`);
    }
    const inside = config.networks.some((network) => containsAddress(network, address(victim)));
    assert.ok(inside, `rule 6: ${key} is outside the networks`);
  }
}

/** Rule 4, of all bans and of each group. */
export function assertWithinCaps({ config, wanted, wouldBe, active, past, events }: WorldMoment): void {
  const { ban: limits, flowspecMaxRules, networks } = config;
  assert.equal(new Set(active.map(({ targetText }) => targetText)).size, active.length, 'one active ban a target');
  assert.ok(active.length <= limits.maxActiveBans, `rule 4: ${active.length} bans, at most ${limits.maxActiveBans}`);
  for (const group of config.groups) {
    const bans = active.filter((ban) => ban.group === group.name).length;
    assert.ok(bans <= group.ban.limits.maxActiveBans, `rule 4: ${bans} bans in group ${group.name}`);
  }
  for (const version of [4, 6]) {
    const ofFamily = networks.filter((network) => network.address.version === version);
    const addresses = ofFamily.reduce((sum, network) => sum + prefixSize(network), 0);
    const banned = active.filter(({ target }) => target.version === version).length;
    assert.ok(banned <= limits.maxBannedFraction * addresses, `rule 4: ${banned} of ${addresses} IPv${version} banned`);
  }
  const rules = [...wanted, ...wouldBe].filter(({ route }) => route.kind === 'flowspec').length;
  assert.ok(rules <= flowspecMaxRules, `rule 4: ${rules} FlowSpec rules, at most ${flowspecMaxRules}`);
  for (const event of events) {
    if (event.kind !== 'ban_started') continue;
    const since = event.at - limits.banWindowSeconds * 1000;
    const began = [...active, ...past].filter((ban) => ban.state !== 'rejected' && ban.dryRun === event.ban.dryRun);
    // An attack counts once, when its first ban began.
    const causes = new Map(
      began.toSorted((a, b) => b.startedAt - a.startedAt).map((ban) => [ban.attackId ?? ban.id, ban.startedAt]),
    );
    const begun = [...causes.values()].filter((at) => at > since).length;
    assert.ok(begun <= limits.maxBansPerWindow, `rule 4: ${begun} attacks and bans by hand within the window`);
  }
}

/** Rules 2, 3 and 8: when bans end and when they must not. `graceMs` may lie between running out and being noticed. */
export function assertEnds({ now, active, events }: WorldMoment, graceMs: number): void {
  for (const event of events) {
    if (event.kind !== 'ban_ended') continue;
    const { madeBy, reason, expiresAt, lastSeenAt, plan, startedAt } = event.ban;
    const manual = madeBy === 'operator';
    if (manual) assert.notEqual(reason, 'the attack ended', 'rule 8: a manual ban ends by TTL or unban');
    if (reason !== 'the TTL ran out') continue;
    assert.ok(event.at >= expiresAt, 'no ban ends by its TTL too early');
    if (manual) assert.ok(event.at >= startedAt + plan.ttlSeconds * 1000, 'rule 8: not before its TTL');
    const quietMs = event.at - (lastSeenAt ?? Number.NEGATIVE_INFINITY);
    assert.ok(quietMs >= plan.unbanHysteresisSeconds * 1000, 'rule 3: quiet for the hysteresis first');
  }
  for (const { id, expiresAt } of active) assert.ok(expiresAt > now - graceMs, `rule 2: ban ${id} outlived its expiry`);
}

/** Rule 2 with Kapkan dead: what the store says of an attack that is seen right now is not past. */
export function assertStoredExpiries({ now, active }: WorldMoment, stored: readonly Ban[]): void {
  for (const { id, expiresAt } of stored) {
    const seen = active.some((ban) => ban.id === id && ban.lastSeenAt === now);
    assert.ok(!seen || expiresAt > now, `rule 2: what is stored of ban ${id} is past while its attack is seen`);
  }
}

/** Its tables are large, and the same config is asked about at every step. */
const scopes = new WeakMap<Config, Scope>();

function scopeOf(config: Config): Scope {
  const scope = scopes.get(config) ?? new Scope(config);
  scopes.set(config, scope);
  return scope;
}

/** What an automatic ban announces is what the config in force has for its target, whenever the ban was made. */
export function assertFollowsConfig({ config, wanted, wouldBe, active }: WorldMoment): void {
  const scope = scopeOf(config);
  const routes = new Map([...wanted, ...wouldBe].map((announcement) => [announcement.key, announcement]));
  for (const { route, key, victim } of routes.values()) {
    const ban = active.find(({ targetText }) => targetText === victim);
    assert.ok(ban !== undefined, `${key} belongs to no active ban`);
    const group = scope.groupOf(ban.target);
    assert.equal(ban.group, group.name, 'the ban is of the group that owns its target');
    const attributes = ban.method === 'divert' ? group.scrubbing : group.bgp;
    if (route.kind === 'unicast') assert.equal(route.localPref, attributes?.localPref, `${key} has old attributes`);
    if (ban.madeBy === 'operator') continue;
    const methods: string[] =
      group.escalation.length > 0 ? group.escalation.map(({ action }) => action) : [group.mitigation];
    const isFallback =
      ban.method === 'blackhole' && ban.fellBackFrom !== undefined && group.ban.fallback === 'blackhole';
    assert.ok(isFallback || methods.includes(ban.method), `${key}: the config has no ${ban.method} for this group`);
    assert.ok(
      !isFallback || methods.includes(ban.fellBackFrom ?? ''),
      `${key}: falls back from nothing the config has`,
    );
  }
}

const REASONS_OF_RELOADS =
  /^(dry_run was turned|max_|flowspec_max_rules|by the config in force)| is whitelisted by | is outside the protected /;

/**
 * Rules 3 and 9: a victim that was covered and whose attack is not over is still covered, unless an operator lifted the
 * ban, a changed config forbids it or leaves only the rung `none`, or an operator's own ban ran out and the guards let
 * no other take its place. `rulesChanged`: while the disk fails, a reload may also forbid the route that stands in for
 * a ban not yet saved.
 */
export function assertStillCovered(
  before: ReadonlySet<string>,
  { now, wanted, wouldBe, active, events }: WorldMoment,
  attacked: Iterable<string>,
  rulesChanged: boolean,
): void {
  const after = new Set([...wanted, ...wouldBe].map(({ victim }) => victim));
  for (const victim of attacked) {
    if (!before.has(victim) || after.has(victim)) continue;
    const end = events.find((event) => event.kind === 'ban_ended' && event.ban.targetText === victim);
    const ban = end?.kind === 'ban_ended' ? end.ban : undefined;
    // Only a changed config puts a ban that announced something on the rung `none`.
    const waits = active.some(({ targetText, method }) => targetText === victim && method === 'none');
    const wished =
      (ban === undefined && (rulesChanged || waits)) ||
      (ban !== undefined &&
        (ban.reason.startsWith('unbanned by ') ||
          REASONS_OF_RELOADS.test(ban.reason) ||
          wasLongUnseen(ban, now) ||
          (ban.madeBy === 'operator' && ban.reason === 'the TTL ran out')));
    assert.ok(wished, `rule 3: ${victim} was uncovered while attacked: ${ban?.reason ?? 'its ban goes on'}`);
  }
}

/** Restarts give a ban one hysteresis more to be seen again, however many they are. */
function wasLongUnseen({ reason, lastSeenAt, plan }: Ban, now: number): boolean {
  const { ttlSeconds, unbanHysteresisSeconds } = plan;
  const longestMs = (Math.max(ttlSeconds, unbanHysteresisSeconds) + unbanHysteresisSeconds) * 1000;
  return reason === 'the TTL ran out' && lastSeenAt !== undefined && now >= lastSeenAt + longestMs;
}
