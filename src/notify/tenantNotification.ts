/*
 * A notification as a tenant gets it: of its own hosts, without limits, peers, exporters and errors of the whole
 * deployment. As in the API, codes decide what is said, and not the words of a sentence.
 */
import { tenantReason, tenantRib, tenantSample } from '../shapes/tenantView.ts';
import type { BanFacts, Notification } from './notification.ts';

const FAILURES = {
  fallback: 'the method cannot be announced at the moment',
  not_announced: 'the route is not announced at the moment',
} as const;

/** Of an attack or a ban; other notifications are for no tenant. */
export function tenantNotification(notification: Notification): Notification {
  const { attack, ban } = notification;
  return {
    ...notification,
    reason: reasonFor(notification),
    attack: attack && { ...attack, sample: tenantSample(attack.sample) },
    ban: ban && { ...ban, rib: ban.rib && tenantRib(ban.rib) },
  };
}

function reasonFor({ event, reason, failure, ban }: Notification): string {
  switch (event) {
    case 'ban_rejected':
    case 'ban_ended':
      return codeText(ban);
    case 'ban_failed':
      return failure === undefined || failure === 'ended' ? codeText(ban) : FAILURES[failure];
    // About the attack, or the plan that the tenant's own group has.
    case 'attack_updated':
    case 'ban_escalated':
    case 'ban_updated':
      return reason;
    default:
      return '';
  }
}

function codeText(ban: BanFacts | undefined): string {
  return tenantReason(ban?.rejectedBy ?? ban?.endedBy);
}
