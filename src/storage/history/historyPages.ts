/*
 * Shared by the backends, so that they give the same answers: page cursors, and traffic points from the sums of a step.
 */
import { type AttackEventRow, type AuditEventRow, roundedRate } from './historyRows.ts';
import type { Page, PastAttack, TrafficPoint, TrafficQuery } from './historyStore.ts';

/** Where a page of attacks ended. Attacks are ordered by start, then by id. */
export interface AttackCursor {
  readonly startedAt: number;
  readonly attackId: string;
}

/** The columns of an attack that a page needs. */
export type AttackOfPage = Pick<AttackEventRow, 'startedAt' | 'attackId' | 'attack'>;

/** The sums for one scope and target in one step: rate times seconds, and the highest peak. */
export interface TrafficSums {
  /** The start of the step divided by its length. */
  readonly step: number;
  readonly packets: number;
  readonly megabits: number;
  readonly flows: number;
  readonly peakPps: number;
  readonly peakMbps: number;
  readonly peakFlowsPerSec: number;
}

/** Undefined where the text is not a cursor of `attackPage`. */
export function attackCursor(text: string): AttackCursor | undefined {
  const match = /^(\d{1,16})-(.{1,128})$/.exec(text);
  return match === null ? undefined : { startedAt: Number(match[1]), attackId: match[2] };
}

/** Undefined where the text is not a cursor of `attackPage`. */
export function auditCursor(text: string): number | undefined {
  return /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

/** `rows` has one row more than `limit` where there is another page. */
export function attackPage(rows: readonly AttackOfPage[], limit: number): Page<PastAttack> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const isMore = rows.length > limit && last !== undefined;
  return {
    rows: shown.map(({ attackId, attack }) => ({ id: attackId, attack })),
    nextCursor: isMore ? `${last.startedAt}-${last.attackId}` : undefined,
  };
}

export function auditPage(rows: readonly AuditEventRow[], limit: number): Page<AuditEventRow> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, nextCursor: rows.length > limit && last !== undefined ? String(last.sequence) : undefined };
}

/**
 * The mean is over the whole step: an interval without a row had no traffic. Where the query covers only a part of a
 * step, the mean is over that part.
 */
export function trafficPoints(sums: readonly TrafficSums[], query: TrafficQuery): TrafficPoint[] {
  const stepMs = query.stepSeconds * 1000;
  return sums.map((sum) => {
    const time = sum.step * stepMs;
    const seconds = (Math.min(time + stepMs, query.to) - Math.max(time, query.from)) / 1000;
    return {
      time,
      mean: {
        pps: roundedRate(sum.packets / seconds),
        mbps: roundedRate(sum.megabits / seconds),
        flows_per_sec: roundedRate(sum.flows / seconds),
      },
      peak: {
        pps: roundedRate(sum.peakPps),
        mbps: roundedRate(sum.peakMbps),
        flows_per_sec: roundedRate(sum.peakFlowsPerSec),
      },
    };
  });
}
