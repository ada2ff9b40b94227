/*
 * The metrics: name, type, labels and where each value comes from. The first list has fixed names, types and label sets
 * that dashboards rely on; the second list is for operating Kapkan. Every combination of labels that can be known in
 * advance exists from the start, and no label value is an attacked address.
 */
import { DOUBT_REASONS } from '../decode/exporter/doubts.ts';
import { PROTOCOLS } from '../decode/exporter/protocol.ts';
import type { PeerState } from '../gobgp/peer.ts';
import { ALL_GUARDS, type Ban } from '../mitigation/ban.ts';
import { routeKey } from '../mitigation/route.ts';
import {
  type DaemonFacade,
  type MetricsSnapshot,
  NOTIFY_CHANNELS,
  NOTIFY_RESULTS,
  STORAGE_RESULTS,
  STORAGE_TABLES,
} from './daemonFacade.ts';

/** What one scrape reads from. */
export interface Scrape {
  readonly daemon: DaemonFacade;
  readonly snapshot: MetricsSnapshot;
}

/** A value, then the values of the family's labels in their order. */
export type Sample = readonly [value: number, ...labels: string[]];

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly labels: readonly string[];
  samples(scrape: Scrape): Sample[];
}

const PEER_STATES = [
  'unknown',
  'idle',
  'connect',
  'active',
  'opensent',
  'openconfirm',
  'established',
] as const satisfies readonly PeerState[];

/** The fixed ones, except the histogram. */
export const CONTRACT_FAMILIES: readonly MetricFamily[] = [
  counter('kapkan_ingest_flows_total', 'Flows ingested', ['protocol'], ({ snapshot }) =>
    PROTOCOLS.map((protocol): Sample => [snapshot.ingest.flows[protocol], protocol]),
  ),
  counter('kapkan_ingest_packets_total', 'Telemetry datagrams received', ['exporter', 'protocol'], ({ snapshot }) =>
    snapshot.ingest.datagrams.map(({ label, protocol, count }): Sample => [count, label, protocol]),
  ),
  counter('kapkan_ingest_decode_errors_total', 'Datagrams that failed to decode', [], ({ snapshot }) => [
    [snapshot.ingest.decodeErrorDatagrams],
  ]),
  gauge('kapkan_engine_active_attacks', 'Attacks in progress', [], ({ daemon }) => [[daemon.activeIncidents().length]]),
  counter('kapkan_engine_attacks_total', 'Attacks since start', [], ({ snapshot }) => [[snapshot.engine.attacks]]),
  gauge(
    'kapkan_engine_tracked_hosts',
    'Hosts tracked now; with several receiving threads and more than 4,096 hosts an estimate, to about 1 %',
    [],
    ({ snapshot }) => [[snapshot.ingest.trackedHosts]],
  ),
  gauge('kapkan_mitigate_announced_routes', 'Host routes announced', ['mode'], ({ snapshot: { mitigation } }) => [
    [mitigation.real.unicast, 'real'],
    [mitigation.dryRun.unicast, 'dry_run'],
  ]),
  gauge('kapkan_mitigate_flowspec_rules', 'FlowSpec rules announced', ['mode'], ({ snapshot: { mitigation } }) => [
    [mitigation.real.flowspec, 'real'],
    [mitigation.dryRun.flowspec, 'dry_run'],
  ]),
  counter('kapkan_mitigate_bans_rejected_total', 'Bans refused by a safety rule', [], ({ snapshot }) => [
    [snapshot.mitigation.counters.rejected],
  ]),
  counter('kapkan_notify_notifications_total', 'Notifications', ['channel', 'result'], ({ snapshot }) =>
    NOTIFY_CHANNELS.flatMap((channel) =>
      NOTIFY_RESULTS.map((result): Sample => [snapshot.notifications[channel]?.[result] ?? 0, channel, result]),
    ),
  ),
  counter('kapkan_storage_rows_total', 'Rows of history', ['table', 'result'], ({ snapshot }) =>
    STORAGE_TABLES.flatMap((table) =>
      STORAGE_RESULTS.map((result): Sample => [snapshot.storageRows[table]?.[result] ?? 0, table, result]),
    ),
  ),
];

export const FURTHER_FAMILIES: readonly MetricFamily[] = [
  gauge('kapkan_build_info', 'Always 1', ['version', 'node'], ({ daemon }) => [[1, daemon.version, process.version]]),
  gauge('kapkan_dry_run', '1 while nothing is announced for real', [], ({ daemon }) => [
    [daemon.config().dryRun ? 1 : 0],
  ]),
  gauge('kapkan_notify_queued_messages', 'Messages waiting or being delivered', [], ({ daemon }) => [
    [daemon.notifications().queued],
  ]),
  ...ingestFamilies(),
  ...mitigationFamilies(),
  ...gobgpFamilies(),
];

