/*
 * The rest about storage: rules across its keys, its secrets out of the environment, and its resolved form.
 */
import path from 'node:path';
import type { StorageConfig } from './config.ts';
import type { RuleContext } from './ruleContext.ts';
import type { FileConfig } from './schema.ts';
import type { KeyPath } from './yamlSource.ts';

/** Who one is to a ClickHouse server that was told no name. */
const DEFAULT_USER = 'default';

/** Empty where the file names no variable. */
export interface StorageSecrets {
  readonly clickhouseUsername: string;
  readonly clickhousePassword: string;
}

export function readStorageSecrets({ file, report }: RuleContext, env: NodeJS.ProcessEnv): StorageSecrets {
  const read = (key: 'username_env' | 'password_env'): string => {
    const variable = file.storage?.clickhouse?.[key];
    if (variable === undefined) return '';
    const value = env[variable] ?? '';
    const at: KeyPath = ['storage', 'clickhouse', key];
    if (value === '') report(at, `must name an environment variable that is set, ${variable} is unset or empty`);
    return value;
  };
  return { clickhouseUsername: read('username_env'), clickhousePassword: read('password_env') };
}

/** `directory` is where relative paths start. */
export function resolveStorage(
  storage: FileConfig['storage'],
  secrets: StorageSecrets,
  directory: string,
): StorageConfig {
  const { clickhouse } = storage;
  return {
    path: path.resolve(directory, storage.path),
    retentionDays: storage.retention_days,
    trafficIntervalSeconds: storage.traffic_interval_seconds,
    clickhouse: clickhouse && {
      url: clickhouse.url,
      database: clickhouse.database,
      username: secrets.clickhouseUsername || DEFAULT_USER,
      password: secrets.clickhousePassword,
      ttlDays: clickhouse.ttl_days,
      flushIntervalSeconds: clickhouse.flush_interval_seconds,
      batchSize: clickhouse.batch_size,
      queueSize: clickhouse.queue_size,
      trafficIntervalSeconds: clickhouse.traffic_interval_seconds,
      cluster: clickhouse.cluster,
    },
  };
}
