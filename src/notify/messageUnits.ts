/*
 * Formats rates, shares, durations, times and vectors for messages. Times are in local time for the reader, and in UTC
 * to compare with routers and other sites.
 */
import type { Classification } from '../engine/attack.ts';
import { type Metric, offsetOf, type RateUnit, TRAFFIC_METRICS } from '../trafficMetrics.ts';

/** Made with the first amount, because ICU takes 9 MB of memory. */
let numbers: { readonly whole: Intl.NumberFormat; readonly small: Intl.NumberFormat } | undefined;

const UNIT_TEXTS: Readonly<Record<RateUnit, string>> = { packets: 'pps', megabits: 'Mbit/s', flows: 'flows/s' };

/** `48,120 pps`, `1,204 Mbit/s`, `310 flows/s`. */
export function formatAmount(value: number, metric: Metric): string {
  numbers ??= {
    whole: new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 }),
    small: new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 }),
  };
  return `${(value < 100 ? numbers.small : numbers.whole).format(value)} ${UNIT_TEXTS[TRAFFIC_METRICS[offsetOf(metric)].unit]}`;
}

/** `40 %`; `<1 %` for a share that is not zero but rounds to it. */
export function formatShare(share: number): string {
  const percent = Math.round(share * 100);
  return percent === 0 && share > 0 ? '<1 %' : `${percent} %`;
}

/** `45 s`, `12 min 5 s`, `3 h 20 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `NTP amplification from port 123`, `SYN flood`, `mixed traffic`. */
export function formatVector({ type, srcPort }: Classification): string {
  if (type === 'mixed') return 'mixed traffic';
  const [name, kind] = type.split('_');
  const shown = name === 'fragment' || name === 'memcached' ? name : name.toUpperCase();
  return `${shown} ${kind}${srcPort === undefined ? '' : ` from port ${srcPort}`}`;
}

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
