/*
 * Which rows leave the state file. Ended and refused bans have a bounded number of rows each, and within that bound every
 * group its share: the oldest row of the group with most rows goes first, so that one tenant's flood of refusals removes
 * neither another's nor the bans that ended. Starts stay for as long as they may count for `max_bans_per_window`.
 */
import type { DatabaseSync } from 'node:sqlite';

const ENDED_KEPT = 10_000;
const REFUSED_KEPT = 2_000;

/** So many starts stay however old: a clock that is ahead for a moment must not make the cap forget. */
const STARTS_KEPT = 10_000;

export function pruneBans(db: DatabaseSync): void {
  pruneRing(db, 0, ENDED_KEPT);
  pruneRing(db, 1, REFUSED_KEPT);
}

export function pruneStarts(db: DatabaseSync, before: number): void {
  db.prepare(`DELETE FROM starts WHERE at < ? AND (SELECT count(*) FROM starts) > ${STARTS_KEPT}`).run(before);
}

function pruneRing(db: DatabaseSync, refused: 0 | 1, kept: number): void {
  const inRing = 'ended_at IS NOT NULL AND refused = ?';
  for (;;) {
    const count = Number(db.prepare(`SELECT count(*) AS count FROM bans WHERE ${inRing}`).get(refused)?.count);
    if (count <= kept) return;
    const largest = `SELECT grp, count(*) AS count FROM bans WHERE ${inRing} GROUP BY grp ORDER BY count DESC LIMIT 2`;
    const [first, second] = db.prepare(largest).all(refused);
    const lead = Number(first.count) - Number(second?.count ?? 0);
    const surplus = Math.min(count - kept, Math.max(1, lead));
    db.prepare(
      `DELETE FROM bans WHERE rowid IN (
         SELECT rowid FROM bans WHERE ${inRing} AND grp = ? ORDER BY ended_at, rowid LIMIT ?)`,
    ).run(refused, first.grp, surplus);
  }
}
