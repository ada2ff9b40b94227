/*
 * The entry of the history thread. It has the store, writes the rows that the main thread sends, and answers its
 * questions. SQLite calls and the encoding of batches block only this thread, not detection or the API.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { SystemClock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { FromHistory, HistoryAnswers, HistoryAsk, HistorySettings, ToHistory } from './historyMessages.ts';
import { type HistoryBackend, HistoryError } from './historyStore.ts';
import { type HistoryLogLine, HistoryWriter } from './historyWriter.ts';
import { SqliteHistory } from './sqliteHistory.ts';
import { TrafficIntervals } from './trafficIntervals.ts';

/** Most hosts whose traffic is stored for one interval. */
const MAX_HOSTS = 10_000;

const PRUNE_EVERY_MS = 600_000;

class HistoryWorker {
  readonly #post: (message: FromHistory) => void;
  readonly #now: () => number;
  readonly #backend: HistoryBackend;
  readonly #writer: HistoryWriter;
  readonly #intervals = new TrafficIntervals(MAX_HOSTS);
  /** Write waiting rows before a question is answered. False for a server, which may be slow. */
  readonly #flushesFirst: boolean;
  readonly #pruner: NodeJS.Timeout;

  constructor(
    settings: HistorySettings,
    backend: HistoryBackend,
    now: () => number,
    post: (message: FromHistory) => void,
  ) {
    this.#post = post;
    this.#now = now;
    this.#backend = backend;
    this.#flushesFirst = settings.store.kind === 'sqlite';
    this.#writer = new HistoryWriter({
      ...settings.limits,
      backend: this.#backend,
      onLog: (line) => post({ type: 'log', line }),
      now: () => performance.now(),
      delay: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
    });
    this.#pruner = setInterval(() => this.#prune(), PRUNE_EVERY_MS);
    this.#prune();
  }

  handle(message: ToHistory): void {
    switch (message.type) {
      case 'rows':
        // Two calls, so that the type checker sees which rows go with which table.
        if (message.table === 'attack_events') this.#writer.add(message.table, message.rows);
        else this.#writer.add(message.table, message.rows);
        this.#post({ type: 'taken', rows: message.rows.length, samples: 0 });
        return;
      case 'sample':
        this.#writer.add('traffic', this.#intervals.add(message.sample));
        this.#post({ type: 'taken', rows: 0, samples: 1 });
        return;
      case 'ask':
        void this.#reply(message.id, message.ask);
    }
  }

  async #reply(id: number, ask: HistoryAsk): Promise<void> {
    try {
      this.#post({ type: 'answer', id, answer: await this.#answer(ask) });
    } catch (error) {
      const fault = error instanceof HistoryError ? error.fault : 'refused';
      this.#post({ type: 'failed', id, fault, message: messageOf(error) });
    }
  }

  async #answer(ask: HistoryAsk): Promise<HistoryAnswers[keyof HistoryAnswers]> {
    if (ask.name === 'counts') return this.#writer.counts();
    if (ask.name === 'stop') return this.#stop();
    if (this.#flushesFirst) await Promise.race([this.#writer.flush(), sleep(1000)]);
    switch (ask.name) {
      case 'attacks':
        return this.#backend.attacks(ask.query);
      case 'attack':
        return this.#backend.attack(ask.attackId);
      case 'traffic':
        return this.#backend.traffic(ask.query);
      case 'audit':
        return this.#backend.audit(ask.query);
    }
  }

  async #stop(): Promise<HistoryAnswers['stop']> {
    clearInterval(this.#pruner);
    this.#writer.add('traffic', this.#intervals.flush());
    await this.#writer.stop();
    await this.#backend.close();
    return this.#writer.counts();
  }

  /** An error here also occurs at the next write, which logs it. */
  #prune(): void {
    this.#backend.prune(this.#now()).catch(() => undefined);
  }
}

async function backendOf(
  { store }: HistorySettings,
  now: () => number,
  onLog: (line: HistoryLogLine) => void,
): Promise<HistoryBackend> {
  if (store.kind === 'clickhouse') {
    // Loaded only here, because its client is most of the code of this thread.
    const { ClickhouseHistory } = await import('../clickhouse/clickhouseHistory.ts');
    return new ClickhouseHistory(store.clickhouse, now);
  }
  return new SqliteHistory({
    file: store.file,
    retentionDays: store.retentionDays,
    now,
    onPutAside: (reason, aside) =>
      onLog({
        level: 'error',
        message: 'the history file is unreadable; it was put aside and a new one is created',
        fields: { reason, aside },
      }),
  });
}

assert(parentPort !== null, 'history runs in a worker thread');
const port = parentPort;
const clock = new SystemClock();
const settings = workerData as HistorySettings;
const post = (message: FromHistory): void => port.postMessage(message);
/** No duration is measured with this clock, so it can simply follow the wall clock. */
const now = (): number => {
  clock.followWallClock();
  return clock.now();
};
const backend = await backendOf(settings, now, (line) => post({ type: 'log', line }));
const worker = new HistoryWorker(settings, backend, now, post);
port.on('message', (message: ToHistory) => worker.handle(message));
