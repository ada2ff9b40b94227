/*
 * `kapkan bans`: bans, active and past, and where their routes are; and a ban as text, as `ban` and `unban` print it.
 */
import { ANONYMOUS } from '../../mitigation/ban.ts';
import type { BanJson } from '../../shapes/banJson.ts';
import { formatAge, formatDuration, formatFacts, formatNumber, formatTable } from '../terminalOutput.ts';
import { readingCommand } from './clientCommand.ts';

export const bansCommand = readingCommand({
  name: 'bans',
  help: 'Lists the bans, active and past: whether their routes are in GoBGP and which peers they were sent to.\n',
  text: (body, nowMs) => bansText(body as { bans: BanJson[] }, nowMs),
});

function bansText({ bans }: { bans: BanJson[] }, nowMs: number): string {
  if (bans.length === 0) return 'No ban, active or past.\n';
  const columns = ['TARGET', 'STATE', 'METHOD', 'SINCE', 'EXPIRES IN', 'IN GOBGP', 'SENT TO', 'WHY'];
  const rows = bans.map((ban) => [
    ban.target,
    stateText(ban),
    ban.fell_back_from === undefined ? ban.method : `${ban.method} (for ${ban.fell_back_from})`,
    formatAge(ban.started_at, nowMs),
    ban.state === 'active' ? formatDuration((Date.parse(ban.expires_at) - nowMs) / 1000) : '',
    ribState(ban, nowMs),
    audienceText(ban),
    whyText(ban),
  ]);
  const table = formatTable(
    columns.map((title) => ({ title })),
    rows,
  );
  return [table, ...errorsOf(bans)].join('\n');
}

/** Why bans are not in GoBGP, each reason once: they are too long for a column, and mostly the same. */
function errorsOf(bans: readonly BanJson[]): string[] {
  const targets = new Map<string, string[]>();
  for (const { target, state, rib } of bans) {
    if (state !== 'active' || rib === undefined || rib.installed || rib.last_error === undefined) continue;
    targets.set(rib.last_error, [...(targets.get(rib.last_error) ?? []), target]);
  }
  return [...targets].map(([error, [first, ...more]]) =>
    formatFacts([[`${first}${more.length === 0 ? '' : ` and ${more.length} more`}`, error]]),
  );
}

function whyText(ban: BanJson): string {
  const operator = ban.operator === ANONYMOUS ? undefined : ban.operator;
  const cause = ban.manual ? `by ${operator ?? 'hand'}` : `${ban.metric} ${formatNumber(ban.rate ?? 0)}`;
  return [cause, ban.reason, ban.fell_back_reason, ban.comment]
    .filter((part) => part !== undefined && part !== '')
    .join('; ');
}

/** One ban, as `ban` and `unban` answer. `nowMs` is wall-clock time. */
export function banText(ban: BanJson, nowMs: number): string {
  const facts: [string, string][] = [
    ['target', ban.target],
    ['state', stateText(ban)],
    ['method', ban.method],
    ['route', ban.route ?? 'none'],
    ['in GoBGP', ribText(ban, nowMs)],
    ['sent to', audienceText(ban)],
    ['until', ban.withdrawn_at ?? ban.expires_at],
    ['reason', ban.reason],
    ['comment', ban.comment ?? ''],
  ];
  return formatFacts(facts.filter(([, value]) => value !== ''));
}

/** Its state; an active ban whose route was not seen in GoBGP, or was sent to no peer, says so. */
function stateText({ state, dry_run, rib }: BanJson): string {
  if (dry_run) return `${state} (dry-run)`;
  if (state !== 'active' || rib === undefined) return state;
  if (!rib.installed) return 'active, not announced';
  return rib.advertised_to?.length === 0 ? 'active, sent to no peer' : state;
}

/** As `ribState`, with what keeps them out. */
function ribText(ban: BanJson, nowMs: number): string {
  const { rib, state } = ban;
  const error = state === 'active' && rib?.installed === false && rib.held_back === undefined && rib.last_error;
  return error ? `${ribState(ban, nowMs)}: ${error}` : ribState(ban, nowMs);
}

/** Whether its routes were seen in GoBGP's RIB; empty where that says nothing about this ban. */
function ribState({ rib, state, dry_run }: BanJson, nowMs: number): string {
  if (rib === undefined || dry_run) return '';
  if (rib.installed) return state === 'active' ? 'yes' : 'still';
  if (state !== 'active') return 'no';
  if (rib.held_back !== undefined) return `no: ${rib.held_back}`;
  return rib.pending_since === undefined ? 'pending' : `pending ${formatAge(rib.pending_since, nowMs)}`;
}

/** The peers that its routes were sent to, and those that they were not sent to and why. */
function audienceText({ rib, state, dry_run }: BanJson): string {
  if (rib === undefined || dry_run || state !== 'active') return '';
  const missed = (rib.not_advertised_to ?? []).map(({ peer, why }) => `not ${peer} (${why})`);
  if (rib.advertised_to === undefined) return '';
  const all = [...rib.advertised_to, ...missed];
  return all.length === 0 ? 'nobody' : all.join(', ');
}
