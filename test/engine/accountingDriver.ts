/*
 * Drives an Accounting by hand: flows go in as the decoders would have left them in the batch, rates come out by name.
 */

import { Accounting } from '../../src/engine/accounting.ts';
import type { EnginePlan } from '../../src/engine/enginePlan.ts';
import type { HostReport } from '../../src/engine/hostReport.ts';
import { FLOW_END_UNKNOWN, FlowBatch } from '../../src/flowBatch.ts';
import { ActiveTimeout, type FlowExporter } from '../../src/flowExporter.ts';
import { type Address, formatWords } from '../../src/net/address.ts';
import { METRIC_COUNT, METRICS, type Metric } from '../../src/trafficMetrics.ts';
import { address } from './planFixture.ts';

export interface FlowFixture {
  readonly to: string;
  readonly from?: string;
  readonly packets?: number;
  readonly bytes?: number;
  readonly sampling?: number;
  readonly protocol?: number;
  readonly tcpFlags?: number;
  readonly fragment?: boolean;
  readonly srcPort?: number;
  readonly dstPort?: number;
  readonly durationMs?: number;
  readonly endAgoMs?: number;
  readonly flowEnd?: number;
  /** Address of the exporter. */
  readonly exporter?: string;
  readonly inInterface?: number;
}

export class AccountingDriver {
  readonly accounting: Accounting;
  readonly batch: FlowBatch;

  constructor(plan: EnginePlan, now = 0, historyFlows = 256) {
    this.batch = new FlowBatch(historyFlows);
    this.accounting = new Accounting(plan, this.batch, now);
  }

  /** One datagram with these flows. */
  account(now: number, ...flows: readonly FlowFixture[]): void {
    const { batch } = this;
    batch.beginDatagram();
    for (const flow of flows) appendFlow(batch, flow);
    this.accounting.accountBatch(now);
  }

  /** The rates of one host now, by watching it for one tick. */
  rates(now: number, host: string): Record<Metric, number> {
    this.accounting.watch([address(host)]);
    const rates = ratesByHost(this.accounting.tick(now)).get(host);
    this.accounting.watch([]);
    if (rates === undefined) throw new Error(`${host} is not in the report`);
    return rates;
  }

  /** The hosts that a tick reports by itself. */
  reported(now: number): string[] {
    return [...ratesByHost(this.accounting.tick(now)).keys()].sort();
  }
}

export function ratesByHost(report: HostReport): Map<string, Record<Metric, number>> {
  const rates = new Map<string, Record<Metric, number>>();
  for (let row = 0; row < report.count; row++) {
    const [word0, word1, word2, word3] = report.addresses.subarray(4 * row, 4 * row + 4);
    const values = METRICS.map((metric, i) => [metric, report.rates[row * METRIC_COUNT + i]] as const);
    rates.set(formatWords(word0, word1, word2, word3), Object.fromEntries(values) as Record<Metric, number>);
  }
  return rates;
}

const exporters = new Map<string, FlowExporter>();

/** The same object each time, as exporters have one. */
function flowExporter(text: string): FlowExporter {
  const exporter = exporters.get(text) ?? { address: address(text), activeTimeout: new ActiveTimeout() };
  exporters.set(text, exporter);
  return exporter;
}

function appendFlow(batch: FlowBatch, flow: FlowFixture): void {
  const row = batch.end++;
  const to: Address = address(flow.to);
  const from: Address = address(flow.from ?? '198.51.100.1');
  batch.dst0[row] = to.word0;
  batch.dst1[row] = to.word1;
  batch.dst2[row] = to.word2;
  batch.dst3[row] = to.word3;
  batch.src0[row] = from.word0;
  batch.src1[row] = from.word1;
  batch.src2[row] = from.word2;
  batch.src3[row] = from.word3;
  batch.srcPort[row] = flow.srcPort ?? 1024;
  batch.dstPort[row] = flow.dstPort ?? 80;
  batch.ipProtocol[row] = flow.protocol ?? 17;
  batch.tcpFlags[row] = flow.tcpFlags ?? 0;
  batch.fragment[row] = flow.fragment === true ? 1 : 0;
  batch.sampledPackets[row] = flow.packets ?? 1;
  batch.sampledBytes[row] = flow.bytes ?? 100;
  batch.samplingRate[row] = flow.sampling ?? 1;
  batch.durationMs[row] = flow.durationMs ?? 0;
  batch.endAgoMs[row] = flow.endAgoMs ?? 0;
  batch.flowFlags[row] = flow.flowEnd ?? FLOW_END_UNKNOWN;
  batch.hasFlagsOrDirections = true;
  batch.exporter[row] = flowExporter(flow.exporter ?? '192.0.2.1');
  batch.inInterface[row] = flow.inInterface ?? 0;
}
