/*
 * The lines about a ban in a message: what it is, who asked for it, where its routes are, and until when.
 */
import { formatTime } from './messageTime.ts';
import type { BanFacts, Notification } from './notification.ts';

/** Most peers that are named. */
const NAMED_PEERS = 8;

export function banLines({ event, attack, ban, dryRun, reason }: Notification): string[] {
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
  const by = manual ? `, by hand${operator === undefined ? '' : ` (${operator})`}` : '';
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
  const sent = rib.advertised_to ?? [];
  const missed = (rib.not_advertised_to ?? []).map(({ peer, why }) => `${peer} (${why})`);
  const to = sent.length === 0 ? 'in GoBGP, but sent to no peer yet' : `to ${named(sent)}`;
  return missed.length === 0 ? to : `${to}; not to ${named(missed)}`;
}

function named(peers: readonly string[]): string {
  const rest = peers.length - NAMED_PEERS;
  return [...peers.slice(0, NAMED_PEERS), ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
}
