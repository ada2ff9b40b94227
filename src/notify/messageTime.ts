/*
 * Formats times for messages: local time for the reader, UTC to compare with routers and other sites.
 */

/** `2026-05-01 14:00:00 GMT+2 (2026-05-01T12:00:00Z)`. `timeZone`: an IANA name, by default that of this machine. */
export function formatTime(ms: number, timeZone?: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  }).formatToParts(ms);
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((one) => one.type === type)?.value ?? '';
  const day = `${part('year')}-${part('month')}-${part('day')}`;
  const time = `${part('hour')}:${part('minute')}:${part('second')}`;
  return `${day} ${time} ${part('timeZoneName')} (${new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')})`;
}
