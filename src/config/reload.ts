/*
 * Which parts of the configuration a running daemon cannot change: sockets, threads and what is sized or opened once
 * at start. A reload that touches one of them is refused whole, so that what runs is always one file.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';

/** By the names of the file. */
const FIXED_AT_START: Readonly<Record<string, (config: Config) => unknown>> = {
  'listen.netflow': (config) => config.listen.netflow,
  'listen.sflow': (config) => config.listen.sflow,
  'ingest.workers': (config) => config.ingest.workers,
  'ingest.receive_buffer_bytes': (config) => config.ingest.receiveBufferBytes,
  'samples.enabled': (config) => config.samples.enabled,
  'samples.buffer_flows': (config) => config.samples.bufferFlows,
  'samples.flows_per_attack': (config) => config.samples.flowsPerAttack,
  'storage.path': (config) => config.storage.path,
  'storage.retention_days': (config) => config.storage.retentionDays,
  'storage.traffic_interval_seconds': (config) => config.storage.trafficIntervalSeconds,
  'storage.clickhouse': (config) => config.storage.clickhouse,
  'gobgp.address': (config) => config.gobgp.addresses,
  'gobgp.api': (config) => config.gobgp.api,
  'gobgp.tls': (config) => config.gobgp.tls,
  'gobgp.timeout_seconds': (config) => config.gobgp.timeoutSeconds,
  'gobgp.instance_id': (config) => config.gobgp.instanceId,
  'api.listen': (config) => config.api.listen,
};

/** The keys that differ and need a restart; empty if `next` may replace `running` live. */
export function reloadProblems(running: Config, next: Config): string[] {
  return Object.keys(FIXED_AT_START).filter((key) => {
    const read = FIXED_AT_START[key];
    return !isDeepStrictEqual(read(running), read(next));
  });
}
