/*
 * An attack and its sample, as the detector found them and as the other rooms read them.
 */
import type { Address } from '../net/address.ts';
import type { Metric, Rates } from '../trafficMetrics.ts';

export type AttackType =
  | 'ntp_amplification'
  | 'dns_amplification'
  | 'cldap_amplification'
  | 'memcached_amplification'
  | 'ssdp_amplification'
  | 'chargen_amplification'
  | 'syn_flood'
  | 'fragment_flood'
  | 'icmp_flood'
  | 'udp_flood'
  | 'tcp_flood'
  | 'mixed';

export interface Classification {
  readonly type: AttackType;
  /** Share of the traffic that fits the type, 0–1; 0 for `mixed`. */
  readonly confidence: number;
  /** The reflected port of an amplification; undefined otherwise. */
  readonly srcPort: number | undefined;
}

/** The share of one key in a sample; packets and bytes are estimates of real traffic. */
export interface TopEntry {
  readonly key: string;
  readonly packets: number;
  readonly bytes: number;
}

/** A flow of the sample; packets and bytes are estimates of real traffic. */
export interface SampledFlow {
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly ipProtocol: number;
  readonly tcpFlags: number;
  readonly fragment: boolean;
  readonly packets: number;
  readonly bytes: number;
  readonly samplingRate: number;
  readonly receivedAtMs: number;
}

/** The traffic of the attack when it was found. All lists are sorted, largest first. */
export interface AttackSample {
  /** Newest first. */
  readonly flows: readonly SampledFlow[];
  readonly topSources: readonly TopEntry[];
  readonly topSrcPorts: readonly TopEntry[];
  readonly topDstPorts: readonly TopEntry[];
  /** Keys are IP protocol numbers as text. */
  readonly protocols: readonly TopEntry[];
  /** Keys are exporter addresses. */
  readonly topExporters: readonly TopEntry[];
  /** Input interfaces; keys are an exporter's address and an ifIndex, as `192.0.2.1 17`. */
  readonly topInterfaces: readonly TopEntry[];
  readonly totalPackets: number;
  readonly totalBytes: number;
}

/** Why this is an attack. */
export interface AttackReason {
  /** For a person: the limit and its source, shares of protocols. */
  readonly text: string;
  /** `static`: the limit is written in the config. */
  readonly thresholdSource: 'static';
  /** Of the target's packets when the attack was found, each 0–1; 1 in all where there were packets. */
  readonly shares: { readonly tcp: number; readonly udp: number; readonly icmp: number; readonly other: number };
}

/** The sample of an attack of which no flow is known. */
export const EMPTY_SAMPLE: AttackSample = {
  flows: [],
  topSources: [],
  topSrcPorts: [],
  topDstPorts: [],
  protocols: [],
  topExporters: [],
  topInterfaces: [],
  totalPackets: 0,
  totalBytes: 0,
};

/** The classification where no kind of traffic dominates or nothing is known. */
export const UNKNOWN_VECTOR: Classification = { type: 'mixed', confidence: 0, srcPort: undefined };

/** One attack on one host, incoming. Mutated only by the detector; others read. Times are clock milliseconds. */
export interface Attack {
  readonly id: string;
  readonly target: Address;
  /** Canonical text of the target. */
  readonly targetText: string;
  /** Number of the owning group in the config; may change when the config is reloaded. */
  group: number;
  /** Name of that group; for an ended attack, the group that owned the host at its end. */
  groupName: string;
  /** The metric that crossed its limit farthest, when the attack was found. */
  readonly metric: Metric;
  /** The limit it crossed. */
  readonly threshold: number;
  /** Rate of `metric` now, while active; at its peak once ended. */
  rate: number;
  /** Half the width of the 95 % interval of `rate`, from the number of samples; 0 where nothing is sampled. */
  rateError: number;
  /** All rates now; at the peak once ended. */
  rates: Rates;
  /** The highest rate of `metric` seen. */
  peakRate: number;
  active: boolean;
  startedAt: number;
  endedAt: number | undefined;
  /** When any limit was last seen crossed. */
  lastSeenAt: number;
  /** From when the attack was found, or its vector last changed. */
  sample: AttackSample;
  classification: Classification;
  readonly reason: AttackReason;
}

/** An attack from before a restart, as its stored ban has it. */
export interface ResumedAttack {
  readonly id: string;
  readonly target: Address;
  readonly metric: Metric;
  readonly rate: number;
  readonly threshold: number;
  readonly startedAt: number;
}
