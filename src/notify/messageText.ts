/*
 * The text that people read: one line that says what happened, then what they need to act. Several notifications in one
 * message are summarised.
 */
import type { TopEntry } from '../engine/attack.ts';
import { ANONYMOUS } from '../mitigation/ban.ts';
import { type Metric, TOTAL_METRICS } from '../trafficMetrics.ts';
import type { Message, MessageText } from './channel.ts';
import { headline } from './headline.ts';
import { formatAmount, formatShare, formatTime, formatVector } from './messageUnits.ts';
import type { AttackFacts, BanFacts, Notification, NotificationEvent } from './notification.ts';
import { summaryText } from './summaryText.ts';

const MAX_SUBJECT_CHARACTERS = 180;

/** Most peers that are named. */
const NAMED_PEERS = 8;

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
  gobgp_conflict:
    'Kapkan repairs these routes less and less often; until it is over, victims may be unprotected at times',
  paused: 'Kapkan withdraws all its routes and announces none until "kapkan resume"; attacks are detected as before',
  resumed: 'the routes of all active bans are announced again',
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

/** What the ban is, who requested it, where its routes are, and until when. */
function banLines({ event, attack, ban, dryRun, reason }: Notification): string[] {
  if (event === 'test') return [];
  if (ban === undefined) return ['Ban: none'];
  const lines = [`Ban: ${banText(ban)}`];
  if (ban.comment !== undefined && ban.comment !== '') lines.push(`Comment: ${ban.comment}`);
  // The reason of an attack's update is about the attack; its headline says it.
  if (reason !== '' && event !== 'attack_updated') lines.push(`Why: ${reason}`);
  if (ban.state !== 'active') return lines;
  if (ban.route !== '') lines.push(`${dryRun ? 'Route it would announce' : 'Route'}: ${ban.route}`);
  if (!dryRun && ban.route !== '') lines.push(`Announced: ${placeText(ban, reason)}`);
  const isExtended = attack !== undefined && attack.endedAt === undefined && !ban.manual;
  lines.push(`Until: ${formatTime(ban.expiresAt)}${isExtended ? ', and longer while the attack lasts' : ''}`);
  return lines;
}

function banText({ state, method, manual, operator, fellBackFrom }: BanFacts): string {
  const by = manual ? `, by hand${operator === undefined || operator === ANONYMOUS ? '' : ` (${operator})`}` : '';
  const instead = fellBackFrom === undefined ? '' : ` instead of ${fellBackFrom}`;
  return `${state === 'rejected' ? 'refused' : state}, ${method}${instead}${by}`;
}

/** Where the routes were, as read back from GoBGP: `to 192.0.2.1; not to 192.0.2.2 (session down)`. */
function placeText({ rib }: BanFacts, reason: string): string {
  if (rib?.held_back !== undefined) return `no, ${rib.held_back}`;
  if (rib === undefined || !rib.installed) {
    const why = rib?.last_error ?? 'GoBGP has not confirmed it';
    return why === reason ? 'no' : `not yet, ${why}`;
  }
  if (rib.advertised_to === undefined) return 'yes';
  const sent = rib.advertised_to;
  const missed = (rib.not_advertised_to ?? []).map(({ peer, why }) => `${peer} (${why})`);
  const to = sent.length === 0 ? 'in GoBGP, but sent to no peer yet' : `to ${named(sent)}`;
  return missed.length === 0 ? to : `${to}; not to ${named(missed)}`;
}

function named(peers: readonly string[]): string {
  const rest = peers.length - NAMED_PEERS;
  return [...peers.slice(0, NAMED_PEERS), ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
}
