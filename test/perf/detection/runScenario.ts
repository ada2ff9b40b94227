/*
 * Runs one scenario: packets pass, exporters export, Kapkan receives each datagram at its time and ticks ten times a
 * second. Then its attacks are compared with the truth.
 */
import { SeededRandom } from '../../../src/flowgen/seededRandom.ts';
import { addressOfWords, formatAddress } from '../../../src/net/address.ts';
import { configFixture, groupFixture, NO_LIMITS } from '../../fixtures/configFixture.ts';
import { KapkanUnderTest, TICK_MS } from './kapkanUnderTest.ts';
import type { Scenario } from './scenario.ts';
import type { FlowPart } from './simulator/flowCache.ts';
import { SimulatedExporter } from './simulator/simulatedExporter.ts';
import { type Flow, hostAddress, type Network, type PacketKind, STEP_MS } from './simulator/traffic.ts';
import { type LimitedMetric, limitedMetrics, TrafficSeries } from './trafficSeries.ts';
import { type HostVerdict, judgeHost } from './verdict.ts';

const DAY_MS = 86_400_000;

/** 1 January 2026. */
const BEGIN_MS = Date.UTC(2026, 0, 1);

/** A run goes on after the traffic for longer than any inactive timeout and batch, and than a flow is carried forward. */
const QUIET_MS = 40_000;
const ACTIVE_TIMEOUTS = 1.2;

const WINDOW_SECONDS = 5;
const HYSTERESIS_SECONDS = 20;

export interface ScenarioResult {
  readonly hosts: readonly HostVerdict[];
  /** By how many per cent the stated rates of attacks were above the true ones, each second of a flood. */
  readonly rateErrors: readonly number[];
  readonly packets: number;
  /** What the records told of them, times the sampling rate. */
  readonly exportedPackets: number;
  readonly datagrams: number;
}

/** Traffic of one host: for each limit the truth, and what records show. */
interface HostSeries {
  readonly truth: readonly TrafficSeries[];
  readonly shown: readonly TrafficSeries[];
  hasNewRecords: boolean;
  shownOverMs: number;
  firstShownMs: number | undefined;
  lastShownMs: number | undefined;
}

export function runScenario(scenario: Scenario, seed: number): ScenarioResult {
  return new ScenarioRun(scenario, seed).run();
}

