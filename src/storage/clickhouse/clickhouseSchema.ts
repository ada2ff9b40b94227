/*
 * The tables in ClickHouse, created where they are missing. The order keys suit the API's queries. The codecs suit the
 * columns: times and rates of one series change little from row to row.
 *
 * On a cluster each table is a replicated table named `…_local` on every shard, with a Distributed table of the plain
 * name in front. The target decides the shard of a row, so that a batch that is sent again goes to the same shards, and
 * each shard recognises the batches that it already has.
 */
import type { ClickhouseConfig } from '../../config/sections/storage.ts';
import { HISTORY_TABLES, type HistoryTable } from '../history/historyRows.ts';

/** How many batches a table recognises as already stored. */
const REMEMBERED_BATCHES = 10_000;

const TIME = "DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))";
const WORD = 'LowCardinality(String)';
const RATE = 'Float64 CODEC(Gorilla, ZSTD(1))';
const TEXT = 'String CODEC(ZSTD(3))';

interface Table {
  readonly columns: readonly (readonly [name: string, type: string])[];
  /** Columns that tables of the first edition do not have. */
  readonly added: readonly string[];
  readonly orderKey: string;
  /** The column that the table is partitioned by, and that rows age by. */
  readonly time: string;
}

const TABLES: { readonly [table in HistoryTable]: Table } = {
  attack_events: {
    columns: [
      ['sequence', 'UInt64 CODEC(Delta, ZSTD(1))'],
      ['event_time', TIME],
      ['event', WORD],
      ['attack_id', TEXT],
      ['started_at', TIME],
      ['ended_at', `Nullable(DateTime64(3, 'UTC'))`],
      ['scope', WORD],
      ['target', TEXT],
      ['group', WORD],
      ['tenant', WORD],
      ['direction', WORD],
      ['type', WORD],
      ['metric', WORD],
      ['rate', RATE],
      ['threshold', RATE],
      ['pps', RATE],
      ['mbps', RATE],
      ['flows_per_sec', RATE],
      ['ban_state', WORD],
      ['method', WORD],
      ['route', TEXT],
      ['dry_run', 'Bool'],
      ['attack', TEXT],
      ['code', WORD],
      ['detail', TEXT],
    ],
    added: ['code', 'detail'],
    orderKey: 'started_at, attack_id, sequence',
    time: 'event_time',
  },
  traffic: {
    columns: [
      ['time', TIME],
      ['interval_seconds', 'UInt32 CODEC(ZSTD(1))'],
      ['scope', WORD],
      ['target', TEXT],
      ['group', WORD],
      ['tenant', WORD],
      ['mean_pps', RATE],
      ['mean_mbps', RATE],
      ['mean_flows_per_sec', RATE],
      ['peak_pps', RATE],
      ['peak_mbps', RATE],
      ['peak_flows_per_sec', RATE],
    ],
    added: [],
    orderKey: 'scope, target, time',
    time: 'time',
  },
  audit_events: {
    columns: [
      ['sequence', 'UInt64 CODEC(Delta, ZSTD(1))'],
      ['event_time', TIME],
      ['action', WORD],
      ['result', WORD],
      ['operator', WORD],
      ['role', WORD],
      ['tenant', WORD],
      ['target', TEXT],
      ['target_type', WORD],
      ['reason', TEXT],
      ['source', WORD],
      ['client', TEXT],
      ['ban_state', WORD],
      ['dry_run', 'Bool'],
      ['code', WORD],
    ],
    added: ['code'],
    orderKey: 'event_time, sequence',
    time: 'event_time',
  },
};

/** The statements to run, in this order, before anything is written. They can be run again at any time. */
export function schemaStatements(config: ClickhouseConfig): string[] {
  const onCluster = config.cluster === undefined ? '' : ` ON CLUSTER ${quoted(config.cluster)}`;
  const database = `CREATE DATABASE IF NOT EXISTS ${quoted(config.database)}${onCluster}`;
  return [database, ...HISTORY_TABLES.flatMap((table) => tableStatements(table, config, onCluster))];
}

/** A quoted name for ClickHouse's SQL. */
export function quoted(name: string): string {
  return `\`${name.replaceAll(/[\\`]/g, '\\$&')}\``;
}

function tableStatements(table: HistoryTable, config: ClickhouseConfig, onCluster: string): string[] {
  const { columns, added, orderKey, time } = TABLES[table];
  const full = (name: string): string => `${quoted(config.database)}.${quoted(name)}`;
  const isReplicated = config.cluster !== undefined;
  const local = full(isReplicated ? `${table}_local` : table);
  const ttl = `toDateTime(${time}) + INTERVAL ${config.ttlDays} DAY`;
  const path = `'/clickhouse/tables/{shard}/${config.database}/${table}_local'`;
  const engine = isReplicated ? `ReplicatedMergeTree(${path}, '{replica}')` : 'MergeTree';
  const window = isReplicated ? 'replicated_deduplication_window' : 'non_replicated_deduplication_window';
  const clauses = columns
    .filter(([name]) => added.includes(name))
    .map((column) => `ADD COLUMN IF NOT EXISTS ${columnText(column)}`);
  const additions = (name: string): string[] =>
    clauses.length === 0 ? [] : [`ALTER TABLE ${name}${onCluster} ${clauses.join(', ')}`];
  const statements = [
    `CREATE TABLE IF NOT EXISTS ${local}${onCluster} (
      ${columns.map(columnText).join(', ')}
    ) ENGINE = ${engine} PARTITION BY toDate(${time}, 'UTC') ORDER BY (${orderKey}) TTL ${ttl}
    SETTINGS ${window} = ${REMEMBERED_BATCHES}, ttl_only_drop_parts = 1`,
    // The table may have been created with another ttl_days.
    `ALTER TABLE ${local}${onCluster} MODIFY TTL ${ttl} SETTINGS materialize_ttl_after_modify = 0`,
    ...additions(local),
  ];
  if (config.cluster === undefined) return statements;
  const shard = table === 'audit_events' ? 'cityHash64(operator)' : 'cityHash64(target)';
  const database = `'${config.database.replaceAll(/[\\']/g, '\\$&')}'`;
  const distributed = `Distributed(${quoted(config.cluster)}, ${database}, '${table}_local', ${shard})`;
  return [
    ...statements,
    `CREATE TABLE IF NOT EXISTS ${full(table)}${onCluster} AS ${local} ENGINE = ${distributed}`,
    ...additions(full(table)),
  ];
}

function columnText([name, type]: readonly [name: string, type: string]): string {
  return `${quoted(name)} ${type}`;
}
