/*
 * What a daemon has counted and seen around it, for the API to show.
 */
import type { Peer } from '../../src/gobgp/peer.ts';
import type { IngestSnapshot } from '../../src/ingest/ingestSnapshot.ts';
import type { MitigationCounters } from '../../src/mitigation/banCommit.ts';

/** `now` is when the first exporters were last seen. */
export function ingestSnapshot(now: number): IngestSnapshot {
  return {
    flows: { netflow5: 900, netflow9: 0, ipfix: 0, sflow5: 90 },
    datagrams: [
      { label: '198.51.100.1', protocol: 'netflow5', count: 30 },
      { label: 'other', protocol: 'sflow5', count: 10 },
    ],
    decodeErrorDatagrams: 3,
    notAtBorderFlows: 15,
    droppedDatagrams: 4,
    untrustedDatagrams: 5,
    refusedDatagrams: 6,
    latency: { counts: [100, 50, 1], sumSeconds: 0.000_02, count: 151 },
    doubts: { counters: 4 },
    trackedHosts: 7,
    evictedHosts: 8,
    untrackedFlows: 9,
    lastingFlowOverflow: 10,
    unprotectedFlows: 11,
    unreportedHosts: 12,
    hostTableBytes: 13,
    lastingFlows: 14,
    sightings: [],
    exporters: [
      {
        address: '198.51.100.1',
        label: '198.51.100.1',
        protocols: ['netflow5'],
        datagrams: 30,
        flows: 900,
        notAtBorder: 300,
        hasBorder: false,
        duplicates: {
          checked: 200,
          byDirection: 0,
          partners: [{ exporter: '2001:db8:ffff::1', flows: 150 }],
          tooMany: true,
        },
        lastSeenAt: now,
        sampling: { rate: 1000, source: 'header' },
        sequenceGaps: 2,
        decodeErrors: { header_truncated: 3 },
        doubts: { counters: 4 },
        lastDoubt: { reason: 'counters', value: 5 },
        activeTimeout: { ms: 60_000, source: 'learned' },
        restarts: 1,
        templates: 0,
        awaitingTemplate: 0,
        recordsWithoutCounters: 0,
        recordsWithoutAddresses: 0,
        optionsRecords: 0,
        skippedSamples: 0,
        blind: false,
      },
      {
        address: '2001:db8:ffff::1',
        label: 'other',
        protocols: ['sflow5'],
        datagrams: 10,
        flows: 0,
        notAtBorder: 0,
        hasBorder: false,
        duplicates: undefined,
        lastSeenAt: now,
        sampling: undefined,
        sequenceGaps: 0,
        decodeErrors: {},
        doubts: {},
        lastDoubt: undefined,
        activeTimeout: undefined,
        restarts: 1,
        templates: 0,
        awaitingTemplate: 0,
        recordsWithoutCounters: 0,
        recordsWithoutAddresses: 0,
        optionsRecords: 0,
        skippedSamples: 0,
        blind: true,
      },
    ],
  };
}

export const PEER: Peer = {
  daemon: '127.0.0.1:50051',
  address: '192.0.2.2',
  asn: 65001,
  state: 'established',
  uptimeSeconds: 3600,
  families: ['ipv4-unicast', 'ipv4-flowspec'],
  routeServerClient: false,
  localRestarting: false,
  localAddress: '192.0.2.1',
  advertised: { 'ipv4-unicast': 1, 'ipv6-unicast': 0, 'ipv4-flowspec': 1, 'ipv6-flowspec': 0 },
};

export const NOTHING_COUNTED: MitigationCounters = {
  rejected: 0,
  rejectedBy: {
    scope: 0,
    whitelist: 0,
    max_active_bans: 0,
    max_banned_fraction: 0,
    max_bans_per_window: 0,
    harmless: 0,
    next_hop: 0,
    flowspec_max_rules: 0,
    audience: 0,
    max_ttl_seconds: 0,
    max_tenant_share: 0,
  },
  started: 0,
  ended: 0,
  failed: 0,
  fellBack: 0,
};
