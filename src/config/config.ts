/*
 * The resolved configuration: what the daemon runs on, after defaults, inheritance and validation. Nothing in it is
 * optional that has a default, groups hold what they inherit, prefixes are parsed. `schema.ts` says what a file may
 * contain, `load.ts` gets from one to the other. Immutable: a reload makes a new one.
 */
import type { Prefix } from '../net/prefix.ts';
import type { NotifyConfig } from './notifyConfig.ts';
import type { Thresholds } from './thresholds.ts';

export type MitigationMethod = 'blackhole' | 'flowspec' | 'divert' | 'none';

export interface Config {
  /** The file this was read from, absolute. */
  readonly file: string;
  readonly dryRun: boolean;
  readonly listen: { readonly netflow: readonly SocketAddress[]; readonly sflow: readonly SocketAddress[] };
  readonly ingest: { readonly workers: number; readonly receiveBufferBytes: number };
  /** Canonical addresses of known exporters; empty = none named. */
  readonly flowSources: readonly string[];
  readonly flowSourcesEnforce: boolean;
  readonly sampling: SamplingConfig;
  readonly networks: readonly Prefix[];
  readonly protectedWhitelist: readonly Prefix[];
  readonly detection: { readonly windowSeconds: number };
  /** groups[0] is `global`; the index of a group is its number everywhere. */
  readonly groups: readonly GroupConfig[];
  readonly samples: { readonly enabled: boolean; readonly bufferFlows: number; readonly flowsPerAttack: number };
  readonly ban: BanLimits & { readonly onShutdown: 'keep' | 'withdraw' };
  /** Cap on announced FlowSpec rules over all bans; Infinity = no cap. */
  readonly flowspecMaxRules: number;
  readonly gobgp: GobgpConfig;
  readonly notify: NotifyConfig;
  readonly storage: StorageConfig;
  readonly api: ApiConfig;
}

/** `host` as written, `0.0.0.0` or `::` for any; a bare `:PORT` listens on `::` for both families. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

export interface SamplingConfig {
  /** For exporters that state no rate. */
  readonly defaultRate: number;
  /** By canonical exporter address; wins over what the exporter states. */
  readonly overrides: ReadonlyMap<string, number>;
}

/** What a host inherits from the group that owns it. */
export interface GroupConfig {
  readonly name: string;
  /** Whose hosts these are; undefined = nobody's but the operator's own. Not inherited from `global`. */
  readonly tenant: string | undefined;
  /** Empty for `global`, which owns what no other group does. */
  readonly networks: readonly Prefix[];
  readonly thresholds: Thresholds;
  /** For each limit, whether the group itself states it or inherits it. */
  readonly thresholdSources: { readonly [metric in keyof Thresholds]: 'group' | 'global' };
  readonly ban: GroupBanConfig;
  readonly mitigation: MitigationMethod;
  readonly flowspec: FlowspecConfig;
  readonly bgp: BgpConfig;
  /** Undefined where nothing can be diverted. */
  readonly scrubbing: ScrubbingConfig | undefined;
  /** Empty = no ladder, `mitigation` decides. Ascending; the first at 0 seconds. */
  readonly escalation: readonly EscalationRung[];
}

/** Caps on active bans; Infinity or 1 = no cap. */
export interface BanLimits {
  readonly maxActiveBans: number;
  /** Share of the protected addresses of one family that may be banned at once, 0–1. */
  readonly maxBannedFraction: number;
  readonly maxBansPerWindow: number;
  readonly banWindowSeconds: number;
}

export interface GroupBanConfig {
  readonly ttlSeconds: number;
  readonly unbanHysteresisSeconds: number;
  readonly fallback: 'blackhole' | 'none';
  /** The group's own caps, beside the global ones; all off where the group states none. */
  readonly limits: BanLimits;
}

export interface FlowspecConfig {
  readonly action: 'discard' | 'rate_limit';
  /** Undefined for `discard`. */
  readonly rateMbps: number | undefined;
  readonly sourceAnchored: boolean;
  readonly minSourceConcentration: number;
}

/** Attributes of a blackhole route. */
export interface BgpConfig {
  /** Empty where the file states none: then no IPv4 blackhole can be announced (only allowed in dry-run). */
  readonly nextHop: string;
  readonly nextHop6: string;
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
}

export interface ScrubbingConfig {
  /** Empty = this family is not diverted. */
  readonly nextHop: string;
  readonly nextHop6: string;
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
}

/** A standard community (RFC 1997) as its 32-bit value, or a large one (RFC 8092) as three. `text` as it is shown. */
export type Community =
  | { readonly kind: 'standard'; readonly value: number; readonly text: string }
  | { readonly kind: 'large'; readonly value: readonly [number, number, number]; readonly text: string };

export interface EscalationRung {
  readonly afterSeconds: number;
  readonly action: MitigationMethod;
}

export interface GobgpConfig {
  /** As written: `host:port` or `unix:/path`; one entry for each daemon. */
  readonly addresses: readonly string[];
  readonly api: 'v3' | 'v4' | 'auto';
  readonly tls: GobgpTlsConfig | undefined;
  readonly timeoutSeconds: number;
  /** Second data part of the marking large community (0 to 2^32 - 1). */
  readonly instanceId: number;
}

/** Absolute paths. */
export interface GobgpTlsConfig {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly serverName: string | undefined;
}

export interface StorageConfig {
  /** Directory of the embedded store, absolute. */
  readonly path: string;
  /** Of the embedded history. */
  readonly retentionDays: number;
  readonly trafficIntervalSeconds: number;
  /** Undefined = history is embedded. */
  readonly clickhouse: ClickhouseConfig | undefined;
}

/** Structured-cloneable: it is handed to the thread that writes. */
export interface ClickhouseConfig {
  readonly url: string;
  readonly database: string;
  /** Out of the environment, as the password is. */
  readonly username: string;
  readonly password: string;
  readonly ttlDays: number;
  readonly flushIntervalSeconds: number;
  /** Rows of a table that are written without waiting for more. */
  readonly batchSize: number;
  /** Rows that wait at most. */
  readonly queueSize: number;
  readonly trafficIntervalSeconds: number;
  /** Undefined = one server. */
  readonly cluster: string | undefined;
}

export interface ApiConfig {
  readonly listen: SocketAddress;
  readonly tokens: readonly ApiToken[];
  readonly allowUnauthenticated: boolean;
}

/** The secret itself is read from the environment by the loader and lives only here and in the authenticator. */
export interface ApiToken {
  readonly name: string;
  readonly secret: string;
  readonly role: 'viewer' | 'operator';
  /** The only tenant whose hosts it sees; undefined = everything. */
  readonly tenant: string | undefined;
}
