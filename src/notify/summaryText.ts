/*
 * The summary of many notifications in one message: how many of each kind, in which groups, and the largest attacks.
 */

import type { MessageText } from './messageText.ts';
import { formatAmount, formatVector } from './messageUnits.ts';
import type { Notification, NotificationEvent } from './notification.ts';

/** How many different values are named; the others are only counted. */
const NAMED = 5;
const LARGEST = 10;

const NOUNS: Readonly<Record<NotificationEvent, readonly [one: string, many: string]>> = {
  attack_started: ['attack started', 'attacks started'],
  attack_ended: ['attack ended', 'attacks ended'],
  ban_rejected: ['ban refused', 'bans refused'],
  ban_failed: ['ban fell back or not announced', 'bans fell back or not announced'],
  test: ['test', 'tests'],
};

export function summaryText(notifications: readonly Notification[]): MessageText {
  const counts = countBy(notifications, ({ event }) => event);
  const what = counts.map(([event, count]) => `${count} ${NOUNS[event][count === 1 ? 0 : 1]}`).join(', ');
  const dry = notifications.filter(({ dryRun }) => dryRun).length;
  const mark = dry === notifications.length ? '[DRY-RUN] ' : '';
  const dryLine = dry === notifications.length ? 'Dry-run: nothing is announced.' : `In dry-run: ${dry} of them`;
  const started = notifications.filter(({ event }) => event === 'attack_started');
  const uncovered = notifications.filter(({ reason }) => reason !== '');
  const lines = [
    ...(dry === 0 ? [] : [dryLine]),
    `${notifications.length} notifications in one message, because there were too many to send one by one:`,
    what,
    `Groups: ${named(countBy(notifications, ({ group }) => group))}`,
  ];
  if (started.length > 0) lines.push(`Vectors: ${named(countBy(started, vectorOf))}`);
  if (uncovered.length > 0) lines.push(`Not as wanted: ${named(countBy(uncovered, ({ reason }) => reason))}`);
  lines.push(...largestLines(started));
  return { subject: `[Kapkan] ${mark}${what}`, lines };
}

function vectorOf({ attack }: Notification): string {
  return attack === undefined ? 'unknown' : formatVector(attack.classification);
}

/** The attacks farthest over their limit. */
function largestLines(started: readonly Notification[]): string[] {
  const attacks = started.flatMap(({ target, attack }) => (attack === undefined ? [] : [{ target, attack }]));
  attacks.sort((a, b) => b.attack.rate / b.attack.threshold - a.attack.rate / a.attack.threshold);
  if (attacks.length === 0) return [];
  const lines = attacks.slice(0, LARGEST).map(({ target, attack }) => {
    const { metric, rate, threshold, classification } = attack;
    const amounts = `${formatAmount(rate, metric)}, limit ${formatAmount(threshold, metric)}`;
    return `  ${target}: ${amounts}, ${formatVector(classification)}`;
  });
  return ['Largest attacks:', ...lines];
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
