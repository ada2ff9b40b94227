/*
 * The state machine of one ban. An event goes in, the next ban and its effects come out; nothing else happens here.
 * Whether an event is right to send (a guard refused, a rung is due, a peer was lost) is decided before; what this
 * file decides is what it means. README.md draws the diagram, and a test holds the two together.
 */
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import { type Ban, type BanEndCode, type BanPlan, type BanState, type Guard, operatorText } from './ban.ts';
import { holdMs, sameValues } from './banPlan.ts';
import type { Route } from './route.ts';

/** `at` is clock milliseconds. */
export type BanEvent = { readonly at: number } & (
  | { readonly kind: 'attackSeen' }
  /** `detail`: more than that the attack ended, where there is more to say. */
  | { readonly kind: 'attackEnded'; readonly detail?: string }
  /** The same attack under another id: the detector was restarted, or forgot it and found it again. */
  | { readonly kind: 'attackRenamed'; readonly attackId: string }
  | { readonly kind: 'ttlExpired' }
  | { readonly kind: 'unbanned'; readonly operator: string }
  /** Another ban of the same target takes its place. */
  | { readonly kind: 'replaced'; readonly by: string }
  | { readonly kind: 'whitelisted'; readonly reason: string }
  | { readonly kind: 'networkRemoved' }
  | { readonly kind: 'capLowered'; readonly reason: string }
  /** The config in force lets the ban announce nothing of what it could. */
  | { readonly kind: 'mitigationOff'; readonly reason: string }
  /** By the config in force the ban has another plan, and maybe another method. */
  | ({ readonly kind: 'replanned' } & Replan)
  /** Its routes would cut off a BGP session, which was not known when they were admitted. */
  | { readonly kind: 'foundHarmful'; readonly reason: string }
  | { readonly kind: 'dryRunChanged'; readonly dryRun: boolean }
  | ({ readonly kind: 'rungDue'; readonly step: number } & MethodChange)
  /** The method in force cannot be announced to any peer. */
  | { readonly kind: 'methodLost'; readonly reason: string }
  | { readonly kind: 'methodBack' }
  /** The attack has another vector, so other rules match it. */
  | ({ readonly kind: 'rulesChanged' } & PlannedRules)
  /** A Kapkan that just started found this ban in its store. */
  | { readonly kind: 'adopted' }
  | { readonly kind: 'clockStepped'; readonly deltaMs: number }
  | { readonly kind: 'shutDown' }
);

/** What FlowSpec announces for an attack. */
export interface PlannedRules {
  readonly rules: readonly Route[];
  /** As in the plan. */
  readonly collateralShare: number | undefined;
}

/** What a config that changed makes of an active ban. */
export interface Replan extends MethodChange {
  readonly group: string;
  readonly plan: BanPlan;
  readonly escalationStep: number | undefined;
}

/** The method that comes into force, and the method that it replaces because that cannot be announced. */
export interface MethodChange {
  readonly method: MitigationMethod;
  readonly fellBackFrom: MitigationMethod | undefined;
  readonly fellBackReason: string | undefined;
}

/**
 * `save`: durable before anything else is done. `extend`: the expiry moved on, which may be saved with the next ones.
 * `announce`: what is wanted in the RIB changed. The rest is to be reported.
 */
export type BanEffect =
  | 'save'
  | 'extend'
  | 'announce'
  | 'reportRung'
  | 'reportFallback'
  | 'reportReturn'
  | 'reportRules'
  | 'reportConfig'
  | 'reportEnd';

export interface Transition {
  readonly ban: Ban;
  readonly effects: readonly BanEffect[];
}

/** What a requested ban is made of; `method` and the rest as judged. */
export type BanRequest = Omit<
  Ban,
  'state' | 'expiresAt' | 'withdrawnAt' | 'reason' | 'rejectedBy' | 'endedBy' | 'routes'
>;

/** A ban that was admitted. */
export function admitBan(request: BanRequest): Transition {
  const { plan, method, startedAt } = request;
  const ban: Ban = {
    ...request,
    state: 'active',
    expiresAt: startedAt + lifetimeMs(request),
    withdrawnAt: undefined,
    reason: '',
    rejectedBy: undefined,
    endedBy: undefined,
    routes: plan.routes[method],
  };
  return { ban, effects: ['save', 'announce'] };
}

