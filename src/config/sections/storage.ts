/*
 * `storage`: where the embedded store is, how much history it holds, and the ClickHouse server that keeps the history
 * instead.
 */
import path from 'node:path';
import * as z from 'zod';
import { environmentVariable, httpUrl, integer, text } from '../fields.ts';
import { defineSection, type FileOf, type Origin, type RuleContext } from '../section.ts';

/** A hundred years. A longer one is a mistake of units. */
const MAX_DAYS = 36_500;

/** The user of a ClickHouse server where the file names none. */
const DEFAULT_USER = 'default';

/** An interval of more than an hour would hide every attack. */
const trafficInterval = () => integer(1, 3600).default(10);

const clickhouseSchema = z
  .strictObject({
    url: httpUrl().describe('HTTP interface of the server: http://clickhouse.example.net:8123'),
    database: text('the name of a database: letters, digits and _', /^[A-Za-z_]\w{0,63}$/)
      .default('kapkan')
      .describe('Database of the tables; database and tables are created if absent'),
    username_env: environmentVariable().optional().describe('Environment variable that holds the user name'),
    password_env: environmentVariable().optional().describe('Environment variable that holds the password'),
    ttl_days: integer(1, MAX_DAYS).default(7).describe('Age at which ClickHouse removes rows'),
    flush_interval_seconds: integer(1, 300).default(5).describe('Longest time that a row waits for others'),
    batch_size: integer(1, 100_000)
      .default(1000)
      .describe('Rows of a table that are written at once; up to ten times as many to catch up'),
    queue_size: integer(1, 10_000_000)
      .default(100_000)
      .describe(
        'Most rows that wait while the server is slow or cannot be reached; further ones are dropped and counted',
      ),
    traffic_interval_seconds: trafficInterval().describe('As storage.traffic_interval_seconds, for ClickHouse'),
    cluster: text('the name of a cluster: letters, digits, _ . and -', /^[\w.-]{1,64}$/)
      .optional()
      .describe('Creates replicated tables on this cluster, with a Distributed table in front of each'),
  })
  .describe('A ClickHouse server that keeps the history, instead of the embedded store');

const keys = {
  storage: z
    .strictObject({
      path: text('the path of a directory')
        .default('./kapkan-state')
        .describe('Directory of the embedded store; created if missing'),
      retention_days: integer(1, MAX_DAYS).default(7).describe('Age at which the embedded history is removed'),
      traffic_interval_seconds: trafficInterval().describe(
        'Interval of a traffic row, which holds the mean and the peak of one host that had traffic, or of one group',
      ),
      clickhouse: clickhouseSchema.optional(),
    })
    .prefault({})
    .describe('What survives a restart'),
};

type StorageFile = FileOf<typeof keys>;

export interface StorageConfig {
  /** Directory of the embedded store, absolute. */
  readonly path: string;
  /** Of the embedded history. */
  readonly retentionDays: number;
  readonly trafficIntervalSeconds: number;
  /** Undefined = history is embedded. */
  readonly clickhouse: ClickhouseConfig | undefined;
}

/** Structured-cloneable: it is handed to the thread that writes. */
export interface ClickhouseConfig {
  readonly url: string;
  readonly database: string;
  /** From the environment, like the password. */
  readonly username: string;
  readonly password: string;
  readonly ttlDays: number;
  readonly flushIntervalSeconds: number;
  /** So many rows of a table are written without waiting for more. */
  readonly batchSize: number;
  /** Most rows that wait. */
  readonly queueSize: number;
  readonly trafficIntervalSeconds: number;
  /** Undefined = one server. */
  readonly cluster: string | undefined;
}

function checkVariables({ file, readVariable }: RuleContext<StorageFile>): void {
  for (const key of ['username_env', 'password_env'] as const) {
    const variable = file.storage?.clickhouse?.[key];
    if (variable !== undefined) readVariable(['storage', 'clickhouse', key], variable);
  }
}

function resolveStorage({ storage }: StorageFile, { directory, env }: Origin): { readonly storage: StorageConfig } {
  return {
    storage: {
      path: path.resolve(directory, storage.path),
      retentionDays: storage.retention_days,
      trafficIntervalSeconds: storage.traffic_interval_seconds,
      clickhouse: storage.clickhouse && resolveClickhouse(storage.clickhouse, env),
    },
  };
}

function resolveClickhouse(
  clickhouse: NonNullable<StorageFile['storage']['clickhouse']>,
  env: NodeJS.ProcessEnv,
): ClickhouseConfig {
  const { username_env, password_env } = clickhouse;
  return {
    url: clickhouse.url,
    database: clickhouse.database,
    username: (username_env && env[username_env]) || DEFAULT_USER,
    password: (password_env && env[password_env]) || '',
    ttlDays: clickhouse.ttl_days,
    flushIntervalSeconds: clickhouse.flush_interval_seconds,
    batchSize: clickhouse.batch_size,
    queueSize: clickhouse.queue_size,
    trafficIntervalSeconds: clickhouse.traffic_interval_seconds,
    cluster: clickhouse.cluster,
  };
}

export const storageSection = defineSection({
  keys,
  rules: [checkVariables],
  resolve: resolveStorage,
  reload: {
    storage: {
      path: ({ storage }) => storage.path,
      retention_days: ({ storage }) => storage.retentionDays,
      traffic_interval_seconds: ({ storage }) => storage.trafficIntervalSeconds,
      clickhouse: ({ storage }) => storage.clickhouse,
    },
  },
});
