/*
 * History in ClickHouse, over its HTTP interface. Every event is a row; the newest row of an attack has its latest
 * state.
 */
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { AuditQuery } from '../../auditEvent.ts';
import type { ClickhouseConfig } from '../../config/sections/storage.ts';
import { messageOf } from '../../errors.ts';
import {
  type AttackOfPage,
  attackCursor,
  attackPage,
  auditCursor,
  auditPage,
  type TrafficSums,
  trafficPoints,
} from '../history/historyPages.ts';
import type { AuditEventRow, HistoryTable, RowOf } from '../history/historyRows.ts';
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
} from '../history/historyStore.ts';
import { clickhouseRows } from './clickhouseRows.ts';
import { quoted, schemaStatements } from './clickhouseSchema.ts';

const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Errors of the server about the rows or our SQL: what cannot be parsed or converted cannot be the next time either.
 * Every other error may be temporary.
 */
const REFUSALS: ReadonlySet<string> = new Set([
  'ARGUMENT_OUT_OF_BOUND',
  'CANNOT_CONVERT_TYPE',
  'CANNOT_PARSE_DATE',
  'CANNOT_PARSE_ESCAPE_SEQUENCE',
  'CANNOT_PARSE_QUOTED_STRING',
  'CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN',
  'DECIMAL_OVERFLOW',
  'TOO_LARGE_STRING_SIZE',
  'CANNOT_PARSE_TEXT',
  'CANNOT_PARSE_INPUT_ASSERTION_FAILED',
  'CANNOT_PARSE_DATETIME',
  'CANNOT_PARSE_NUMBER',
  'CANNOT_PARSE_BOOL',
  'INCORRECT_DATA',
  'TYPE_MISMATCH',
  'VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE',
  'NO_SUCH_COLUMN_IN_TABLE',
  'UNKNOWN_IDENTIFIER',
  'SYNTAX_ERROR',
]);

/** The tables are missing. They are created before the next attempt. */
const SCHEMA_IS_MISSING: ReadonlySet<string> = new Set(['UNKNOWN_TABLE', 'UNKNOWN_DATABASE']);

type Parameters = Record<string, string | number>;

export class ClickhouseHistory implements HistoryBackend {
  readonly #config: ClickhouseConfig;
  readonly #now: () => number;
  readonly #client: ClickHouseClient;
  #hasSchema = false;

