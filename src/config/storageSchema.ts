/*
 * The section of the config file about what is kept: where the embedded store is, how much history it holds, and the
 * ClickHouse server that takes the history instead.
 */
import * as z from 'zod';
import { environmentVariable, integer, text } from './fields.ts';
import { HTTP_URL, isHttpUrl } from './notifySchema.ts';

/** A hundred years: who keeps history for longer has another place for it. */
const MAX_DAYS = 36_500;

/** A day divides evenly into the intervals one would choose; longer than an hour would hide every attack. */
const trafficInterval = () => integer(1, 3600).default(10);

const httpError = `must be ${HTTP_URL}`;

const clickhouseSchema = z
  .strictObject({
    url: z
      .string({ error: httpError })
      .trim()
      .refine(isHttpUrl, { error: httpError })
      .describe('HTTP interface of the server: http://clickhouse.example.net:8123'),
    database: text('the name of a database: letters, digits and _', /^[A-Za-z_]\w{0,63}$/)
      .default('kapkan')
      .describe('Database of the tables; created if absent, as they are'),
    username_env: environmentVariable().optional().describe('Environment variable that holds the user name'),
    password_env: environmentVariable().optional().describe('Environment variable that holds the password'),
    ttl_days: integer(1, MAX_DAYS).default(7).describe('Age at which ClickHouse removes rows'),
    flush_interval_seconds: integer(1, 300).default(5).describe('Rows wait at most so long for others'),
    batch_size: integer(1, 100_000)
      .default(1000)
      .describe('So many waiting rows of a table are written at once; more, up to ten times that, to catch up'),
    queue_size: integer(1, 10_000_000)
      .default(100_000)
      .describe('Rows that wait at most while the server is slow or away; further ones are dropped and counted'),
    traffic_interval_seconds: trafficInterval().describe('As storage.traffic_interval_seconds, for ClickHouse'),
    cluster: text('the name of a cluster: letters, digits, _ . and -', /^[\w.-]{1,64}$/)
      .optional()
      .describe('Creates replicated tables on this cluster, with a Distributed table in front of each'),
  })
  .describe('A ClickHouse server that keeps the history, instead of the embedded store');

export const storageSchema = z
  .strictObject({
    path: text('the path of a directory')
      .default('./kapkan-state')
      .describe('Directory of the embedded store; created if missing'),
    retention_days: integer(1, MAX_DAYS).default(7).describe('Age at which the embedded history is removed'),
    traffic_interval_seconds: trafficInterval().describe(
      'A row of traffic holds the mean and the peak over so long, of each host that had traffic and of each group',
    ),
    clickhouse: clickhouseSchema.optional(),
  })
  .prefault({})
  .describe('What survives a restart');
