/*
 * The names of the channels that a notification can take, in the order in which metrics and summaries list them.
 */
export const NOTIFY_CHANNELS = ['telegram', 'slack', 'email', 'webhook', 'exec'] as const;
export type NotifyChannel = (typeof NOTIFY_CHANNELS)[number];