  /** Does not connect yet. `now` gives epoch milliseconds. */
  constructor(config: ClickhouseConfig, now: () => number) {
    this.#config = config;
    this.#now = now;
    this.#client = createClient({
      url: config.url,
      username: config.username,
      password: config.password,
      application: 'kapkan',
      // Errors are thrown and logged by Kapkan.
      log: { level: ClickHouseLogLevel.OFF },
      request_timeout: REQUEST_TIMEOUT_MS,
      max_open_connections: 4,
      compression: { request: true, response: false },
    });
  }

  async insert<Table extends HistoryTable>(table: Table, rows: readonly RowOf[Table][], token: string): Promise<void> {
    await this.#guarded(async () => {
      await this.#client.insert({
        table: this.#table(table),
        values: clickhouseRows(table, rows),
        format: 'JSONEachRow',
        clickhouse_settings: {
          // By the token the server knows that a batch is already stored, if an answer was lost.
          insert_deduplication_token: token,
          insert_deduplicate: 1,
          async_insert: 0,
          // One block for each batch, however large, so that the token covers all its rows.
          max_insert_block_size: '1048576',
          // A Distributed table answers only after every shard has its part.
          distributed_foreground_insert: 1,
          // A batch may hold rows of many days, which are many partitions.
          max_partitions_per_insert_block: '0',
        },
      });
    });
  }

  async attacks(query: AttackQuery): Promise<Page<PastAttack>> {
    const { target, group, type, tenant, from, to, limit } = query;
    const where = new Conditions();
    where.add('target = {target: String}', { target });
    where.add('`group` = {group: String}', { group });
    where.add('type = {type: String}', { type });
    where.add('tenant = {tenant: String}', { tenant });
    where.add('startedAt < {to: Int64}', { to });
    where.add('toUnixTimestamp64Milli(ifNull(ended_at, event_time)) >= {from: Int64}', { from });
    const cursor = query.cursor === undefined ? undefined : attackCursor(query.cursor);
    where.add('(startedAt, attack_id) < ({beforeStart: Int64}, {beforeId: String})', {
      beforeStart: cursor?.startedAt,
      beforeId: cursor?.attackId,
    });
    const rows = await this.#select<AttackOfPage>(
      `SELECT startedAt, attack_id AS attackId, attack FROM (
         SELECT *, toUnixTimestamp64Milli(started_at) AS startedAt FROM ${this.#table('attack_events')}
         ORDER BY attack_id, sequence DESC LIMIT 1 BY attack_id
       ) ${where.text} ORDER BY startedAt DESC, attack_id DESC LIMIT ${limit + 1}`,
      where.values,
    );
    return attackPage(rows, limit);
  }

  async attack(id: string): Promise<PastIncident | undefined> {
    const newestFirst = await this.#select<PastEvent & { readonly attack: string }>(
      `SELECT toUnixTimestamp64Milli(event_time) AS time, event, code, detail, attack
       FROM ${this.#table('attack_events')} WHERE attack_id = {id: String}
       ORDER BY sequence DESC LIMIT ${MAX_PAST_EVENTS}`,
      { id },
    );
    if (newestFirst.length === 0) return undefined;
    const timeline = newestFirst.toReversed().map(({ time, event, code, detail }) => ({ time, event, code, detail }));
    return { id, attack: newestFirst[0].attack, timeline };
  }

  async traffic(asked: TrafficQuery): Promise<readonly TrafficPoint[]> {
    const query = boundedTrafficQuery(asked, this.#config.ttlDays, this.#now());
    if (query === undefined) return [];
    const { scope, target, from, to, stepSeconds, tenant } = query;
    const where = new Conditions();
    where.add('scope = {scope: String}', { scope });
    where.add('target = {target: String}', { target });
    where.add('time >= fromUnixTimestamp64Milli({from: Int64})', { from });
    where.add('time < fromUnixTimestamp64Milli({to: Int64})', { to });
    where.add('tenant = {tenant: String}', { tenant });
    const sums = await this.#select<TrafficSums>(
      `SELECT intDiv(toUnixTimestamp64Milli(time), {stepMs: Int64}) AS step,
         sum(mean_pps * interval_seconds) AS packets,
         sum(mean_mbps * interval_seconds) AS megabits,
         sum(mean_flows_per_sec * interval_seconds) AS flows,
         max(peak_pps) AS peakPps, max(peak_mbps) AS peakMbps, max(peak_flows_per_sec) AS peakFlowsPerSec
       FROM ${this.#table('traffic')} ${where.text} GROUP BY step ORDER BY step`,
      { ...where.values, stepMs: stepSeconds * 1000 },
    );
    return trafficPoints(sums, query);
  }

  async audit(query: AuditQuery): Promise<Page<AuditEventRow>> {
    const { action, target, tenant, from, to, limit } = query;
    const where = new Conditions();
    where.add('action = {action: String}', { action });
    where.add('target = {target: String}', { target });
    where.add('tenant = {tenant: String}', { tenant });
    where.add('event_time >= fromUnixTimestamp64Milli({from: Int64})', { from });
    where.add('event_time < fromUnixTimestamp64Milli({to: Int64})', { to });
    where.add('sequence < {before: UInt64}', {
      before: query.cursor === undefined ? undefined : auditCursor(query.cursor),
    });
    const rows = await this.#select<AuditEventRow>(
      `SELECT sequence, toUnixTimestamp64Milli(event_time) AS eventTime, action, result, operator, role, tenant, target,
         target_type AS targetType, reason, source, client, ban_state AS banState, dry_run AS dryRun, code
       FROM ${this.#table('audit_events')} ${where.text} ORDER BY sequence DESC LIMIT ${limit + 1}`,
      where.values,
    );
    return auditPage(rows, limit);
  }

  /** The TTL of the tables deletes old rows. */
  async prune(): Promise<void> {}

  async close(): Promise<void> {
    await this.#client.close();
  }

  #table(table: HistoryTable): string {
    return `${quoted(this.#config.database)}.${table}`;
  }

  #select<Row>(query: string, values: Parameters): Promise<readonly Row[]> {
    return this.#guarded(async () => {
      const answer = await this.#client.query({
        query,
        query_params: values,
        format: 'JSONEachRow',
        // The 64-bit numbers here are times and sequences, which a double holds exactly.
        clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
      });
      return answer.json<Row>();
    });
  }

  async #guarded<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      if (!this.#hasSchema) {
        for (const query of schemaStatements(this.#config)) await this.#client.command({ query });
        this.#hasSchema = true;
      }
      return await work();
    } catch (error) {
      const type = error instanceof ClickHouseError ? (error.type ?? '') : '';
      if (SCHEMA_IS_MISSING.has(type)) this.#hasSchema = false;
      // Node throws these while it encodes the rows, before anything is sent.
      const isValue = error instanceof RangeError || error instanceof TypeError;
      const fault = isValue || REFUSALS.has(type) ? 'refused' : 'unavailable';
      throw new HistoryError(fault, `ClickHouse at ${this.#config.url}: ${messageOf(error)}`, error);
    }
  }
}

/** Builds a `WHERE` of the conditions whose values are defined. */
class Conditions {
  readonly values: Parameters = {};
  readonly #texts: string[] = [];

  add(text: string, values: Record<string, string | number | undefined>): void {
    if (Object.values(values).includes(undefined)) return;
    this.#texts.push(text);
    Object.assign(this.values, values);
  }

  get text(): string {
    return this.#texts.length === 0 ? '' : `WHERE ${this.#texts.join(' AND ')}`;
  }
}