function ingestFamilies(): MetricFamily[] {
  const count = (name: string, help: string, value: (snapshot: MetricsSnapshot) => number): MetricFamily =>
    counter(name, help, [], ({ snapshot }) => [[value(snapshot)]]);
  return [
    gauge(
      'kapkan_ingest_receiving_threads',
      'Threads that receive telemetry, by how they read their sockets',
      ['method'],
      ({ snapshot }) => {
        const { recvmmsg, dgram } = snapshot.ingest.receivingThreads;
        return [
          [recvmmsg, 'recvmmsg'],
          [dgram, 'dgram'],
        ];
      },
    ),
    gauge('kapkan_ingest_exporters', 'Exporters seen', [], ({ snapshot }) => [[snapshot.ingest.exporters.length]]),
    gauge('kapkan_ingest_blind_exporters', 'Exporters of which nothing can be decoded', [], ({ snapshot }) => [
      [snapshot.ingest.exporters.filter(({ blind }) => blind).length],
    ]),
    counter(
      'kapkan_ingest_doubtful_total',
      'Values of exporters that were not believed, by reason',
      ['reason'],
      ({ snapshot }) => DOUBT_REASONS.map((reason): Sample => [snapshot.ingest.doubts[reason] ?? 0, reason]),
    ),
    count(
      'kapkan_ingest_not_at_border_flows_total',
      'Flows that do not count, because they cross no interface of their exporter in sampling.boundary',
      ({ ingest }) => ingest.notAtBorderFlows,
    ),
    count(
      'kapkan_ingest_dropped_datagrams_total',
      'Datagrams that the kernel dropped because the receive buffer was full',
      ({ ingest }) => ingest.droppedDatagrams,
    ),
    count(
      'kapkan_ingest_replaced_threads_total',
      'Receiving threads that failed and were replaced',
      ({ ingest }) => ingest.replacedThreads,
    ),
    count(
      'kapkan_ingest_sequence_gaps_total',
      'Gaps in the sequence numbers of exporters: telemetry that was lost on the way',
      ({ ingest }) => ingest.sequenceGaps,
    ),
    count(
      'kapkan_ingest_untrusted_datagrams_total',
      'Datagrams from sources not in flow_sources, while flow_sources_enforce is on',
      ({ ingest }) => ingest.untrustedDatagrams,
    ),
    count(
      'kapkan_ingest_refused_datagrams_total',
      'Datagrams from exporters beyond the limit of tracked exporters',
      ({ ingest }) => ingest.refusedDatagrams,
    ),
    count(
      'kapkan_ingest_sample_overruns_total',
      'Times that the buffer of flows for samples was overwritten within one window',
      ({ ingest }) => ingest.sampleOverruns,
    ),
    count(
      'kapkan_engine_evicted_hosts_total',
      'Idle hosts removed from the host table',
      ({ ingest }) => ingest.evictedHosts,
    ),
    count(
      'kapkan_engine_displaced_hosts_total',
      'Least busy hosts removed for new ones, because engine.max_hosts are tracked',
      ({ ingest }) => ingest.displacedHosts,
    ),
    count(
      'kapkan_engine_untracked_flows_total',
      'Flows to protected hosts that found no room beside busier ones, of engine.max_hosts',
      ({ ingest }) => ingest.untrackedFlows,
    ),
    count(
      'kapkan_engine_long_flow_overflow_total',
      'Records of lasting flows that could not be carried forward, because the table is full',
      ({ ingest }) => ingest.lastingFlowOverflow,
    ),
    count(
      'kapkan_engine_hosts_without_history_total',
      'Hosts near a limit that are judged less exactly, because all histories are taken',
      ({ ingest }) => ingest.hostsWithoutHistory,
    ),
    count(
      'kapkan_engine_unprotected_flows_total',
      'Flows to no address in networks',
      ({ ingest }) => ingest.unprotectedFlows,
    ),
    count(
      'kapkan_engine_unreported_hosts_total',
      'Hosts over a limit that had no room in the report of a tick, counted once a tick',
      ({ ingest }) => ingest.unreportedHosts,
    ),
    gauge('kapkan_engine_host_table_bytes', 'Memory that the host tables take', [], ({ snapshot }) => [
      [snapshot.ingest.hostTableBytes],
    ]),
    gauge(
      'kapkan_engine_long_flows',
      'Lasting flows that are carried forward until their next record',
      [],
      ({ snapshot }) => [[snapshot.ingest.lastingFlows]],
    ),
    count(
      'kapkan_engine_attacks_over_limit_total',
      'Attacks beyond the limit of active attacks',
      ({ engine }) => engine.attacksOverLimit,
    ),
  ];
}

