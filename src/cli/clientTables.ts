/*
 * The API's answers as text for people. `nowMs` is wall-clock time, to say how long ago something was.
 */
import type { NotifyTestView } from '../api/notifyTestEndpoint.ts';
import type { AttackView } from '../api/views/attackView.ts';
import type { BanView } from '../api/views/banView.ts';
import type { ExporterView } from '../api/views/exporterView.ts';
import type { HostView } from '../api/views/hostView.ts';
import type { PeerView } from '../api/views/peerView.ts';
import type { DeploymentView, StatusView } from '../api/views/statusView.ts';
import { formatAge, formatDuration, formatNumber } from './humanUnits.ts';
import { formatFacts, formatTable } from './tableOutput.ts';

export function statusText(status: StatusView): string {
  return formatFacts([
    ['mode', status.dry_run ? 'dry-run: nothing is announced' : 'live: bans are announced'],
    ['version', `${status.version}, up ${formatDuration(status.uptime_seconds)}`],
    ['networks', status.networks.join(' ')],
    ['attacks', `${status.active_attacks} active`],
    ['bans', `${status.active_bans} active`],
    ...(status.thresholds === undefined ? [] : [['limits', thresholdsText(status.thresholds)] as const]),
    ...status.hostgroups.map((group): [string, string] => [
      `group ${group.name}`,
      `${group.networks.join(' ')}; ${methodsOf(group)}; ${thresholdsText(group.thresholds)}`,
    ]),
    ...deploymentFacts(status),
    ['your role', status.tenant === undefined ? status.role : `${status.role} of ${status.tenant}`],
  ]);
}

/** A token with a tenant gets none of them. */
function deploymentFacts({ gobgp, ingest, notify, storage }: StatusView): [string, string][] {
  if (gobgp === undefined || ingest === undefined || notify === undefined || storage === undefined) return [];
  return [
    ...gobgp.daemons.map((daemon): [string, string] => ['GoBGP', gobgpText(daemon)]),
    [
      'listening',
      [...ingest.netflow.map((at) => `NetFlow ${at}`), ...ingest.sflow.map((at) => `sFlow ${at}`)].join(', '),
    ],
    [
      'telemetry',
      `${formatNumber(ingest.flows)} flows in ${formatNumber(ingest.datagrams)} datagrams from ` +
        `${formatNumber(ingest.exporters)} exporters, ${formatNumber(ingest.decode_errors)} with errors; ` +
        `${formatNumber(ingest.tracked_hosts)} hosts tracked`,
    ],
    ['notify', notifyText(notify)],
    ['state', storage.path],
  ];
}

function notifyText({ channels, queued, errors }: DeploymentView['notify']): string {
  if (channels.length === 0) return 'nobody';
  const failing = errors.map(({ channel, error }) => `; ${channel} fails: ${error}`).join('');
  return `${channels.join(' ')}${queued === 0 ? '' : `, ${queued} messages waiting`}${failing}`;
}

export function notifyTestText({ results }: NotifyTestView): string {
  if (results.length === 0) return 'No channel is configured, nobody is told.\n';
  return formatTable(
    [{ title: 'CHANNEL' }, { title: 'DELIVERED' }, { title: 'ERROR' }],
    results.map(({ channel, delivered, error }) => [channel, delivered ? 'yes' : 'no', error ?? '']),
  );
}

export function attacksText({ active, recent }: { active: AttackView[]; recent: AttackView[] }, nowMs: number): string {
  const ended = recent.length === 0 ? '' : `\nEnded, newest first:\n${attackTable(recent, nowMs)}`;
  return (active.length === 0 ? 'No attack in progress.\n' : attackTable(active, nowMs)) + ended;
}

