/*
 * `kapkan status`: the state of the daemon; and which GoBGPs it cannot reach.
 */
import type { DeploymentJson, StatusJson } from '../../api/statusJson.ts';
import { formatDuration, formatFacts, formatNumber } from '../terminalOutput.ts';
import type { ApiClient } from './apiClient.ts';
import { readingCommand } from './clientCommand.ts';

export const statusCommand = readingCommand({
  name: 'status',
  help: 'Shows the mode, the protected networks, the limits, and whether GoBGP, telemetry and notifications work.\n',
  text: (body) => statusText(body as StatusJson),
});

function statusText(status: StatusJson): string {
  return formatFacts([
    ['mode', modeText(status)],
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

function modeText({ dry_run, gobgp, paused, paused_since, paused_by }: StatusJson): string {
  const by = paused_by === undefined ? '' : ` by ${paused_by}`;
  if (paused) return `PAUSED since ${paused_since}${by}: nothing is announced until "kapkan resume"`;
  if (dry_run) return 'dry-run: nothing is announced';
  const away = gobgp?.daemons.filter(({ connected }) => !connected).length ?? 0;
  if (gobgp === undefined || away === 0) return 'live: bans are announced';
  return away === gobgp.daemons.length
    ? 'live, but NOTHING CAN BE ANNOUNCED: GoBGP cannot be reached'
    : `live, but ${away} of ${gobgp.daemons.length} GoBGPs cannot be reached`;
}

/** A token with a tenant gets none of them. */
function deploymentFacts({ gobgp, ingest, notify, storage }: StatusJson): [string, string][] {
  if (gobgp === undefined || ingest === undefined || notify === undefined || storage === undefined) return [];
  return [
    ...gobgp.daemons.map((daemon): [string, string] => ['GoBGP', gobgpText(daemon)]),
    [
      'listening',
      [...ingest.netflow.map((at) => `NetFlow ${at}`), ...ingest.sflow.map((at) => `sFlow ${at}`)].join(', ') +
        (ingest.receive === undefined ? '' : ` through ${ingest.receive}`),
    ],
    [
      'telemetry',
      `${formatNumber(ingest.flows)} flows in ${formatNumber(ingest.datagrams)} datagrams from ` +
        `${formatNumber(ingest.exporters)} exporters, ${formatNumber(ingest.decode_errors)} with errors, ` +
        `${formatNumber(ingest.dropped_datagrams)} dropped by the kernel; ` +
        `${formatNumber(ingest.tracked_hosts)} hosts tracked`,
    ],
    ['notify', notifyText(notify)],
    ['state', storage.path],
  ];
}

function gobgpText(gobgp: DeploymentJson['gobgp']['daemons'][number]): string {
  const { address, api, connected, peers, last_error, conflict } = gobgp;
  if (!connected) return `${address} cannot be reached${last_error === undefined ? '' : `: ${last_error}`}`;
  const up = peers.filter(({ state }) => state === 'established').length;
  const disturbed = conflict === undefined ? '' : `; ${conflict.detail}`;
  return `${address} connected (${api}), ${up} of ${peers.length} peers established${disturbed}`;
}

function notifyText({ channels, queued, errors }: DeploymentJson['notify']): string {
  if (channels.length === 0) return 'nobody';
  const failing = errors.map(({ channel, error }) => `; ${channel} fails: ${error}`).join('');
  return `${channels.join(' ')}${queued === 0 ? '' : `, ${queued} messages waiting`}${failing}`;
}

function thresholdsText(thresholds: NonNullable<StatusJson['thresholds']>): string {
  const limits = Object.entries(thresholds).map(([metric, limit]) => `${metric} ${formatNumber(limit)}`);
  return limits.length === 0 ? 'none' : limits.join(', ');
}

function methodsOf({ mitigation, escalation }: StatusJson['hostgroups'][number]): string {
  if (escalation.length === 0) return mitigation;
  return escalation.map(({ after_seconds, action }) => `${action} from ${formatDuration(after_seconds)}`).join(', ');
}

/**
 * The GoBGPs that the daemon cannot reach, one sentence each. Empty also for a token with a tenant, which sees nothing
 * of GoBGP.
 */
export async function unreachableGobgps(client: ApiClient): Promise<string[]> {
  return (await gobgps(client))
    .filter(({ connected }) => !connected)
    .map(({ address, last_error }) => `GoBGP at ${address} cannot be reached${last_error ? `: ${last_error}` : ''}`);
}

/** Whether the daemon reaches no GoBGP at all, so that nothing can be announced now. */
export async function isEveryGobgpUnreachable(client: ApiClient): Promise<boolean> {
  const daemons = await gobgps(client);
  return daemons.length > 0 && daemons.every(({ connected }) => !connected);
}

async function gobgps(client: ApiClient): Promise<NonNullable<StatusJson['gobgp']>['daemons']> {
  const { status, body } = await client.get('api/v1/status');
  return status === 200 ? ((body as StatusJson).gobgp?.daemons ?? []) : [];
}
