/*
 * `kapkan bans`: bans, active and past, and where their routes are.
 */
import type { BanJson } from '../../shapes/banJson.ts';
import { formatAge, formatDuration, formatNumber } from '../humanUnits.ts';
import { formatTable } from '../tableOutput.ts';
import { audienceText, ribText, stateText } from './banText.ts';
import { readingCommand } from './clientCommand.ts';

/** What the API calls an operator where it needs no token. */
const UNNAMED = 'anonymous';

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
    ribText(ban, nowMs),
    audienceText(ban),
    whyText(ban),
  ]);
  return formatTable(
    columns.map((title) => ({ title })),
    rows,
  );
}

function whyText(ban: BanJson): string {
  const operator = ban.operator === UNNAMED ? undefined : ban.operator;
  const cause = ban.manual ? `by ${operator ?? 'hand'}` : `${ban.metric} ${formatNumber(ban.rate ?? 0)}`;
  return [cause, ban.reason, ban.fell_back_reason, ban.comment]
    .filter((part) => part !== undefined && part !== '')
    .join('; ');
}
