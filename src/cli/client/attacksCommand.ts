/*
 * `kapkan attacks`: active attacks, and those that ended recently.
 */
import type { AttackJson } from '../../shapes/attackJson.ts';
import { formatAge, formatNumber, formatSampledRate, formatTable } from '../terminalOutput.ts';
import { readingCommand } from './clientCommand.ts';

export const attacksCommand = readingCommand({
  name: 'attacks',
  help: 'Lists the attacks in progress and the last 100 that ended.\n',
  text: (body, nowMs) => attacksText(body as { active: AttackJson[]; recent: AttackJson[] }, nowMs),
});

function attacksText({ active, recent }: { active: AttackJson[]; recent: AttackJson[] }, nowMs: number): string {
  const ended = recent.length === 0 ? '' : `\nEnded, newest first:\n${attackTable(recent, nowMs)}`;
  return (active.length === 0 ? 'No attack in progress.\n' : attackTable(active, nowMs)) + ended;
}

function attackTable(attacks: readonly AttackJson[], nowMs: number): string {
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
    formatSampledRate(attack.rate, attack.rate_error),
    formatNumber(attack.threshold),
    formatNumber(attack.rates.mbps),
    `${formatAge(attack.started_at, nowMs)} ago`,
    attack.ended_at === undefined ? 'active' : formatAge(attack.started_at, Date.parse(attack.ended_at)),
    attackBanText(attack),
  ]);
  return formatTable(columns, rows);
}

function attackBanText({ ban_state, method, dry_run }: AttackJson): string {
  if (ban_state === undefined) return 'none';
  return `${ban_state}, ${method}${dry_run ? ' (dry-run)' : ''}`;
}
