/*
 * `kapkan hosts`: the busiest protected hosts.
 */
import type { HostJson } from '../../api/hostJson.ts';
import { TOTAL_METRICS } from '../../trafficMetrics.ts';
import { numberFlag, oneOf } from '../command.ts';
import { formatNumber, formatSampledRate, formatTable } from '../terminalOutput.ts';
import { clientCommand } from './clientCommand.ts';

/** As many as the API gives. */
const MAX_HOSTS = 10_000;

export const hostsCommand = clientCommand({
  name: 'hosts',
  synopsis: '[--limit N] [--sort METRIC] [--group NAME]',
  help: `Lists the protected hosts with the most traffic.

  --limit N         at most so many (1 to ${MAX_HOSTS}, default 100)
  --sort METRIC     ${TOTAL_METRICS.join(', ')} (default pps)
  --group NAME      only hosts of this hostgroup
`,
  examples: ['--limit 10 --sort mbps'],
  options: { limit: { type: 'string' }, sort: { type: 'string' }, group: { type: 'string' } },
  request: (client, _operand, { limit, sort, group }) => {
    if (limit !== undefined) numberFlag('--limit', String(limit), { min: 1, max: MAX_HOSTS, whole: true });
    if (sort !== undefined) oneOf('--sort', String(sort), TOTAL_METRICS);
    const asked = Object.entries({ limit, sort, group }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    return client.get(`api/v1/hosts?${new URLSearchParams(asked)}`);
  },
  text: (body) => hostsText(body as { hosts: HostJson[] }),
});

function hostsText({ hosts }: { hosts: HostJson[] }): string {
  if (hosts.length === 0) return 'No protected host has traffic.\n';
  const columns = [
    { title: 'HOST' },
    { title: 'GROUP' },
    { title: 'PACKETS/S', align: 'right' },
    { title: 'MBIT/S', align: 'right' },
    { title: 'FLOWS/S', align: 'right' },
    { title: 'ATTACK' },
  ] as const;
  const rows = hosts.map(({ target, group, rates, rate_error, in_attack, metric }) => [
    target,
    group,
    formatSampledRate(rates.pps, rate_error.pps),
    formatSampledRate(rates.mbps, rate_error.mbps),
    formatNumber(rates.flows_per_sec),
    in_attack ? `on ${metric}` : '',
  ]);
  return formatTable(columns, rows);
}
