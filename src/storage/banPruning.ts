/*
 * Deletes old rows from the state file. There is a limit for ended bans and one for refused bans. Within a limit every
 * group keeps its share: the oldest row of the group with the most rows is deleted first. So a flood of refusals for one
 * tenant deletes neither the rows of another tenant nor ended bans. Starts are kept as long as they may count for
 * `max_bans_per_window`.
 */
import type { DatabaseSync } from 'node:sqlite';

const ENDED_KEPT = 10_000;
const REFUSED_KEPT = 2_000;

/** At least this many starts are kept, however old: a clock that is briefly ahead must not reset the cap. */
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
