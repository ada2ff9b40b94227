/*
 * ReceiverPool: ingest as the main thread sees it. It opens the sockets, starts the receiving workers, passes on their
 * reports, and returns sums over all workers. Each worker has a socket for every listener. A worker that fails is
 * replaced, and its successor reads the same sockets.
 *
 * The clock of a worker never jumps. When the daemon's clock follows a step of the wall clock, the pool shifts the
 * times in the workers' messages by the same amount.
 */
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { AttackSample } from '../engine/attack.ts';
import { samplesOf } from '../engine/attackSample.ts';
import type { EnginePlan } from '../engine/enginePlan.ts';
import { type HostReport, mergeTopHosts } from '../engine/hostReport.ts';
import type { TopHostsQuery } from '../engine/topHosts.ts';
import { messageOf } from '../errors.ts';
import { type Address, sameAddress } from '../net/address.ts';
import { offsetOf } from '../trafficMetrics.ts';
import type { ReceiveMethod } from './datagramSource.ts';
import { DuplicateWarnings } from './duplicateWarnings.ts';
import { EMPTY_SNAPSHOT, type IngestSnapshot, mergeSnapshots, remainsOf, zeroDatagrams } from './ingestSnapshot.ts';
import type { ListenerSockets } from './listenerSockets.ts';
import type { TrafficReport, WorkerRequest, WorkerResponses } from './messages.ts';
import { chooseSockets } from './openSource.ts';
import { exporterPolicyOf, receiverSettingsOf } from './receiverSettings.ts';
import type { LogLine } from './telemetryWarnings.ts';
import { type ListenerAddress, probeListeners, readKernelDrops, socketText } from './udpListener.ts';
import { WorkerHandle } from './workerHandle.ts';

/** A worker under a flood responds between two batches of datagrams. After this time the pool continues without it. */
const RESPONSE_TIMEOUT_MS = 1000;

const WATCHDOG_INTERVAL_MS = 1000;

/** So many workers are replaced in this time. One more, and what ends them is not a passing fault. */
const MAX_REPLACEMENTS = 3;
const REPLACEMENTS_FORGOTTEN_MS = 600_000;

/** With several workers: how many hosts are requested of each, for each host that is wanted, and the least number. */
const HOST_FACTOR = 4;
const MIN_HOSTS_REQUESTED = 2000;

export interface PoolEvents {
  /** Called 10 to 40 times a second for each worker, numbered from 0. */
  onReport(worker: number, report: HostReport): void;
  /** Workers end or hang again and again, or cannot be replaced. The daemon should end and be restarted. */
  onFailure(error: Error): void;
  onLog(line: LogLine): void;
}

export class ReceiverPool {
  #config: Config;
  #plan: EnginePlan;
  readonly #events: PoolEvents;
  readonly #clock: Clock;
  /** The clock minus the time since the process started. Changes only when the clock is stepped. */
  readonly #clockZero: number;
  #listeners: readonly ListenerAddress[] = [];
  /** Undefined where the workers read through node:dgram. */
  #sockets: ListenerSockets | undefined = undefined;
  #workers: WorkerHandle[] = [];
  #snapshots: IngestSnapshot[] = [];
  /** What workers counted that were replaced. */
  #replaced: IngestSnapshot = EMPTY_SNAPSHOT;
  readonly #replacedAt: number[] = [];
  /** Datagrams that the kernel dropped, as of the last snapshot. */
  #lastDropped = 0;
  #stopping = false;
  readonly #duplicateWarnings = new DuplicateWarnings();
  /** A zero for every label that is known before the first datagram. */
  #zeroSnapshot: IngestSnapshot;
  /** Workers that have not applied the latest plan yet. */
  readonly #outdated = new Set<WorkerHandle>();
  #watched: readonly Address[] = [];
  #watchdog: NodeJS.Timeout | undefined = undefined;

  /** Does nothing until it is started. `plan` must be made from the same config. */
  constructor(config: Config, plan: EnginePlan, clock: Clock, events: PoolEvents) {
    this.#config = config;
    this.#plan = plan;
    this.#clock = clock;
    this.#clockZero = clock.now() - performance.now();
    this.#events = events;
    this.#zeroSnapshot = zeroSnapshotOf(config);
  }

