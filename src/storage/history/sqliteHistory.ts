/*
 * History in the embedded SQLite file. SQLite calls are synchronous, so this runs in the history thread.
 */
import { statfsSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { AuditQuery } from '../../auditEvent.ts';
import { messageOf } from '../../errors.ts';
import { CHUNK_SECONDS, isRowRefused, isUnreadable, openHistoryFile, putAside } from './historyFile.ts';
import { attackCursor, attackPage, auditCursor, auditPage, type TrafficSums, trafficPoints } from './historyPages.ts';
import type { AttackEventRow, AuditEventRow, HistoryTable, RowOf } from './historyRows.ts';
import {
  type AttackQuery,
  boundedTrafficQuery,
  type HistoryBackend,
  HistoryError,
  MAX_PAST_EVENTS,
  type Page,
  type PastAttack,
  type PastEvent,
  type PastIncident,
  type TrafficPoint,
  type TrafficQuery,
} from './historyStore.ts';
import { insertRows } from './sqliteInserts.ts';

const MEBIBYTE = 1_048_576;

/** Most pages of 4 KiB that a batch may need. */
const UNUSED_PAGES_NEEDED = 1024;

/** Rows deleted at a time. Between two deletions the thread does its other work. */
const PRUNED_AT_ONCE = 20_000;

const SELECT_TRAFFIC = `
  WITH RECURSIVE chunks (chunk) AS (SELECT CAST(:first AS INTEGER) UNION ALL SELECT chunk + 1 FROM chunks WHERE chunk < :last)
  SELECT time / CAST(:stepMs AS INTEGER) AS step,
    SUM(mean_pps * interval_seconds) / 1000.0 AS packets,
    SUM(mean_mbps * interval_seconds) / 1000.0 AS megabits,
    SUM(mean_flows * interval_seconds) / 1000.0 AS flows,
    MAX(peak_pps) / 1000.0 AS peakPps, MAX(peak_mbps) / 1000.0 AS peakMbps, MAX(peak_flows) / 1000.0 AS peakFlowsPerSec
  FROM chunks CROSS JOIN traffic USING (chunk)
  WHERE is_group = :isGroup AND target = :target AND time >= :from AND time < :to
    AND (:tenant IS NULL OR tenant = :tenant)
  GROUP BY step ORDER BY step`;

export interface SqliteHistoryOptions {
  /** Path of the database. */
  readonly file: string;
  readonly retentionDays: number;
  /** Called when an unreadable file was put aside. */
  readonly onPutAside: (why: string, aside: string) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Space on the disk of the file. Tests replace it. */
  readonly diskSpace?: (directory: string) => DiskSpace | undefined;
}

export class SqliteHistory implements HistoryBackend {
  readonly #options: SqliteHistoryOptions;
  #db: DatabaseSync | undefined;

  /** Opens nothing yet. A file that cannot be opened now is tried again later; until then rows wait. */
  constructor(options: SqliteHistoryOptions) {
    this.#options = options;
  }

  /** A row that is already stored is skipped, so the token is not needed. */
  async insert<Table extends HistoryTable>(table: Table, rows: readonly RowOf[Table][]): Promise<void> {
    this.#use((db) => {
      this.#requireRoom(db, table);
      db.exec('BEGIN IMMEDIATE');
      try {
        insertRows(db, table, rows);
        db.exec('COMMIT');
      } catch (error) {
        // After some errors, such as a full disk, SQLite has already rolled back.
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  async attacks(query: AttackQuery): Promise<Page<PastAttack>> {
    const { target, group, type, tenant, from, to, limit } = query;
    const where = new Conditions();
    where.add('target = ?', target);
    where.add('grp = ?', group);
    where.add('type = ?', type);
    where.add('tenant = ?', tenant);
    where.add('started_at < ?', to);
    where.add('(CASE ended_at WHEN 0 THEN event_time ELSE ended_at END) >= ?', from);
    const cursor = query.cursor === undefined ? undefined : attackCursor(query.cursor);
    if (cursor !== undefined) where.add('(started_at, attack_id) < (?, ?)', cursor.startedAt, cursor.attackId);
    const rows = this.#select(
      `SELECT started_at AS startedAt, attack_id AS attackId, attack FROM attacks ${where.text}
       ORDER BY started_at DESC, attack_id DESC LIMIT ${limit + 1}`,
      where.values,
    );
    return attackPage(rows as unknown as AttackEventRow[], limit);
  }

  async attack(id: string): Promise<PastIncident | undefined> {
    const [row] = this.#select('SELECT attack FROM attacks WHERE attack_id = ?', [id]);
    if (row === undefined) return undefined;
    const newestFirst = this.#select(
      `SELECT event_time AS time, event, code, detail FROM timeline WHERE attack_id = ?
       ORDER BY sequence DESC LIMIT ${MAX_PAST_EVENTS}`,
      [id],
    );
    const timeline = newestFirst.toReversed().map((event) => ({ ...event }) as unknown as PastEvent);
    return { id, attack: String(row.attack), timeline };
  }

  async traffic(asked: TrafficQuery): Promise<readonly TrafficPoint[]> {
    const query = boundedTrafficQuery(asked, this.#options.retentionDays, this.#options.now());
    if (query === undefined) return [];
    const chunkMs = CHUNK_SECONDS * 1000;
    const sums = this.#select(SELECT_TRAFFIC, {
      first: Math.floor(query.from / chunkMs),
      last: Math.floor(query.to / chunkMs),
      stepMs: query.stepSeconds * 1000,
      isGroup: query.scope === 'group' ? 1 : 0,
      target: query.target,
      from: query.from,
      to: query.to,
      tenant: query.tenant ?? null,
    });
    return trafficPoints(sums as unknown as TrafficSums[], query);
  }

  async audit(query: AuditQuery): Promise<Page<AuditEventRow>> {
    const { action, target, tenant, from, to, limit } = query;
    const where = new Conditions();
    where.add('action = ?', action);
    where.add('target = ?', target);
    where.add('tenant = ?', tenant);
    where.add('event_time >= ?', from);
    where.add('event_time < ?', to);
    where.add('sequence < ?', query.cursor === undefined ? undefined : auditCursor(query.cursor));
    const rows = this.#select(
      `SELECT sequence, event_time AS eventTime, action, result, operator, role, tenant, target,
         target_type AS targetType, reason, source, client, ban_state AS banState, dry_run AS dryRun, code
       FROM audit_events ${where.text} ORDER BY sequence DESC LIMIT ${limit + 1}`,
      where.values,
    ) as unknown as AuditEventRow[];
    return auditPage(
      rows.map((row) => ({ ...row, dryRun: Boolean(row.dryRun) })),
      limit,
    );
  }

  async prune(now: number): Promise<void> {
    const cutoff = Math.floor(now - this.#options.retentionDays * 86_400_000);
    const statements: [string, number][] = [
      [
        `DELETE FROM traffic WHERE (chunk, is_group, target, time) IN
          (SELECT chunk, is_group, target, time FROM traffic WHERE chunk < ? LIMIT ${PRUNED_AT_ONCE})`,
        Math.floor(cutoff / (CHUNK_SECONDS * 1000)),
      ],
      ['DELETE FROM attacks WHERE event_time < ?', cutoff],
      // The timeline goes with its attack: one that lasts longer than history is kept stays whole.
      ['DELETE FROM timeline WHERE event_time < ? AND attack_id NOT IN (SELECT attack_id FROM attacks)', cutoff],
      ['DELETE FROM audit_events WHERE event_time < ?', cutoff],
    ];
    for (const [sql, limit] of statements) {
      while (this.#use((db) => db.prepare(sql).run(limit)).changes === PRUNED_AT_ONCE) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  async close(): Promise<void> {
    this.#db?.close();
    this.#db = undefined;
  }

  #select(sql: string, values: SQLInputValue[] | Record<string, SQLInputValue>): Record<string, unknown>[] {
    return this.#use((db) => {
      const statement = db.prepare(sql);
      return Array.isArray(values) ? statement.all(...values) : statement.all(values);
    });
  }

  #use<Result>(work: (db: DatabaseSync) => Result): Result {
    try {
      this.#db ??= openHistoryFile(this.#options.file);
      return work(this.#db);
    } catch (error) {
      if (error instanceof HistoryError && error.fault === 'full') throw error;
      if (isUnreadable(error)) this.#replaceFile(messageOf(error));
      if (isRowRefused(error)) throw new HistoryError('refused', `${this.#options.file}: ${messageOf(error)}`, error);
      throw new HistoryError('unavailable', `${this.#options.file}: ${messageOf(error)}`, error);
    }
  }

  /** Throws `full` where the disk is nearly full and the file has no free pages of its own. */
  #requireRoom(db: DatabaseSync, table: HistoryTable): void {
    const { file, diskSpace = diskSpaceOf } = this.#options;
    const space = diskSpace(path.dirname(file));
    if (space === undefined || space.freeBytes >= reservedBytes(space.totalBytes, table)) return;
    const unused = Number(db.prepare('PRAGMA freelist_count').get()?.freelist_count);
    if (unused >= UNUSED_PAGES_NEEDED) return;
    throw new HistoryError('full', `${file}: the disk is nearly full, and the remaining space is reserved for bans`);
  }

  /** Puts the file aside. The rows of the failed write are retried and go into the new file. */
  #replaceFile(why: string): void {
    try {
      this.#db?.close();
      this.#db = undefined;
      this.#options.onPutAside(why, putAside(this.#options.file));
    } catch (error) {
      throw new HistoryError('unavailable', `${this.#options.file}: ${why}; ${messageOf(error)}`, error);
    }
  }
}

