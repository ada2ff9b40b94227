/*
 * One line that says what a notification is about.
 */
import { formatAmount, formatSeconds, formatVector } from './messageUnits.ts';
import type { AttackFacts, Notification } from './notification.ts';

export function headline(notification: Notification): string {
  const { event, target, attack, ban, reason, at } = notification;
  const method = ban?.method ?? 'none';
  switch (event) {
    case 'attack_started':
      return `Attack on ${target}${attack === undefined ? '' : `: ${vectorAndRate(attack)}`}`;
    case 'attack_updated':
      return `Attack on ${target} ${reason === '' ? 'goes on' : 'changed'}${attack === undefined ? '' : `: ${vectorAndRate(attack)}`}`;
    case 'attack_ended': {
      const lasted = attack === undefined ? '' : ` after ${formatSeconds((at - attack.startedAt) / 1000)}`;
      return `Attack on ${target} ended${lasted}`;
    }
    case 'ban_announced':
      return `Ban of ${target} is announced: ${method}${sentText(notification)}`;
    case 'ban_escalated':
      return `Ban of ${target} escalated to ${method}`;
    case 'ban_updated':
      return `Ban of ${target} changed: ${reason}`;
    case 'ban_ended':
      return `Ban of ${target} ended: ${reason}`;
    case 'ban_rejected':
      return `Ban of ${target} was refused: ${reason}`;
    case 'ban_failed':
      return failureText(notification);
    case 'ban_recovered':
      return notification.failure === 'fallback'
        ? `Ban of ${target} returned to ${method}`
        : `Ban of ${target} is announced now: ${method}${sentText(notification)}`;
    case 'store_failed':
      return `Bans cannot be saved: ${reason}`;
    case 'store_recovered':
      return 'Bans can be saved again';
    case 'gobgp_down':
      return `GoBGP ${target} is not reached`;
    case 'gobgp_up':
      return `GoBGP ${target} is reached again`;
    case 'gobgp_conflict':
      return `Another program works against Kapkan in GoBGP ${target}`;
    case 'gobgp_conflict_over':
      return `No program works against Kapkan in GoBGP ${target} any more`;
    case 'peer_down':
      return `BGP session with ${target} is down`;
    case 'peer_up':
      return `BGP session with ${target} is up again`;
    case 'exporter_silent':
      return `Exporter ${target} is silent`;
    case 'exporter_back':
      return `Exporter ${target} sends again`;
    case 'paused':
      return `Announcements are paused ${reason}`;
    case 'resumed':
      return `Announcements are resumed ${reason}`;
    case 'test':
      return 'Test: notifications of attacks arrive here';
  }
}

function failureText({ target, ban, reason, failure }: Notification): string {
  switch (failure) {
    case 'fallback':
      return `Ban of ${target} fell back from ${ban?.fellBackFrom} to ${ban?.method}: ${reason}`;
    case 'ended':
      return `Ban of ${target} ended during the attack: ${reason}`;
    default:
      return `Ban of ${target} is not announced: ${reason}`;
  }
}

function vectorAndRate({ classification, metric, rate, threshold }: AttackFacts): string {
  return `${formatVector(classification)}, ${formatAmount(rate, metric)}, limit ${formatAmount(threshold, metric)}`;
}

/** `, sent to 2 peers`. */
function sentText({ ban }: Notification): string {
  const peers = ban?.rib?.advertised_to?.length ?? 0;
  return peers === 0 ? '' : `, sent to ${peers} ${peers === 1 ? 'peer' : 'peers'}`;
}