  /**
   * Resolves when every worker listens. Rejects with a BindError where an address cannot be bound; then all is closed.
   */
  async start(): Promise<void> {
    this.#listeners = await probeListeners(this.#config.listen);
    const { receive, receiveBufferBytes } = this.#config.ingest;
    const wanted = { threads: this.#plan.workers, receiveBufferBytes };
    const { sockets, unavailable } = chooseSockets(receive, this.#listeners, wanted);
    this.#sockets = sockets;
    this.#logMethod(unavailable);
    this.#workers = Array.from({ length: this.#threads() }, (_, i) => this.#startWorker(i));
    this.#snapshots = this.#workers.map(() => EMPTY_SNAPSHOT);
    const started = await Promise.allSettled(this.#workers.map((worker) => worker.started()));
    const failed = started.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await this.stop();
      throw failed.reason;
    }
    const opened = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    this.#listeners.forEach((listener, i) => {
      this.#logListener(
        listener,
        opened[0].method,
        Math.min(...opened.map(({ receiveBufferBytes }) => receiveBufferBytes[i])),
      );
    });
    this.#watchdog = setInterval(() => {
      for (const worker of this.#workers) worker.checkAlive();
    }, WATCHDOG_INTERVAL_MS);
  }

  /** `HOST:PORT` of each listener with the port in use, in the order of the config, NetFlow first. */
  boundAddresses(): readonly string[] {
    return this.#listeners.map(({ host, port }) => socketText(host, port));
  }

  /** Replaces the set of hosts that every worker reports whatever their rate. May be called before the start. */
  watch(targets: readonly Address[]): void {
    const watched = this.#watched;
    if (targets.length === watched.length && targets.every((target, i) => sameAddress(target, watched[i]))) return;
    this.#watched = targets;
    for (const worker of this.#workers) worker.watch(targets);
  }

  /**
   * A sample for each of the targets, in their order: the flows to them in the last window, as far as they are kept.
   * The samples are empty where sampling is off or no worker responds in time.
   */
  async sample(targets: readonly Address[]): Promise<AttackSample[]> {
    const slices = await this.#requestAll({ name: 'sample', targets }, RESPONSE_TIMEOUT_MS);
    const shift = this.#shiftMs();
    for (const { receivedAtMs } of slices) {
      for (let i = 0; i < receivedAtMs.length; i++) receivedAtMs[i] += shift;
    }
    return samplesOf(slices, targets, this.#plan.samples.flowsPerAttack);
  }

  /**
   * The hosts with most of a metric over all workers, largest first. With several workers many more hosts are requested
   * of each, because a host that is high in one list may be low in another.
   */
  async topHosts(query: TopHostsQuery): Promise<HostReport> {
    const limit = this.#workers.length === 1 ? query.limit : Math.max(MIN_HOSTS_REQUESTED, HOST_FACTOR * query.limit);
    const reports = await this.#requestAll({ name: 'topHosts', query: { ...query, limit } }, RESPONSE_TIMEOUT_MS);
    return this.#shifted(mergeTopHosts(reports, offsetOf(query.metric), query.limit));
  }

  /**
   * The traffic of the `limit` hosts with most packets, and of all groups of the current plan. Undefined where a worker
   * did not respond in time: a sum without it would show a dip that did not happen.
   */
  async traffic(limit: number): Promise<TrafficReport | undefined> {
    const asked = this.#workers.length === 1 ? limit : 2 * limit;
    const reports = await this.#requestAll({ name: 'traffic', limit: asked }, RESPONSE_TIMEOUT_MS);
    if (reports.length === 0 || reports.length < this.#workers.length || this.#outdated.size > 0) return undefined;
    const hosts = mergeTopHosts(
      reports.map((report) => report.hosts),
      offsetOf('pps'),
      limit,
    );
    const groupRates = reports[0].groupRates.map((_rate, i) =>
      reports.reduce((sum, report) => sum + (report.groupRates[i] ?? 0), 0),
    );
    return { hosts: this.#shifted(hosts), groupRates, busyMs: Math.max(...reports.map(({ busyMs }) => busyMs)) };
  }

  /** Counters and exporters, summed over the workers. A worker that is late is included with its last response. */
  async snapshot(): Promise<IngestSnapshot> {
    const ports = this.#listeners.map(({ port }) => port);
    // With node:dgram a worker's sockets end with it, and the kernel's count of what they dropped.
    const droppedBefore = this.#replaced.droppedDatagrams;
    const [dropped] = await Promise.all([readKernelDrops(ports), ...this.#workers.map(this.#refreshSnapshot)]);
    const droppedDatagrams = droppedBefore + dropped;
    this.#lastDropped = droppedDatagrams;
    const sum = mergeSnapshots([this.#zeroSnapshot, this.#replaced, ...this.#snapshots]);
    const shift = this.#shiftMs();
    const exporters = sum.exporters.map((row) => ({ ...row, lastSeenAt: row.lastSeenAt + shift }));
    for (const line of this.#duplicateWarnings.due(exporters)) this.#events.onLog(line);
    return { ...sum, droppedDatagrams, exporters };
  }

  /**
   * Applies a reload: plan, sampling, flow sources. Listeners, workers and buffers do not change. After the call no
   * report of the old plan is passed on, because its group numbers are not valid in the new one.
   */
  async reconfigure(config: Config, plan: EnginePlan): Promise<void> {
    this.#config = config;
    this.#plan = plan;
    this.#zeroSnapshot = zeroSnapshotOf(config);
    const exporters = exporterPolicyOf(config, this.#threads());
    await Promise.all(
      this.#workers.map(async (worker) => {
        this.#outdated.add(worker);
        await worker.request({ name: 'reconfigure', plan, exporters });
        this.#outdated.delete(worker);
      }),
    );
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watchdog);
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    this.#sockets?.close();
    this.#sockets = undefined;
  }

  /**
   * Several workers need sockets that the kernel chooses by the exporter's address, which node:dgram cannot have. An
   * exporter could then send templates to one worker and data to another, so there is one only.
   */
  #threads(): number {
    return this.#sockets?.descriptors.length ?? 1;
  }

  #startWorker(i: number): WorkerHandle {
    const setup = {
      settings: receiverSettingsOf(this.#config, this.#plan, this.#threads()),
      listeners: this.#listeners,
      receiveBufferBytes: this.#config.ingest.receiveBufferBytes,
      descriptors: this.#sockets?.descriptors[i],
    };
    const worker = new WorkerHandle(`receiving worker ${i + 1} of ${this.#threads()}`, setup, {
      onReport: (report) => {
        if (!this.#outdated.has(worker)) this.#events.onReport(i, this.#shifted(report));
      },
      onFailure: (error) => void this.#replace(i, error),
      onLog: (line) => this.#events.onLog(line),
    });
    worker.watch(this.#watched);
    return worker;
  }

  /** Starts another worker in the place of one that failed. What the failed one counted stays in the sums. */
  async #replace(i: number, error: Error): Promise<void> {
    const now = performance.now();
    const recently = this.#replacedAt.filter((at) => now - at < REPLACEMENTS_FORGOTTEN_MS);
    if (recently.length >= MAX_REPLACEMENTS) {
      this.#events.onFailure(error);
      return;
    }
    this.#replacedAt.push(now);
    const message =
      'a receiving thread failed and is replaced: its templates, and its rates of the last seconds, are lost';
    this.#events.onLog({ level: 'warn', message, fields: { reason: messageOf(error) } });
    const droppedDatagrams = this.#sockets === undefined ? this.#lastDropped : 0;
    this.#replaced = mergeSnapshots([this.#replaced, remainsOf(this.#snapshots[i], droppedDatagrams)]);
    this.#snapshots[i] = EMPTY_SNAPSHOT;
    await this.#workers[i].stop();
    if (this.#stopping) return;
    this.#workers[i] = this.#startWorker(i);
    try {
      await this.#workers[i].started();
    } catch (startError) {
      this.#events.onFailure(startError instanceof Error ? startError : new Error(messageOf(startError)));
    }
  }

  #refreshSnapshot = async (worker: WorkerHandle, i: number): Promise<void> => {
    const snapshot = await worker.request({ name: 'snapshot' }, RESPONSE_TIMEOUT_MS);
    if (snapshot !== undefined) this.#snapshots[i] = snapshot;
  };

  /** The responses that arrived in time. */
  async #requestAll<R extends WorkerRequest>(request: R, timeoutMs: number): Promise<WorkerResponses[R['name']][]> {
    const responses = await Promise.all(this.#workers.map((worker) => worker.request(request, timeoutMs)));
    const given = responses.filter((response) => response !== undefined);
    const missing = responses.length - given.length;
    const fields = { request: request.name, missing };
    if (missing > 0)
      this.#events.onLog({ level: 'warn', message: 'receiving workers did not respond in time', fields });
    return given;
  }

  /** By how much the daemon's clock was stepped since the start. */
  #shiftMs(): number {
    return this.#clock.now() - performance.now() - this.#clockZero;
  }

  #shifted(report: HostReport): HostReport {
    const { now, bucketStartMs, unreadableSince } = report;
    const shift = this.#shiftMs();
    return {
      ...report,
      now: now + shift,
      bucketStartMs: bucketStartMs + shift,
      unreadableSince: unreadableSince === undefined ? undefined : unreadableSince + shift,
    };
  }

  #logMethod(unavailable: string | undefined): void {
    if (unavailable !== undefined) {
      const level = this.#config.ingest.receive === 'recvmmsg' ? 'warn' : 'info';
      const message = 'datagrams are received through node:dgram, because recvmmsg cannot be used';
      this.#events.onLog({ level, message, fields: { reason: unavailable } });
    }
    const { workers } = this.#plan;
    if (this.#threads() === workers) return;
    const message = 'there is one receiving thread instead of ingest.workers, because only recvmmsg can have several';
    this.#events.onLog({ level: 'warn', message, fields: { workers } });
  }

  #logListener(listener: ListenerAddress, receive: ReceiveMethod, granted: number): void {
    const address = socketText(listener.host, listener.port);
    const asked = this.#config.ingest.receiveBufferBytes;
    const fields = { address, telemetry: listener.kind, receive, asked_bytes: asked, granted_bytes: granted };
    this.#events.onLog({ level: 'info', message: 'listening for telemetry', fields });
    if (granted >= asked) return;
    const hint = process.platform === 'linux' ? `; raise it with sysctl -w net.core.rmem_max=${asked}` : '';
    const message = `the kernel grants a smaller receive buffer than ingest.receive_buffer_bytes, bursts may be dropped${hint}`;
    this.#events.onLog({ level: 'warn', message, fields });
  }
}

function zeroSnapshotOf(config: Config): IngestSnapshot {
  return { ...EMPTY_SNAPSHOT, datagrams: zeroDatagrams(config.flowSources) };
}
