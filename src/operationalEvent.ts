/*
 * An operational event: something that Kapkan needs stopped working or is disturbed, or works again. The daemon finds
 * these events; the log and notifications are made from them. Events about attacks and bans are incident events
 * (incidents/).
 */

export const OPERATIONAL_EVENT_KINDS = [
  'gobgp_down',
  'gobgp_up',
  'gobgp_conflict',
  'gobgp_conflict_over',
  'peer_down',
  'peer_up',
  'exporter_silent',
  'exporter_back',
  'paused',
  'resumed',
] as const;

export type OperationalEventKind = (typeof OPERATIONAL_EVENT_KINDS)[number];

export interface OperationalEvent {
  readonly kind: OperationalEventKind;
  /** Clock milliseconds. */
  readonly at: number;
  /** Address of the GoBGP, the peer or the exporter. */
  readonly subject: string;
  /** What was seen, and since when; for people. */
  readonly detail: string;
}