/** A ban that was refused: a record of the request, with nothing to announce. */
export function refuseBan(request: BanRequest, guard: Guard, reason: string): Transition {
  const { startedAt } = request;
  const ban: Ban = {
    ...request,
    state: 'rejected',
    expiresAt: startedAt,
    withdrawnAt: undefined,
    reason: `${guard}: ${reason}`,
    rejectedBy: guard,
    endedBy: undefined,
    routes: [],
  };
  return { ban, effects: ['save'] };
}

export function transition(ban: Ban, event: BanEvent): Transition {
  const state: BanState = ban.state;
  switch (state) {
    case 'active':
      return whileActive(ban, event);
    case 'withdrawn':
    case 'rejected':
      return afterEnd(ban, event);
  }
}

function whileActive(ban: Ban, event: BanEvent): Transition {
  switch (event.kind) {
    case 'attackSeen':
      return ban.madeBy === 'operator' ? ignore(ban) : extend(ban, event.at);
    case 'attackEnded':
      return ban.madeBy === 'operator'
        ? ignore(ban)
        : end(ban, event.at, 'attack_ended', event.detail ?? 'the attack ended');
    case 'attackRenamed':
      return ban.madeBy === 'operator' ? ignore(ban) : { ban: { ...ban, attackId: event.attackId }, effects: ['save'] };
    case 'ttlExpired':
      return event.at < ban.expiresAt ? ignore(ban) : end(ban, event.at, 'ttl_expired', 'the TTL ran out');
    case 'unbanned':
      return end(ban, event.at, 'unbanned', `unbanned by ${operatorText(event.operator)}`);
    case 'replaced':
      return end(ban, event.at, 'replaced', `replaced by ban ${event.by}`);
    case 'whitelisted':
      return end(ban, event.at, 'whitelisted', event.reason);
    case 'networkRemoved':
      return end(ban, event.at, 'network_removed', `${ban.targetText} is outside the protected networks now`);
    case 'capLowered':
      return end(ban, event.at, 'cap_lowered', event.reason);
    case 'mitigationOff':
      return end(ban, event.at, 'config_changed', event.reason);
    case 'replanned':
      return replan(ban, event, event.at);
    case 'foundHarmful':
      return end(ban, event.at, 'harmful', event.reason);
    case 'dryRunChanged':
      if (ban.dryRun === event.dryRun) return ignore(ban);
      return end(ban, event.at, 'dry_run_changed', `dry_run was turned ${event.dryRun ? 'on' : 'off'}`);
    case 'rungDue':
      return event.step <= (ban.escalationStep ?? event.step) ? ignore(ban) : climb(ban, event.step, event);
    case 'methodLost':
      if (ban.fellBackFrom !== undefined || ban.method === 'blackhole' || ban.method === 'none') return ignore(ban);
      return fallBack(ban, event.reason);
    case 'methodBack':
      return ban.fellBackFrom === undefined ? ignore(ban) : returnToMethod(ban, ban.fellBackFrom);
    case 'rulesChanged':
      return ban.madeBy === 'operator' ? ignore(ban) : changeRules(ban, event);
    case 'adopted':
      return adopt(ban, event.at);
    case 'clockStepped':
      return shift(ban, event.deltaMs);
    case 'shutDown':
      return end(ban, event.at, 'shutdown', 'Kapkan was stopped');
  }
}

/** An ended ban stays as it ended, whatever comes late. */
function afterEnd(ban: Ban, event: BanEvent): Transition {
  switch (event.kind) {
    case 'attackSeen':
    case 'attackEnded':
    case 'attackRenamed':
    case 'ttlExpired':
    case 'unbanned':
    case 'replaced':
    case 'whitelisted':
    case 'networkRemoved':
    case 'capLowered':
    case 'mitigationOff':
    case 'replanned':
    case 'foundHarmful':
    case 'dryRunChanged':
    case 'rungDue':
    case 'methodLost':
    case 'methodBack':
    case 'rulesChanged':
    case 'adopted':
    case 'clockStepped':
    case 'shutDown':
      return ignore(ban);
  }
}

function ignore(ban: Ban): Transition {
  return { ban, effects: [] };
}

function end(ban: Ban, at: number, code: BanEndCode, detail: string): Transition {
  const ended: Ban = { ...ban, state: 'withdrawn', withdrawnAt: at, reason: detail, endedBy: { code, detail } };
  return { ban: ended, effects: ['save', 'announce', 'reportEnd'] };
}

