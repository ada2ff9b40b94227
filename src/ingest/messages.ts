/*
 * The messages between the main thread and a receiving worker. All can be cloned (structured clone); large ones (host
 * reports) are transferred.
 *
 *   main -> worker    request    a `WorkerRequest`, answered by a `response` with the same id
 *                     watch      the hosts to report whatever their rate; no response
 *   worker -> main    listening | failed   once, after the start
 *                     report     10 to 40 times a second
 *                     log        a line for the main thread's logger
 *                     response   to a request
 */
import type { EnginePlan } from '../engine/enginePlan.ts';
import type { FlowSlice } from '../engine/flowSlice.ts';
import type { HostReport } from '../engine/hostReport.ts';
import type { TopHostsQuery } from '../engine/topHosts.ts';
import type { Address } from '../net/address.ts';
import type { ReceiveMethod } from './datagramSource.ts';
import type { IngestSnapshot } from './ingestSnapshot.ts';
import type { SourceSetup } from './openSource.ts';
import type { ExporterPolicy, ReceiverSettings } from './receiverSettings.ts';
import type { LogLine } from './telemetryWarnings.ts';

/** `workerData` of a receiving worker. */
export interface WorkerSetup extends SourceSetup {
  readonly settings: ReceiverSettings;
}

/** The traffic at one time. */
export interface TrafficReport {
  /** The hosts with most packets, largest first. */
  readonly hosts: HostReport;
  /**
   * `TOTAL_COUNT` numbers for each group, in the order of the groups: sums over all hosts, also those not in `hosts`.
   */
  readonly groupRates: Float64Array<ArrayBuffer>;
  /** Time of the receiving thread that the scan took. */
  readonly busyMs: number;
}

/** The requests to a worker. */
export type WorkerRequest =
  | { readonly name: 'snapshot' }
  | { readonly name: 'sample'; readonly targets: readonly Address[] }
  | { readonly name: 'topHosts'; readonly query: TopHostsQuery }
  | { readonly name: 'traffic'; readonly limit: number }
  | { readonly name: 'reconfigure'; readonly plan: EnginePlan; readonly exporters: ExporterPolicy }
  /** Close the sockets. The thread ends after its response. */
  | { readonly name: 'stop' };

/** The response to each request, by its name. It covers only what this worker has seen. */
export interface WorkerResponses {
  readonly snapshot: IngestSnapshot;
  /** The latest flows to the targets. */
  readonly sample: FlowSlice;
  /** Largest first. */
  readonly topHosts: HostReport;
  readonly traffic: TrafficReport;
  readonly reconfigure: null;
  readonly stop: null;
}

export interface RequestMessage {
  readonly type: 'request';
  readonly id: number;
  readonly request: WorkerRequest;
}

export interface ResponseMessage {
  readonly type: 'response';
  readonly id: number;
  readonly response: WorkerResponses[keyof WorkerResponses];
}

export interface WatchMessage {
  readonly type: 'watch';
  readonly targets: readonly Address[];
}

export type ToWorker = RequestMessage | WatchMessage;

/** The sockets are bound. */
export interface OpenedSockets {
  readonly method: ReceiveMethod;
  /** What the kernel granted, for each listener. */
  readonly receiveBufferBytes: readonly number[];
}

export interface ListeningMessage extends OpenedSockets {
  readonly type: 'listening';
}

/** A socket could not be bound: the fields of a BindError. */
export interface FailedMessage {
  readonly type: 'failed';
  readonly host: string;
  readonly port: number;
  readonly code: string;
}

export type FromWorker =
  | ListeningMessage
  | FailedMessage
  | { readonly type: 'report'; readonly report: HostReport }
  | { readonly type: 'log'; readonly line: LogLine }
  | ResponseMessage;
