/*
 * The progress of attacks that last: one `attack_updated` after each period of `notify.update_seconds`. It goes to
 * notifications only, not to history or the timeline.
 */
import type { AttackEvent } from '../incidents/incidentEvent.ts';
import type { Incident } from '../incidents/incidentTable.ts';

/**
 * The updates that became due after `before` and until `now` (clock milliseconds). Periods are counted from the start of
 * each attack. None where `updateSeconds` is 0.
 */
export function attackProgress(
  active: readonly Incident[],
  updateSeconds: number,
  before: number,
  now: number,
): AttackEvent[] {
  if (updateSeconds === 0) return [];
  const periods = (at: number, startedAt: number): number => Math.floor((at - startedAt) / (updateSeconds * 1000));
  return active
    .filter(({ attack: { startedAt } }) => periods(now, startedAt) > Math.max(0, periods(before, startedAt)))
    .map(({ attack, ban }) => ({ kind: 'attack_updated', at: now, attack: { ...attack }, ban }));
}