function extend(ban: Ban, at: number): Transition {
  const lastSeenAt = Math.max(at, ban.lastSeenAt ?? at);
  const expiresAt = Math.max(ban.expiresAt, lastSeenAt + holdMs(ban.plan));
  return { ban: { ...ban, lastSeenAt, expiresAt }, effects: ['extend'] };
}

/**
 * A restart is not a sighting of the attack. It only gives a restarted Kapkan, whose detector knows nothing yet, one
 * hysteresis of time to look, counted so that many restarts give no more than one. No ban has more than a whole life
 * left, even where the clock was set back meanwhile.
 */
function adopt(ban: Ban, at: number): Transition {
  const { plan, startedAt, lastSeenAt = startedAt } = ban;
  const lookMs = plan.unbanHysteresisSeconds * 1000;
  const looksUntil = ban.madeBy === 'operator' ? at : Math.min(at + lookMs, lastSeenAt + holdMs(plan) + lookMs);
  const expiresAt = Math.min(Math.max(ban.expiresAt, looksUntil), at + lifetimeMs(ban));
  return expiresAt === ban.expiresAt ? ignore(ban) : { ban: { ...ban, expiresAt }, effects: ['save'] };
}

/** How long a ban lives if its attack is not seen again. */
function lifetimeMs({ madeBy, plan }: Pick<Ban, 'madeBy' | 'plan'>): number {
  return madeBy === 'operator' ? plan.ttlSeconds * 1000 : holdMs(plan);
}

function climb(ban: Ban, step: number, change: MethodChange): Transition {
  const next = withMethod({ ...ban, escalationStep: step }, change);
  const report: BanEffect = change.fellBackFrom === undefined ? 'reportRung' : 'reportFallback';
  return { ban: next, effects: ['save', 'announce', report] };
}

function fallBack(ban: Ban, reason: string): Transition {
  const change: MethodChange = { method: 'blackhole', fellBackFrom: ban.method, fellBackReason: reason };
  return { ban: withMethod(ban, change), effects: ['save', 'announce', 'reportFallback'] };
}

function returnToMethod(ban: Ban, method: MitigationMethod): Transition {
  const change: MethodChange = { method, fellBackFrom: undefined, fellBackReason: undefined };
  return { ban: withMethod(ban, change), effects: ['save', 'announce', 'reportReturn'] };
}

function changeRules(ban: Ban, { rules, collateralShare }: PlannedRules): Transition {
  const plan = { ...ban.plan, routes: { ...ban.plan.routes, flowspec: rules }, collateralShare };
  if (ban.method !== 'flowspec') return { ban: { ...ban, plan }, effects: ['save'] };
  return { ban: { ...ban, plan, routes: rules }, effects: ['save', 'announce', 'reportRules'] };
}

/** The ban table keeps what is announced until the new plan is stored. */
function replan(ban: Ban, { group, plan, escalationStep, ...change }: Replan, at: number): Transition {
  const next = withMethod({ ...ban, group, plan, escalationStep, expiresAt: expiryAfterReload(ban, plan, at) }, change);
  const effects: BanEffect[] = ['save'];
  if (!sameValues(next.routes, ban.routes)) {
    const fellBack = change.fellBackFrom !== undefined && ban.fellBackFrom === undefined;
    effects.push('announce', fellBack ? 'reportFallback' : 'reportConfig');
  }
  return { ban: next, effects };
}

/** A shorter life holds at once, but leaves one hysteresis to see whether the attack is still active. */
function expiryAfterReload(ban: Ban, plan: BanPlan, at: number): number {
  if (ban.madeBy === 'operator') return ban.expiresAt;
  const grace = Math.min(ban.expiresAt, at + plan.unbanHysteresisSeconds * 1000);
  return Math.max((ban.lastSeenAt ?? ban.startedAt) + holdMs(plan), grace);
}

function withMethod(ban: Ban, { method, fellBackFrom, fellBackReason }: MethodChange): Ban {
  return { ...ban, method, routes: ban.plan.routes[method], fellBackFrom, fellBackReason };
}

function shift(ban: Ban, deltaMs: number): Transition {
  const lastSeenAt = ban.lastSeenAt === undefined ? undefined : ban.lastSeenAt + deltaMs;
  const plan = { ...ban.plan, ladderStartedAt: ban.plan.ladderStartedAt + deltaMs };
  const moved = { startedAt: ban.startedAt + deltaMs, expiresAt: ban.expiresAt + deltaMs, lastSeenAt, plan };
  return { ban: { ...ban, ...moved }, effects: ['save'] };
}
