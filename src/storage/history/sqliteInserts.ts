/*
 * Rows of history on their way into the SQLite file. Rows that are there already stay as they are.
 */
import type { DatabaseSync } from 'node:sqlite';
import { CHUNK_SECONDS } from './historyFile.ts';
import type { AttackEventRow, AuditEventRow, HistoryTable, RowOf, TrafficRow } from './historyRows.ts';

/** Rates are kept as whole thousandths, which SQLite stores in two to four bytes instead of eight. */
const THOUSAND = 1000;

const UPSERT_ATTACK = `
  INSERT INTO attacks (attack_id, sequence, event_time, started_at, ended_at, target, grp, tenant, type, attack)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (attack_id) DO UPDATE SET
    sequence = excluded.sequence, event_time = excluded.event_time, started_at = excluded.started_at,
    ended_at = excluded.ended_at, target = excluded.target, grp = excluded.grp, tenant = excluded.tenant,
    type = excluded.type, attack = excluded.attack
  WHERE excluded.sequence > attacks.sequence`;

const INSERT_EVENT = `INSERT INTO timeline VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (attack_id, sequence) DO NOTHING`;

// Not OR IGNORE, which would also leave out a row that breaks the table's rules, without a word.
const INSERT_TRAFFIC = `INSERT INTO traffic VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (chunk, is_group, target, time) DO NOTHING`;
const INSERT_AUDIT = `INSERT INTO audit_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (sequence) DO NOTHING`;

/** Within a transaction of the caller's. Throws what SQLite throws. */
export function insertRows<Table extends HistoryTable>(
  db: DatabaseSync,
  table: Table,
  rows: readonly RowOf[Table][],
): void {
  if (table === 'attack_events') insertAttacks(db, rows as readonly AttackEventRow[]);
  else if (table === 'traffic') insertTraffic(db, rows as readonly TrafficRow[]);
  else insertAudit(db, rows as readonly AuditEventRow[]);
}

function insertAttacks(db: DatabaseSync, rows: readonly AttackEventRow[]): void {
  const attackStatement = db.prepare(UPSERT_ATTACK);
  const eventStatement = db.prepare(INSERT_EVENT);
  for (const row of rows) {
    const { attackId, sequence, eventTime, startedAt, endedAt, target, group, tenant, type, attack } = row;
    attackStatement.run(attackId, sequence, eventTime, startedAt, endedAt, target, group, tenant, type, attack);
    eventStatement.run(attackId, sequence, eventTime, row.event, row.code, row.detail);
  }
}

function insertTraffic(db: DatabaseSync, rows: readonly TrafficRow[]): void {
  const statement = db.prepare(INSERT_TRAFFIC);
  for (const { time, intervalSeconds, scope, target, group, tenant, mean, peak } of rows) {
    statement.run(
      Math.floor(time / (CHUNK_SECONDS * 1000)),
      scope === 'group' ? 1 : 0,
      target,
      time,
      intervalSeconds,
      group,
      tenant,
      thousandths(mean.pps),
      thousandths(mean.mbps),
      thousandths(mean.flows_per_sec),
      thousandths(peak.pps),
      thousandths(peak.mbps),
      thousandths(peak.flows_per_sec),
    );
  }
}

function insertAudit(db: DatabaseSync, rows: readonly AuditEventRow[]): void {
  const statement = db.prepare(INSERT_AUDIT);
  for (const row of rows) {
    const { sequence, eventTime, action, result, operator, role, tenant, target } = row;
    const { targetType, reason, source, client, banState, dryRun, code } = row;
    const who = [action, result, operator, role, tenant] as const;
    const what = [target, targetType, reason, source, client, banState, dryRun ? 1 : 0, code] as const;
    statement.run(sequence, eventTime, ...who, ...what);
  }
}

function thousandths(rate: number): number {
  return Math.round(rate * THOUSAND);
}
