/*
 * The events that notifications can have. The set is open: receivers ignore what they do not know. Every problem has an
 * event for its end, which goes to the same recipients.
 */
export const NOTIFICATION_EVENTS = [
  'attack_started',
  'attack_updated',
  'attack_ended',
  'ban_announced',
  'ban_escalated',
  'ban_updated',
  'ban_ended',
  'ban_rejected',
  'ban_failed',
  'ban_recovered',
  'store_failed',
  'store_recovered',
  'gobgp_down',
  'gobgp_up',
  'peer_down',
  'peer_up',
  'exporter_silent',
  'exporter_back',
  'test',
] as const;

export type NotificationEvent = (typeof NOTIFICATION_EVENTS)[number];

/** What the notification is about: an address that is attacked or banned, or a part of the installation. */
export type NotificationScope = 'host' | 'gobgp' | 'peer' | 'exporter' | 'store';

/** Why a ban does not do what it should: another method is announced, nothing is announced, or it ended too early. */
export type BanFailure = 'fallback' | 'not_announced' | 'ended';