export function hostsText({ hosts }: { hosts: HostView[] }): string {
  if (hosts.length === 0) return 'No protected host has traffic.\n';
  const columns = [
    { title: 'HOST' },
    { title: 'GROUP' },
    { title: 'PACKETS/S', align: 'right' },
    { title: 'MBIT/S', align: 'right' },
    { title: 'FLOWS/S', align: 'right' },
    { title: 'ATTACK' },
  ] as const;
  const rows = hosts.map(({ target, group, rates, in_attack, metric }) => [
    target,
    group,
    formatNumber(rates.pps),
    formatNumber(rates.mbps),
    formatNumber(rates.flows_per_sec),
    in_attack ? `on ${metric}` : '',
  ]);
  return formatTable(columns, rows);
}

export function bansText({ bans }: { bans: BanView[] }, nowMs: number): string {
  if (bans.length === 0) return 'No ban, active or past.\n';
  const columns = ['TARGET', 'STATE', 'METHOD', 'SINCE', 'EXPIRES IN', 'IN GOBGP', 'SENT TO', 'WHY'];
  const rows = bans.map((ban) => [
    ban.target,
    ban.dry_run ? `${ban.state} (dry-run)` : ban.state,
    ban.fell_back_from === undefined ? ban.method : `${ban.method} (for ${ban.fell_back_from})`,
    formatAge(ban.started_at, nowMs),
    ban.state === 'active' ? formatDuration((Date.parse(ban.expires_at) - nowMs) / 1000) : '',
    ribText(ban, nowMs),
    audienceText(ban),
    whyText(ban),
  ]);
  return formatTable(
    columns.map((title) => ({ title })),
    rows,
  );
}

/** One ban, as `ban` and `unban` answer. */
export function banText(ban: BanView): string {
  const facts: [string, string][] = [
    ['target', ban.target],
    ['state', ban.dry_run ? `${ban.state} (dry-run, nothing is announced)` : ban.state],
    ['method', ban.method],
    ['route', ban.route ?? 'none'],
    ['until', ban.withdrawn_at ?? ban.expires_at],
    ['reason', ban.reason],
    ['comment', ban.comment ?? ''],
  ];
  return formatFacts(facts.filter(([, value]) => value !== ''));
}

export function peersText({ peers }: { peers: PeerView[] }): string {
  if (peers.length === 0) return 'GoBGP has no neighbours, or cannot be reached.\n';
  const columns = [
    { title: 'PEER' },
    { title: 'ASN', align: 'right' },
    { title: 'STATE' },
    { title: 'UP' },
    { title: 'ROUTES SENT', align: 'right' },
    { title: 'FAMILIES' },
    { title: 'GOBGP' },
    { title: 'NOTE' },
  ] as const;
  const rows = peers.map((peer) => [
    peer.address,
    String(peer.asn),
    peer.state,
    peer.state === 'established' ? formatDuration(peer.uptime_seconds) : '',
    String(Object.values(peer.advertised).reduce((sum, count) => sum + count, 0)),
    peer.families.join(' '),
    peer.gobgp,
    peer.route_server_client ? 'route-server client: never gets our routes' : '',
  ]);
  return formatTable(columns, rows);
}

export function exportersText({ exporters }: { exporters: ExporterView[] }, nowMs: number): string {
  if (exporters.length === 0) return 'No exporter has sent anything.\n';
  const columns = [
    { title: 'EXPORTER' },
    { title: 'PROTOCOL' },
    { title: 'DATAGRAMS', align: 'right' },
    { title: 'FLOWS', align: 'right' },
    { title: 'SAMPLING' },
    { title: 'LAST SEEN' },
    { title: 'LOST', align: 'right' },
    { title: 'TEMPLATES', align: 'right' },
    { title: 'PROBLEMS' },
  ] as const;
  const rows = exporters.map((exporter) => [
    exporter.address,
    exporter.protocols.join(' '),
    formatNumber(exporter.datagrams),
    formatNumber(exporter.flows),
    exporter.sampling === undefined ? '' : `1:${exporter.sampling.rate} (${exporter.sampling.source})`,
    `${formatAge(exporter.last_seen, nowMs)} ago`,
    formatNumber(exporter.sequence_gaps),
    String(exporter.templates),
    exporterProblems(exporter).join(', '),
  ]);
  return formatTable(columns, rows);
}

