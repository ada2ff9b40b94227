/*
 * The summary of many notifications in one message: how many of each kind, what needs attention, and
 * the victims.
 */
import { SEVERITIES } from '../config/sections/notify/routes.ts';
import type { MessageText } from './channel.ts';
import { headline } from './headline.ts';
import { formatAmount, formatVector } from './messageUnits.ts';
import { type Notification, type NotificationEvent, severityOf } from './notification.ts';

/** How many different values are named; the others are only counted. */
const NAMED = 5;
/** Most lines of one list. */
const SHOWN = 10;

const NOUNS: Readonly<Record<NotificationEvent, readonly [one: string, many: string]>> = {
  attack_started: ['attack started', 'attacks started'],
  attack_updated: ['attack goes on', 'attacks go on'],
  attack_ended: ['attack ended', 'attacks ended'],
  ban_announced: ['ban announced', 'bans announced'],
  ban_escalated: ['ban escalated', 'bans escalated'],
  ban_updated: ['ban changed', 'bans changed'],
  ban_ended: ['ban ended', 'bans ended'],
  ban_rejected: ['ban refused', 'bans refused'],
  ban_failed: ['ban fell back or not announced', 'bans fell back or not announced'],
  ban_recovered: ['ban announced again', 'bans announced again'],
  store_failed: ['time bans cannot be saved', 'times bans cannot be saved'],
  store_recovered: ['time bans can be saved again', 'times bans can be saved again'],
  gobgp_down: ['GoBGP not reached', 'GoBGPs not reached'],
  gobgp_up: ['GoBGP reached again', 'GoBGPs reached again'],
  gobgp_conflict: ['GoBGP with routes in conflict', 'GoBGPs with routes in conflict'],
  gobgp_conflict_over: ['conflict in a GoBGP over', 'conflicts in GoBGPs over'],
  peer_down: ['BGP session down', 'BGP sessions down'],
  peer_up: ['BGP session up again', 'BGP sessions up again'],
  exporter_silent: ['exporter silent', 'exporters silent'],
  exporter_back: ['exporter sends again', 'exporters send again'],
  paused: ['pause of announcements', 'pauses of announcements'],
  resumed: ['end of a pause', 'ends of a pause'],
  test: ['test', 'tests'],
};

/** Events that mean that something does not work as configured. */
const PROBLEMS: ReadonlySet<NotificationEvent> = new Set<NotificationEvent>([
  'ban_rejected',
  'ban_failed',
  'store_failed',
  'gobgp_down',
  'gobgp_conflict',
  'paused',
  'peer_down',
  'exporter_silent',
]);

export function summaryText(notifications: readonly Notification[]): MessageText {
  const what = countBy(bySeverity(notifications), ({ event }) => event)
    .sort(([a], [b]) => Number(PROBLEMS.has(b)) - Number(PROBLEMS.has(a)))
    .map(([event, count]) => `${count} ${NOUNS[event][count === 1 ? 0 : 1]}`)
    .join(', ');
  const dry = notifications.filter(({ dryRun }) => dryRun).length;
  const mark = dry === notifications.length ? '[DRY-RUN] ' : '';
  const dryLine = dry === notifications.length ? 'Dry-run: nothing is announced.' : `In dry-run: ${dry} of them`;
  const ofHosts = notifications.filter(({ scope }) => scope === 'host');
  const started = ofHosts.filter(({ event }) => event === 'attack_started');
  const problems = notifications.filter(({ event }) => PROBLEMS.has(event));
  const lines = [
    ...(dry === 0 ? [] : [dryLine]),
    `${notifications.length} notifications in one message, because there were too many to send one by one:`,
    what,
  ];
  if (ofHosts.length > 0) lines.push(`Groups: ${named(countBy(ofHosts, ({ group }) => group))}`);
  if (started.length > 0) lines.push(`Vectors: ${named(countBy(started, vectorOf))}`);
  const reasons = problems.filter(({ reason }) => reason !== '');
  if (reasons.length > 0) lines.push(`Not as wanted: ${named(countBy(reasons, ({ reason }) => reason))}`);
  lines.push(...problemLines(problems), ...victimLines(ofHosts));
  return { subject: `[Kapkan] ${mark}${what}`, lines };
}

function vectorOf({ attack }: Notification): string {
  return attack === undefined ? 'unknown' : formatVector(attack.classification);
}

function bySeverity(notifications: readonly Notification[]): Notification[] {
  const rank = (notification: Notification): number => SEVERITIES.indexOf(severityOf(notification));
  return notifications.toSorted((a, b) => rank(b) - rank(a));
}

/** The most urgent problems, the newest of each kind and target. */
function problemLines(problems: readonly Notification[]): string[] {
  const newest = new Map(problems.map((problem) => [`${problem.event} ${problem.target}`, problem]));
  const lines = bySeverity([...newest.values()]).map((problem) => `  ${headline(problem)}`);
  return lines.length === 0 ? [] : ['Needs attention:', ...limited(lines)];
}

/** Every victim once, with its newest state; those farthest over their limit first. */
function victimLines(notifications: readonly Notification[]): string[] {
  const newest = new Map(notifications.map((notification) => [notification.target, notification]));
  const victims = [...newest.values()].sort((a, b) => ratioOf(b) - ratioOf(a));
  return victims.length === 0 ? [] : ['Victims:', ...limited(victims.map(victimLine))];
}

function ratioOf({ attack }: Notification): number {
  return attack === undefined ? 0 : attack.rate / attack.threshold;
}

function victimLine({ target, attack, ban }: Notification): string {
  const banned =
    ban === undefined ? 'no ban' : `ban ${ban.state === 'rejected' ? 'refused' : ban.state}, ${ban.method}`;
  if (attack === undefined) return `  ${target}: ${banned}`;
  const { metric, rate, threshold, classification, endedAt } = attack;
  const amounts = `${formatAmount(rate, metric)}, limit ${formatAmount(threshold, metric)}`;
  return `  ${target}: ${amounts}, ${formatVector(classification)}${endedAt === undefined ? '' : ', ended'}; ${banned}`;
}

function limited(lines: readonly string[]): string[] {
  const rest = lines.length - SHOWN;
  return [...lines.slice(0, SHOWN), ...(rest > 0 ? [`  and ${rest} more`] : [])];
}

/** Most frequent first. */
function countBy<Key extends string>(
  notifications: readonly Notification[],
  keyOf: (notification: Notification) => Key,
): [Key, number][] {
  const counts = new Map<Key, number>();
  for (const notification of notifications) {
    const key = keyOf(notification);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

function named(counts: readonly (readonly [string, number])[]): string {
  const shown = counts.slice(0, NAMED).map(([key, count]) => `${key} ${count}`);
  const rest = counts.slice(NAMED).reduce((sum, [, count]) => sum + count, 0);
  return [...shown, ...(rest === 0 ? [] : [`others ${rest}`])].join(', ');
}