/** Builds a `WHERE` of the conditions whose values are defined. */
class Conditions {
  readonly values: SQLInputValue[] = [];
  readonly #texts: string[] = [];

  add(text: string, ...values: (SQLInputValue | undefined)[]): void {
    const known = values.filter((value) => value !== undefined);
    if (known.length < values.length) return;
    this.#texts.push(text);
    this.values.push(...known);
  }

  get text(): string {
    return this.#texts.length === 0 ? '' : `WHERE ${this.#texts.join(' AND ')}`;
  }
}

/**
 * Bytes to leave free on a disk of this size: a twentieth, at least 4 and at most 256 MiB. Bans are stored on the same
 * disk, and a ban that cannot be stored is not announced, so history stops first. Traffic, the largest part, stops
 * earlier than attacks and audit.
 */
function reservedBytes(diskBytes: number, table: HistoryTable): number {
  const reserved = Math.min(256 * MEBIBYTE, Math.max(4 * MEBIBYTE, diskBytes / 20));
  return table === 'traffic' ? reserved : reserved / 4;
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** Space on the disk of the directory; undefined where it cannot be read. */
function diskSpaceOf(directory: string): DiskSpace | undefined {
  try {
    const { bsize, blocks, bavail } = statfsSync(directory);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch {
    return undefined;
  }
}
