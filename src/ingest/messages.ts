/*
 * What the main thread and a receiving worker say to each other. All of it survives structured cloning; what is large
 * (host reports) is transferred.
 *
 *   main -> worker    request   an `Ask`, answered by an `answer` with the same id
 *                     watch     the hosts to report whatever their rate; not answered
 *   worker -> main    listening | failed   once, after the start
 *                     report    ten times a second
 *                     log       a line for the main thread's logger
 *                     answer    to a request
 */
import type { EnginePlan } from '../engine/enginePlan.ts';
import type { FlowSlice } from '../engine/flowSlice.ts';
import type { HostReport } from '../engine/hostReport.ts';
import type { TopHostsQuery } from '../engine/topHosts.ts';
import type { Address } from '../net/address.ts';
import type { ExporterPolicy } from './exporterTable.ts';
import type { LogLine } from './faultLog.ts';
import type { IngestSnapshot } from './ingestSnapshot.ts';
import type { ReceiverSettings } from './receiver.ts';
import type { ListenerAddress } from './udpListener.ts';

/** `workerData` of a receiving worker. */
export interface WorkerSetup {
  readonly settings: ReceiverSettings;
  readonly listeners: readonly ListenerAddress[];
  readonly receiveBufferBytes: number;
  /** Whether other workers have sockets on the same addresses. */
  readonly reusePort: boolean;
}

/** The traffic of one moment. */
export interface TrafficReport {
  /** Those with most packets, largest first. */
  readonly hosts: HostReport;
  /** `GROUP_RATES` a group, by its number: sums over all hosts, named or not. */
  readonly groupRates: Float64Array<ArrayBuffer>;
  /** What the scan took of the thread's time. */
  readonly busyMs: number;
}

/** What may be asked of a worker. */
export type Ask =
  | { readonly name: 'snapshot' }
  | { readonly name: 'sample'; readonly targets: readonly Address[] }
  | { readonly name: 'topHosts'; readonly query: TopHostsQuery }
  | { readonly name: 'traffic'; readonly limit: number }
  | { readonly name: 'reconfigure'; readonly plan: EnginePlan; readonly exporters: ExporterPolicy }
  /** Close the sockets; the thread ends after its answer. */
  | { readonly name: 'stop' };

/** What it answers, by the name of the request; each of what that worker alone saw. */
export interface Answers {
  readonly snapshot: IngestSnapshot;
  /** The newest flows to the targets. */
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
  readonly ask: Ask;
}

export interface AnswerMessage {
  readonly type: 'answer';
  readonly id: number;
  readonly answer: Answers[keyof Answers];
}

export interface WatchMessage {
  readonly type: 'watch';
  readonly targets: readonly Address[];
}

export type ToWorker = RequestMessage | WatchMessage;

export interface ListeningMessage {
  readonly type: 'listening';
  readonly sockets: readonly BoundSocket[];
}

/** A socket as it is, after the system has had its say. */
export interface BoundSocket {
  readonly listener: ListenerAddress;
  readonly receiveBufferBytes: number;
}

/** A socket could not be bound; the fields of a BindError. */
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
  | AnswerMessage;
