/*
 * The text that people read: one line that says what happened, then what they need to act. Several notifications in one
 * message are summarised.
 */
import type { TopEntry } from '../engine/attack.ts';
import { type Metric, TOTAL_METRICS } from '../trafficMetrics.ts';
import { banLines } from './banText.ts';
import type { Message, MessageText } from './channel.ts';
import { headline } from './headline.ts';
import { formatTime } from './messageTime.ts';
import { formatAmount, formatShare, formatVector } from './messageUnits.ts';
import type { AttackFacts, Notification } from './notification.ts';
import type { NotificationEvent } from './notificationEvent.ts';
import { summaryText } from './summaryText.ts';

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
  const mark = notification.dryRun ? '[DRY-RUN] ' : '';
  const lines = notification.scope === 'host' ? hostLines(notification) : installationLines(notification);
  return { subject: `[Kapkan] ${mark}${headline(notification)}`, lines };
}

function hostLines(notification: Notification): string[] {
  const { target, group, tenant, attack, ban, dryRun, at } = notification;
  return [
    ...(dryRun ? ['Dry-run: nothing is announced.'] : []),
    `Victim: ${target}, group ${group}${tenant === undefined ? '' : `, tenant ${tenant}`}`,
    ...(attack === undefined ? [] : attackLines(attack)),
    ...banLines(notification),
    `Time: ${formatTime(at)}`,
    ...(ban?.state === 'active' ? [`To lift the ban: kapkan unban ${target}`] : []),
  ];
}

function installationLines({ event, reason, at }: Notification): string[] {
  const effect = EFFECTS[event];
  return [
    ...(reason === '' ? [] : [`What was seen: ${reason}`]),
    ...(effect === undefined ? [] : [`Effect: ${effect}`]),
    `Time: ${formatTime(at)}`,
  ];
}

const EFFECTS: { readonly [event in NotificationEvent]?: string } = {
  gobgp_down: 'Kapkan can neither announce nor withdraw routes there; if GoBGP stopped, its routes are gone',
  gobgp_up: 'Kapkan compares the routes and repairs what differs',
  peer_down: 'this peer gets no routes from Kapkan',
  exporter_silent: 'attacks that only this exporter sees are not detected',
  store_failed: 'new bans are not announced until they can be saved',
};

function attackLines(attack: AttackFacts): string[] {
  const { classification, metric, rate, threshold, sample } = attack;
  const hasEnded = attack.endedAt !== undefined;
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
