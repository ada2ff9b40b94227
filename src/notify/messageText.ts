/*
 * The text that people read: one line that says what happened, then what they need to act. Several notifications in one
 * message are summarised.
 */
import type { TopEntry } from '../engine/attack.ts';
import { type Metric, TOTAL_METRICS } from '../trafficMetrics.ts';
import type { Message } from './channel.ts';
import { formatAmount, formatSeconds, formatShare, formatVector } from './messageUnits.ts';
import type { AttackFacts, BanFacts, Notification } from './notification.ts';
import { summaryText } from './summaryText.ts';

export interface MessageText {
  /** One line, short enough for the subject of a mail. */
  readonly subject: string;
  readonly lines: readonly string[];
}

const MAX_SUBJECT_CHARACTERS = 180;
const TOP_SOURCES = 5;
const TOP_PORTS = 3;

export function messageText({ notifications, consoleUrl }: Message): MessageText {
  const text = notifications.length > 1 ? summaryText(notifications) : singleText(notifications[0]);
  const links = consoleUrl === '' ? [] : [`Console: ${consoleUrl}/`, `API: ${consoleUrl}/api/v1/attacks`];
  return { subject: clipText(oneLine(text.subject), MAX_SUBJECT_CHARACTERS), lines: [...text.lines, ...links] };
}

/** At most `maxCharacters`. Longer text is cut and ends with an ellipsis. */
export function clipText(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters - 1)}…`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

function singleText(notification: Notification): MessageText {
  const { target, group, tenant, attack, ban, dryRun, at } = notification;
  const mark = dryRun ? '[DRY-RUN] ' : '';
  const lines = [
    ...(dryRun ? ['Dry-run: nothing is announced.'] : []),
    `Victim: ${target}, group ${group}${tenant === undefined ? '' : `, tenant ${tenant}`}`,
    ...(attack === undefined ? [] : attackLines(attack, notification.event === 'attack_ended')),
    ...banLines(notification),
    `Time: ${new Date(at).toISOString()}`,
    ...(ban?.state === 'active' ? [`To lift the ban: kapkan unban ${target}`] : []),
  ];
  return { subject: `[Kapkan] ${mark}${headline(notification)}`, lines };
}

function headline(notification: Notification): string {
  const { event, target, attack, ban, reason, at } = notification;
  switch (event) {
    case 'attack_started':
      return `Attack on ${target}${attack === undefined ? '' : `: ${vectorAndRate(attack)}`}`;
    case 'attack_ended': {
      const lasted = attack === undefined ? '' : ` after ${formatSeconds((at - attack.startedAt) / 1000)}`;
      return `Attack on ${target} ended${lasted}`;
    }
    case 'ban_rejected':
      return `Ban of ${target} was refused: ${reason}`;
    case 'ban_failed':
      if (ban?.fellBackFrom !== undefined) {
        return `Ban of ${target} fell back from ${ban.fellBackFrom} to ${ban.method}: ${reason}`;
      }
      return `Ban of ${target} is not announced: ${reason}`;
    case 'test':
      return 'Test: notifications of attacks arrive here';
  }
}

function vectorAndRate({ classification, metric, rate, threshold }: AttackFacts): string {
  return `${formatVector(classification)}, ${formatAmount(rate, metric)}, limit ${formatAmount(threshold, metric)}`;
}

function attackLines(attack: AttackFacts, hasEnded: boolean): string[] {
  const { classification, metric, rate, threshold, sample } = attack;
  const share = classification.confidence > 0 ? ` (${formatShare(classification.confidence)} of the packets)` : '';
  const totals = [
    formatAmount(attack.pps, 'pps'),
    formatAmount(attack.mbps, 'mbps'),
    formatAmount(attack.flowsPerSecond, 'flows_per_sec'),
  ].join(', ');
  // The unit alone names a total. A metric such as `tcp_syn_pps` is named too.
  const kind = (TOTAL_METRICS as readonly Metric[]).includes(metric) ? '' : ` (${metric})`;
  const times = (rate / threshold).toFixed(1);
  const lines = [
    `Vector: ${formatVector(classification)}${share}`,
    `${hasEnded ? 'Peak' : 'Rate'}: ${formatAmount(rate, metric)}${kind}, ${times} times the limit of ${formatAmount(threshold, metric)}`,
    `${hasEnded ? 'All at the peak' : 'All'}: ${totals}`,
  ];
  const sources = topText(sample.topSources, sample.totalPackets, TOP_SOURCES);
  const from = topText(sample.topSrcPorts, sample.totalPackets, TOP_PORTS);
  const to = topText(sample.topDstPorts, sample.totalPackets, TOP_PORTS);
  if (sources !== '') lines.push(`Top sources: ${sources}`);
  if (from !== '' && to !== '') lines.push(`Top ports: from ${from}; to ${to}`);
  return lines;
}

/** `198.51.100.1 40 %, 198.51.100.2 12 %`. */
function topText(entries: readonly TopEntry[], totalPackets: number, count: number): string {
  if (totalPackets <= 0) return '';
  return entries
    .slice(0, count)
    .map(({ key, packets }) => `${key} ${formatShare(packets / totalPackets)}`)
    .join(', ');
}

function banLines({ event, ban, dryRun, reason }: Notification): string[] {
  if (event === 'test') return [];
  if (ban === undefined) return ['Ban: none'];
  const lines = [`Ban: ${banText(ban)}`];
  if (reason !== '') lines.push(`Why: ${reason}`);
  const verb = dryRun ? 'Route it would announce' : 'Route';
  if (ban.route !== '' && ban.state === 'active') lines.push(`${verb}: ${ban.route}`);
  return lines;
}

function banText({ state, method, manual, fellBackFrom }: BanFacts): string {
  const by = manual ? ', by hand' : '';
  const instead = fellBackFrom === undefined ? '' : ` instead of ${fellBackFrom}`;
  return `${state === 'rejected' ? 'refused' : state}, ${method}${instead}${by}`;
}