class ScenarioRun implements Network {
  readonly #scenario: Scenario;
  readonly #windowSeconds: number;
  readonly #hysteresisSeconds: number;
  readonly #durationMs: number;
  readonly #metrics: readonly LimitedMetric[];
  readonly #hosts: readonly HostSeries[];
  readonly #exporters: readonly SimulatedExporter[];
  readonly #exporterAddresses: readonly string[];
  readonly #kapkan: KapkanUnderTest;
  /** Within the day, so that buckets do not begin with the scenario. */
  readonly #beginMs: number;
  /** By second and host: rate stated, and the place of its metric in `#metrics`. */
  readonly #stated: {
    readonly timeMs: number;
    readonly host: number;
    readonly metric: number;
    readonly rate: number;
  }[] = [];
  readonly #hostOf = new Map<string, number>();
  #timeMs = 0;
  #packets = 0;
  #exportedPackets = 0;
  #datagrams = 0;

  constructor(scenario: Scenario, seed: number) {
    const { windowSeconds = WINDOW_SECONDS, hysteresisSeconds = HYSTERESIS_SECONDS } = scenario;
    const random = new SeededRandom(seed);
    this.#scenario = scenario;
    this.#windowSeconds = windowSeconds;
    this.#hysteresisSeconds = hysteresisSeconds;
    this.#durationMs = scenario.trafficMs + quietMs(scenario) + hysteresisSeconds * 1000;
    this.#beginMs = BEGIN_MS + random.below(DAY_MS / STEP_MS) * STEP_MS;
    this.#metrics = limitedMetrics(scenario.limits);
    const series = (): TrafficSeries[] =>
      this.#metrics.map(({ limit }) => new TrafficSeries(this.#durationMs, windowSeconds, limit));
    this.#hosts = Array.from({ length: scenario.hosts }, (_, host) => {
      this.#hostOf.set(formatAddress(hostAddress(host)), host);
      return {
        truth: series(),
        shown: series(),
        hasNewRecords: false,
        shownOverMs: -1,
        firstShownMs: undefined,
        lastShownMs: undefined,
      };
    });
    const addresses = scenario.exporters.map((_, i) => addressOfWords(0, 0, 0xffff, 0xc0000201 + i));
    this.#exporterAddresses = addresses.map(formatAddress);
    this.#exporters = scenario.exporters.map((settings, i) => {
      const own = new SeededRandom(random.below(2 ** 32));
      return new SimulatedExporter(settings, addresses[i], own, this.#beginMs);
    });
    this.#kapkan = new KapkanUnderTest(this.#config(), this.#beginMs);
  }

  run(): ScenarioResult {
    const { sources, trafficMs, restartAtMs } = this.#scenario;
    for (this.#timeMs = 0; this.#timeMs < this.#durationMs; this.#timeMs += STEP_MS) {
      const timeMs = this.#timeMs;
      if (timeMs === restartAtMs) this.#kapkan.restart(this.#beginMs + timeMs);
      if (timeMs < trafficMs) for (const source of sources) source(timeMs, this);
      this.#export();
      if (timeMs % TICK_MS === 0) this.#tick();
    }
    return {
      hosts: this.#hosts.map((_, host) => this.#verdict(host)),
      rateErrors: this.#rateErrors(),
      packets: this.#packets,
      exportedPackets: this.#exportedPackets,
      datagrams: this.#datagrams,
    };
  }

  send(flow: Flow, packets: number, tcpFlags = flow.tcpFlags): void {
    this.#count(flow, packets, tcpFlags);
    this.#exporters[flow.exporter].see(flow, packets, tcpFlags, this.#beginMs + this.#timeMs);
  }

  scatter(kind: PacketKind, packets: number): void {
    this.#count(kind, packets, kind.tcpFlags);
    this.#exporters[kind.exporter].seeScattered(kind, packets, this.#beginMs + this.#timeMs);
  }

  #count(kind: PacketKind, packets: number, tcpFlags: number): void {
    this.#packets += packets;
    const { truth } = this.#hosts[kind.host];
    for (let i = 0; i < this.#metrics.length; i++) {
      truth[i].add(this.#timeMs, packets * this.#metrics[i].amountOf(kind, tcpFlags));
    }
  }

  #export(): void {
    const now = this.#beginMs + this.#timeMs;
    for (let i = 0; i < this.#exporters.length; i++) {
      const exporter = this.#exporters[i];
      const parts = exporter.exported(now);
      if (parts.length === 0) continue;
      for (const part of parts) this.#show(part, exporter.settings.sampling);
      const kind = exporter.settings.protocol === 'sflow5' ? 'sflow' : 'netflow';
      for (const datagram of exporter.encode(parts, now)) {
        this.#datagrams++;
        this.#kapkan.receive(kind, datagram, this.#exporterAddresses[i], now);
      }
    }
  }

  #show({ flow, firstMs, lastMs, packets, tcpFlags }: FlowPart, sampling: number): void {
    this.#exportedPackets += packets * sampling;
    const host = this.#hosts[flow.host];
    host.hasNewRecords = true;
    for (let i = 0; i < this.#metrics.length; i++) {
      const amount = packets * sampling * this.#metrics[i].amountOf(flow, tcpFlags);
      host.shown[i].addEvenly(firstMs - this.#beginMs, lastMs - this.#beginMs, amount);
    }
  }

  #tick(): void {
    this.#kapkan.tick(this.#beginMs + this.#timeMs);
    for (const host of this.#hosts) if (host.hasNewRecords) this.#noteShown(host);
    if (this.#timeMs % 1000 !== 0) return;
    for (const { target, metric, rate } of this.#kapkan.stated()) {
      const host = this.#hostOf.get(target);
      const place = this.#metrics.findIndex((limited) => limited.metric === metric);
      if (host !== undefined && place >= 0) this.#stated.push({ timeMs: this.#timeMs, host, metric: place, rate });
    }
  }

  #noteShown(host: HostSeries): void {
    host.hasNewRecords = false;
    const overMs = Math.max(...host.shown.map((series) => series.latestOver()));
    if (overMs <= host.shownOverMs) return;
    host.shownOverMs = overMs;
    host.firstShownMs ??= this.#timeMs;
    host.lastShownMs = this.#timeMs;
  }

  #verdict(host: number): HostVerdict {
    const { truth, firstShownMs, lastShownMs } = this.#hosts[host];
    const target = formatAddress(hostAddress(host));
    const attacks = this.#kapkan.attacks
      .filter((attack) => attack.target === target)
      .map((attack) => ({
        ...attack,
        startedAt: attack.startedAt - this.#beginMs,
        endedAt: attack.endedAt === undefined ? undefined : attack.endedAt - this.#beginMs,
      }));
    const levels = mostOf(truth.map((series) => series.levels()));
    const momentaryLevels = mostOf(truth.map((series) => series.momentaryLevels()));
    return judgeHost(
      { levels, momentaryLevels, firstShownMs, lastShownMs },
      attacks,
      this.#windowSeconds * 1000,
      this.#hysteresisSeconds * 1000,
    );
  }

  /** Only while the true rate is over the limit. */
  #rateErrors(): number[] {
    const levels = this.#hosts.map(({ truth }) => truth.map((series) => series.levels()));
    return this.#stated.flatMap(({ timeMs, host, metric, rate }) => {
      // The window of this tick ended with the bin before it.
      const level = levels[host][metric][timeMs / TICK_MS - 1];
      return level >= 1 ? [100 * (rate / (level * this.#metrics[metric].limit) - 1)] : [];
    });
  }

  #config() {
    return configFixture({
      networks: ['10.0.0.0/8'],
      listen: { netflow: [], sflow: [] },
      detection: { windowSeconds: this.#windowSeconds, confidence: 2 },
      samples: { enabled: true, bufferFlows: 4096, flowsPerAttack: 1 },
      groups: [
        groupFixture({
          thresholds: this.#scenario.limits,
          ban: {
            ttlSeconds: 3600,
            unbanHysteresisSeconds: this.#hysteresisSeconds,
            fallback: 'blackhole',
            limits: NO_LIMITS,
          },
        }),
      ],
    });
  }
}

function quietMs({ exporters }: Scenario): number {
  return QUIET_MS + ACTIVE_TIMEOUTS * Math.max(...exporters.map(({ cache }) => cache?.activeMs ?? 0));
}

function mostOf(series: readonly Float64Array[]): Float64Array {
  return series[0].map((_, bin) => Math.max(...series.map((values) => values[bin])));
}