function attackTable(attacks: readonly AttackView[], nowMs: number): string {
  const columns = [
    { title: 'TARGET' },
    { title: 'GROUP' },
    { title: 'TYPE' },
    { title: 'METRIC' },
    { title: 'RATE', align: 'right' },
    { title: 'LIMIT', align: 'right' },
    { title: 'MBIT/S', align: 'right' },
    { title: 'STARTED' },
    { title: 'LASTED' },
    { title: 'BAN' },
  ] as const;
  const rows = attacks.map((attack) => [
    attack.target,
    attack.group,
    attack.classification.type,
    attack.metric,
    formatNumber(attack.rate),
    formatNumber(attack.threshold),
    formatNumber(attack.rates.mbps),
    `${formatAge(attack.started_at, nowMs)} ago`,
    attack.ended_at === undefined ? 'goes on' : formatAge(attack.started_at, Date.parse(attack.ended_at)),
    attackBanText(attack),
  ]);
  return formatTable(columns, rows);
}

function attackBanText({ ban_state, method, dry_run }: AttackView): string {
  if (ban_state === undefined) return 'none';
  return `${ban_state}, ${method}${dry_run ? ' (dry-run)' : ''}`;
}

function thresholdsText(thresholds: NonNullable<StatusView['thresholds']>): string {
  const limits = Object.entries(thresholds).map(([metric, limit]) => `${metric} ${formatNumber(limit)}`);
  return limits.length === 0 ? 'none' : limits.join(', ');
}

function methodsOf({ mitigation, escalation }: StatusView['hostgroups'][number]): string {
  if (escalation.length === 0) return mitigation;
  return escalation.map(({ after_seconds, action }) => `${action} from ${formatDuration(after_seconds)}`).join(', ');
}

function gobgpText({ address, api, connected, peers, last_error }: DeploymentView['gobgp']['daemons'][number]): string {
  if (!connected) return `${address} not connected${last_error === undefined ? '' : `: ${last_error}`}`;
  const up = peers.filter(({ state }) => state === 'established').length;
  return `${address} connected (${api}), ${up} of ${peers.length} peers established`;
}

function ribText({ rib, state, dry_run }: BanView, nowMs: number): string {
  if (rib === undefined || dry_run) return '';
  if (rib.installed) return state === 'active' ? 'yes' : 'still';
  if (state !== 'active') return 'no';
  const pending = rib.pending_since === undefined ? 'pending' : `pending ${formatAge(rib.pending_since, nowMs)}`;
  return rib.last_error === undefined ? pending : `${pending}: ${rib.last_error}`;
}

function audienceText({ rib, state, dry_run }: BanView): string {
  if (rib === undefined || dry_run || state !== 'active') return '';
  const missed = (rib.not_advertised_to ?? []).map(({ peer, why }) => `not ${peer} (${why})`);
  if (rib.advertised_to === undefined) return '';
  const all = [...rib.advertised_to, ...missed];
  return all.length === 0 ? 'nobody' : all.join(', ');
}

function whyText(ban: BanView): string {
  const cause = ban.manual ? `by ${ban.operator ?? 'hand'}` : `${ban.metric} ${formatNumber(ban.rate ?? 0)}`;
  return [cause, ban.reason, ban.fell_back_reason, ban.comment]
    .filter((part) => part !== undefined && part !== '')
    .join('; ');
}

function exporterProblems(exporter: ExporterView): string[] {
  const problems = Object.entries(exporter.decode_errors).map(([reason, count]) => `${reason} ${formatNumber(count)}`);
  if (exporter.awaiting_template > 0) problems.push(`${exporter.awaiting_template} sets await a template`);
  if (exporter.blind) problems.unshift('nothing can be decoded');
  return problems;
}
