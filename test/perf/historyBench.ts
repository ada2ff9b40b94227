/*
 * How many rows a second the history takes without dropping one, and what that costs the receiving thread. Rows come as
 * they do in the daemon: samples of the traffic of ten thousand hosts, through the history thread, into SQLite and,
 * where ClickHouse's engine is installed (the storage tests do that), into that. Meanwhile this thread plays the
 * receiving one: it decodes and accounts, and its times with and without history beside it are compared. Run alone:
 * `node test/perf/historyBench.ts [--short]`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { planOf } from '../../src/engine/enginePlan.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import type { HistorySettings } from '../../src/storage/history/historyMessages.ts';
import { HistoryThread } from '../../src/storage/history/historyThread.ts';
import type { TrafficSample } from '../../src/storage/history/trafficIntervals.ts';
import { METRIC_COUNT } from '../../src/trafficMetrics.ts';
import { benchConfig, benchDatagrams } from './benchTelemetry.ts';
import type { BenchRow } from './decodeBench.ts';

const HOSTS = 10_000;
const ROWS_PER_SECOND = 20_000;

const LIMITS = { queueSize: 100_000, batchSize: 1000, maxBatchSize: 10_000, flushIntervalMs: 1000 };

const CHDB = path.join(
  process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'),
  'kapkan/chdb-3.4.0/node_modules/chdb',
);

export async function benchHistory(short: boolean): Promise<BenchRow[]> {
  const seconds = short ? 5 : 20;
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-history-'));
  try {
    const file = path.join(folder, 'history.db');
    const rows = await benchStore('SQLite', { kind: 'sqlite', file, retentionDays: 7 }, seconds);
    if (!existsSync(CHDB)) return rows;
    const server = fork(new URL('../storage/clickhouse/chdbServer.ts', import.meta.url), [
      CHDB,
      path.join(folder, 'data'),
      '0',
    ]);
    rows.push(...(await benchClickhouse(server, seconds)));
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchClickhouse(server: ChildProcess, seconds: number): Promise<BenchRow[]> {
  const [port] = await once(server, 'message');
  try {
    const clickhouse = {
      ...{ url: `http://127.0.0.1:${port}`, database: 'kapkan', username: 'default', password: '', ttlDays: 7 },
      ...{ flushIntervalSeconds: 1, batchSize: 1000, queueSize: 100_000, trafficIntervalSeconds: 10 },
      cluster: undefined,
    };
    return await benchStore('ClickHouse', { kind: 'clickhouse', clickhouse }, seconds);
  } finally {
    server.kill();
  }
}

async function benchStore(name: string, store: HistorySettings['store'], seconds: number): Promise<BenchRow[]> {
  const receiving = new ReceivingSide();
  const history = new HistoryThread({ store, limits: LIMITS }, ({ level, message, fields }) => {
    if (level !== 'info') console.error(name, message, fields);
  });
  // Alone before and after, so that a machine that becomes slower or faster meets both.
  const alone = await receiving.run(seconds * 500);
  const beside: number[] = [];
  const startedAt = performance.now();
  const samples = (seconds * ROWS_PER_SECOND) / HOSTS;
  for (let number = 0; number < samples; number++) {
    history.addTraffic(sample(Date.UTC(2026, 0, 1) + number * 10_000));
    const dueAt = startedAt + ((number + 1) * 1000 * HOSTS) / ROWS_PER_SECOND;
    beside.push(...(await receiving.run(dueAt - performance.now())));
  }
  // Each interval has a row of its one group, too.
  const sent = samples * (HOSTS + 1);
  const elapsedSeconds = await untilDone(history, sent, startedAt);
  alone.push(...(await receiving.run(seconds * 500)));
  const { written, dropped, error } = (await history.counts()).traffic;
  await history.stop();
  const ratio = percentile(beside, 0.5) / percentile(alone, 0.5);
  return [
    {
      name: `history, ${name}, ${ROWS_PER_SECOND} rows/s offered`,
      value: written / elapsedSeconds,
      unit: 'rows/s, last flush included',
    },
    { name: `history, ${name}, lost`, value: dropped + error + (sent - written - dropped - error), unit: 'rows' },
    {
      name: `history, ${name}, receiving beside it`,
      value: percentile(beside, 0.5),
      unit: 'µs/datagram, median',
      ratio,
      against: 'without',
    },
  ];
}

/** Seconds from the start until something has become of every row. */
async function untilDone(history: HistoryThread, sent: number, startedAt: number): Promise<number> {
  for (;;) {
    const { written, dropped, error } = (await history.counts()).traffic;
    const elapsedMs = performance.now() - startedAt;
    if (written + dropped + error >= sent || elapsedMs > 120_000) return elapsedMs / 1000;
    await sleep(50);
  }
}

/** Takes datagrams at a pace that leaves the thread time, as a receiving thread does, and notes what each took. */
class ReceivingSide {
  readonly #datagrams = benchDatagrams('netflow5', 7680, 1000);
  readonly #receiver: Receiver;
  #now = 0;

  constructor() {
    const config = benchConfig();
    this.#receiver = new Receiver(receiverSettingsOf(config, planOf(config, 1, 1)), 0);
  }

  /** Microseconds of each round of all the datagrams, by the datagram. */
  async run(forMs: number): Promise<number[]> {
    const taken: number[] = [];
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      const startedAt = performance.now();
      for (const datagram of this.#datagrams) {
        this.#now += 0.01;
        this.#receiver.receive('netflow', datagram, '192.0.2.1', this.#now);
      }
      taken.push(((performance.now() - startedAt) * 1000) / this.#datagrams.length);
      await sleep(2);
    }
    return taken;
  }
}

/** A whole interval in one sample. */
function sample(time: number): TrafficSample {
  const rates = new Float64Array(METRIC_COUNT * HOSTS);
  for (let host = 0; host < HOSTS; host++) rates.set([host + 1.5, host / 100, 3], METRIC_COUNT * host);
  const addresses = new Uint32Array(4 * HOSTS);
  for (let host = 0; host < HOSTS; host++) addresses.set([0, 0, 0xffff, 0x0a000000 + host], 4 * host);
  return {
    ...{ time, intervalSeconds: 10, isLast: true },
    groups: [{ name: 'global', tenant: '' }],
    groupRates: Float64Array.of(1e6, 1000, 100),
    hosts: { count: HOSTS, addresses, groups: new Uint16Array(HOSTS), rates, ratesPerHost: METRIC_COUNT },
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))];
}

if (import.meta.main) console.table(await benchHistory(process.argv.includes('--short')));