function mitigationFamilies(): MetricFamily[] {
  return [
    counter('kapkan_mitigate_rejections_total', 'Bans refused, by guard', ['guard'], ({ snapshot }) =>
      ALL_GUARDS.map((guard): Sample => [snapshot.mitigation.counters.rejectedBy[guard], guard]),
    ),
    counter('kapkan_mitigate_bans_total', 'Bans by event', ['event'], ({ snapshot }) => {
      const { started, ended, failed, fellBack } = snapshot.mitigation.counters;
      return [
        [started, 'started'],
        [ended, 'ended'],
        [failed, 'failed'],
        [fellBack, 'fell_back'],
      ];
    }),
    gauge('kapkan_mitigate_active_bans', 'Active bans', ['mode'], ({ daemon }) => [
      [activeBans(daemon, false).length, 'real'],
      [activeBans(daemon, true).length, 'dry_run'],
    ]),
    gauge('kapkan_mitigate_max_active_bans', 'Cap on active bans', [], ({ daemon }) => [
      [daemon.config().ban.maxActiveBans],
    ]),
    gauge('kapkan_mitigate_flowspec_rules_limit', 'Cap on FlowSpec rules; +Inf = none', [], ({ daemon }) => [
      [daemon.config().flowspecMaxRules],
    ]),
    gauge('kapkan_mitigate_paused', '1 while announcements are paused', [], ({ daemon }) => [
      [daemon.pauseState() === undefined ? 0 : 1],
    ]),
    gauge('kapkan_mitigate_pending_announcements', 'Routes wanted that are not in GoBGP', [], ({ daemon }) => [
      [announcedRoutes(daemon).filter(({ installed }) => !installed).length],
    ]),
    gauge('kapkan_mitigate_unsent_announcements', 'Routes in GoBGP that were sent to no peer', [], ({ daemon }) => [
      [announcedRoutes(daemon).filter(({ installed, advertisedTo }) => installed && advertisedTo.length === 0).length],
    ]),
  ];
}

function gobgpFamilies(): MetricFamily[] {
  return [
    gauge('kapkan_gobgp_up', '1 while GoBGP answers', ['address'], ({ daemon }) =>
      daemon.gobgp().map(({ address, connected }): Sample => [connected ? 1 : 0, address]),
    ),
    gauge(
      'kapkan_gobgp_conflict_routes',
      'Routes in GoBGP that another program withdraws, changes or puts back again and again',
      ['address'],
      ({ daemon }) => daemon.gobgp().map(({ address, conflict }): Sample => [conflict?.routes ?? 0, address]),
    ),
    gauge('kapkan_gobgp_peers', 'Neighbours of GoBGP', ['address', 'state'], ({ daemon }) =>
      daemon.gobgp().flatMap(({ address }) => {
        const peers = daemon.peers().filter((peer) => peer.daemon === address);
        return PEER_STATES.map(
          (state): Sample => [peers.filter((peer) => peer.state === state).length, address, state],
        );
      }),
    ),
    counter(
      'kapkan_gobgp_drift_total',
      'Routes in GoBGP found to differ from the wanted ones',
      ['address', 'kind'],
      ({ daemon }) =>
        daemon.gobgp().flatMap(({ address, drift }): Sample[] => [
          [drift.missing, address, 'missing'],
          [drift.orphan, address, 'orphan'],
          [drift.altered, address, 'altered'],
        ]),
    ),
    counter(
      'kapkan_gobgp_drift_repaired_total',
      'Drift repaired and confirmed by reading back',
      ['address'],
      ({ daemon }) => daemon.gobgp().map(({ address, drift }): Sample => [drift.repaired, address]),
    ),
  ];
}

function activeBans(daemon: DaemonFacade, dryRun: boolean): Ban[] {
  return daemon.bans().filter((ban) => ban.state === 'active' && ban.dryRun === dryRun);
}

/** The evidence of every route that should be in GoBGP. */
function announcedRoutes(daemon: DaemonFacade) {
  return activeBans(daemon, false).flatMap(({ routes }) =>
    routes.map((route) => daemon.evidence(routeKey(route), false)),
  );
}

function counter(name: string, help: string, labels: string[], samples: MetricFamily['samples']): MetricFamily {
  return { name, help, type: 'counter', labels, samples };
}

function gauge(name: string, help: string, labels: string[], samples: MetricFamily['samples']): MetricFamily {
  return { name, help, type: 'gauge', labels, samples };
}
