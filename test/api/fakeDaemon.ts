/*
 * A daemon made of plain values: an attack with its FlowSpec ban, a manual ban, an old one and a refused one.
 */
import type { DaemonFacade, HostQuery, MetricsSnapshot, Pause, ReloadOutcome } from '../../src/api/daemonFacade.ts';
import type { AuditPage, AuditQuery } from '../../src/auditEvent.ts';
import type { Community } from '../../src/config/community.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Attack } from '../../src/engine/attack.ts';
import type { HostReport } from '../../src/engine/hostReport.ts';
import type { GobgpStatus } from '../../src/gobgp/gobgpAnnouncer.ts';
import type { Peer } from '../../src/gobgp/peer.ts';
import { type Incident, Timeline } from '../../src/incidents/incidentTable.ts';
import type { IngestSnapshot } from '../../src/ingest/ingestSnapshot.ts';
import { NO_EVIDENCE, type RouteEvidence } from '../../src/mitigation/announcer.ts';
import type { Ban, BanPlan } from '../../src/mitigation/ban.ts';
import type { ManualBanRequest } from '../../src/mitigation/banJudge.ts';
import type { FlowspecRoute, UnicastRoute } from '../../src/mitigation/route.ts';
import { type Address, formatAddress } from '../../src/net/address.ts';
import type { NotifierStatus, TestOutcome } from '../../src/notify/notifier.ts';
import type { AttackJson } from '../../src/shapes/attackJson.ts';
import type {
  AttackQuery,
  Page,
  PastAttack,
  PastEvent,
  PastIncident,
  TrafficPoint,
  TrafficQuery,
} from '../../src/storage/history/historyStore.ts';
import { address } from '../fixtures/addressFixture.ts';
import * as bans from '../fixtures/banFixture.ts';
import * as routes from '../fixtures/routeFixture.ts';
import { AuditMemory } from './auditMemory.ts';
import { ingestSnapshot, NOTHING_COUNTED, PEER } from './countersFixture.ts';
import { reportOf } from './reportOf.ts';

export const NOW = Date.UTC(2026, 4, 1, 12, 0, 0);

const CONFIG = `
dry_run: false
listen: { netflow: ["127.0.0.1:2055", "[::1]:2055"], sflow: "127.0.0.1:6343" }
networks: [192.0.2.0/24, 2001:db8::/32]
thresholds: { pps: 100000, mbps: 1000, flows_per_sec: 5000 }
hostgroups:
  - name: web
    networks: [192.0.2.128/25]
    thresholds: { udp_pps: 20000 }
    mitigation: flowspec
ban: { ttl_seconds: 600, max_active_bans: 100 }
bgp: { next_hop: 192.0.2.1 }
flow_sources: [198.51.100.1]
flowspec: { max_rules: 50 }
`;

const COMMUNITIES: readonly Community[] = [
  { kind: 'standard', value: 0xffff029a, text: '65535:666' },
  { kind: 'standard', value: 0xffffff01, text: 'no-export' },
];

/** With two communities and a local preference. */
export function blackhole(target: string): UnicastRoute {
  return routes.blackhole(target, { nextHop: '192.0.2.1', communities: COMMUNITIES, localPref: 200 });
}

/** Against UDP from this port. */
export function flowspec(target: string, sourcePort: number): FlowspecRoute {
  return routes.flowspec(target, { protocols: [17], sourcePorts: [{ from: sourcePort, to: sourcePort }] });
}

const NO_ROUTES: BanPlan['routes'] = { none: [], flowspec: [], divert: [], blackhole: [] };

/** A manual blackhole, where the overrides say nothing else. */
export function banOf(target: string, overrides: Partial<Ban> = {}): Ban {
  const inForce = overrides.routes ?? [blackhole(target)];
  const method = inForce[0]?.kind === 'flowspec' ? 'flowspec' : 'blackhole';
  return bans.banOf({
    id: `ban-${target}`,
    targetText: target,
    madeBy: 'operator',
    startedAt: NOW,
    expiresAt: NOW + 600_000,
    attackId: undefined,
    metric: undefined,
    rate: undefined,
    threshold: undefined,
    routes: inForce,
    comment: 'by hand',
    operator: 'noc',
    plan: { ...bans.banOf().plan, ttlSeconds: 600, ladderStartedAt: NOW, routes: { ...NO_ROUTES, [method]: inForce } },
    ...overrides,
  });
}

export function attackOf(target: string, overrides: Partial<Attack> = {}): Attack {
  return {
    id: `attack-${target}`,
    target: address(target),
    targetText: target,
    group: 1,
    groupName: 'web',
    metric: 'udp_pps',
    threshold: 20_000,
    rate: 81_234.567891,
    rates: {
      pps: 81_300,
      mbps: 325.2,
      flows_per_sec: 410,
      udp_pps: 81_234.567891,
      udp_mbps: 324.9,
      tcp_pps: 0,
      icmp_pps: 0,
    },
    rateError: 812.34567,
    peakRate: 90_000,
    active: true,
    startedAt: NOW - 30_000,
    endedAt: undefined,
    lastSeenAt: NOW,
    sample: {
      flows: [
        {
          src: '203.0.113.7',
          dst: target,
          srcPort: 123,
          dstPort: 4444,
          ipProtocol: 17,
          tcpFlags: 0,
          fragment: false,
          packets: 1000,
          bytes: 468_000,
          samplingRate: 1000,
          receivedAtMs: NOW - 31_000,
        },
      ],
      topSources: [{ key: '203.0.113.7', packets: 1000, bytes: 468_000 }],
      topSrcPorts: [{ key: '123', packets: 1000, bytes: 468_000 }],
      topDstPorts: [{ key: '4444', packets: 1000, bytes: 468_000 }],
      protocols: [{ key: '17', packets: 1000, bytes: 468_000 }],
      topExporters: [{ key: '192.0.2.1', packets: 1000, bytes: 468_000 }],
      topInterfaces: [{ key: '192.0.2.1 17', packets: 1000, bytes: 468_000 }],
      totalPackets: 1000,
      totalBytes: 468_000,
    },
    classification: { type: 'ntp_amplification', confidence: 0.98765, srcPort: 123 },
    reason: {
      text: 'udp_pps 81,235 over the limit 20,000 (group web)',
      thresholdSource: 'static',
      shares: { tcp: 0, udp: 0.99919, icmp: 0, other: 0.00081 },
    },
    ...overrides,
  };
}

export class FakeDaemon implements DaemonFacade {
  readonly version = '1.2.3';
  isReady = true;
  running: Config = parseConfig(CONFIG, '/etc/kapkan/kapkan.yaml', {});
  attacks: Attack[] = [attackOf('192.0.2.130')];
  ended: Attack[] = [attackOf('192.0.2.131', { active: false, endedAt: NOW - 1000, group: 99 })];
  allBans: Ban[] = [
    banOf('192.0.2.10'),
    banOf('192.0.2.130', {
      group: 'web',
      madeBy: 'attack',
      method: 'flowspec',
      routes: [flowspec('192.0.2.130', 123), flowspec('192.0.2.130', 53)],
      attackId: 'attack-192.0.2.130',
      metric: 'udp_pps',
      rate: 81_234.5678,
      threshold: 20_000,
      comment: undefined,
      operator: undefined,
    }),
    banOf('192.0.2.77', { state: 'rejected', reason: '192.0.2.77 is whitelisted', routes: [] }),
    banOf('192.0.2.10', { id: 'older', state: 'withdrawn', withdrawnAt: NOW - 5000, reason: 'ttl' }),
  ];
  hostReport: HostReport = reportOf(NOW, [
    { target: '192.0.2.130', group: 1, rates: [81_300.12345, 325.2, 410, 0, 0, 81_234, 324] },
    { target: '2001:db8::5', group: 0, rates: [10, 0.1, 1] },
  ]);
  snapshot: IngestSnapshot = ingestSnapshot(NOW);
  gobgps: GobgpStatus[] = [
    {
      address: '127.0.0.1:50051',
      api: 'v3',
      connected: true,
      asn: 65000,
      lastError: undefined,
      drift: { missing: 1, orphan: 2, altered: 3, repaired: 6 },
      conflict: undefined,
    },
  ];
  neighbours: Peer[] = [PEER];
  delivery: NotifierStatus = {
    channels: ['email', 'webhook'],
    queued: 2,
    errors: [{ channel: 'webhook', error: 'hook.example.net answered 500' }],
  };
  /** By route key; what is absent was never seen. */
  readonly seen = new Map<string, RouteEvidence>();

  /** The requests that were made. */
  readonly banRequests: ManualBanRequest[] = [];
  readonly hostQueries: HostQuery[] = [];
  readonly unbans: { target: string; operator: string }[] = [];
  readonly attackQueries: AttackQuery[] = [];
  readonly trafficQueries: TrafficQuery[] = [];
  readonly auditMemory = new AuditMemory();
  /** What history has of attacks. */
  past: PastAttack[] = [];
  /** Of every one of them. */
  pastTimeline: PastEvent[] = [];
  /** By the id of the attack. */
  readonly timelines = new Map<string, Timeline>();
  /** Of attacks before the start. */
  earlier: AttackJson[] = [];
  paused: Pause | undefined;
  reloads = 0;
  notificationTests = 0;
  /** What is answered. */
  refusal: string | undefined;
  reloadOutcome: ReloadOutcome = { reloaded: true, dryRun: false };
  testOutcomes: TestOutcome[] = [
    { channel: 'email', error: undefined },
    { channel: 'webhook', error: 'hook.example.net answered 500' },
  ];
  failure: Error | undefined;

  ready(): boolean {
    return this.isReady;
  }

  uptimeSeconds(): number {
    return 12.9;
  }

  config(): Config {
    return this.running;
  }

  activeIncidents(): readonly Incident[] {
    return this.attacks.map((attack) => this.#incidentOf(attack));
  }

  endedIncidents(): readonly Incident[] {
    return this.ended.map((attack) => this.#incidentOf(attack));
  }

  earlierAttacks(): readonly AttackJson[] {
    return this.earlier;
  }

  incident(attackId: string): Incident | undefined {
    return [...this.activeIncidents(), ...this.endedIncidents()].find(({ attack }) => attack.id === attackId);
  }

  async pastAttack(id: string): Promise<PastIncident | undefined> {
    if (this.failure !== undefined) throw this.failure;
    const past = this.past.find((attack) => attack.id === id);
    return past && { ...past, timeline: this.pastTimeline };
  }

  #incidentOf(attack: Attack): Incident {
    const ban = this.allBans.find(({ attackId }) => attackId === attack.id);
    return { attack, ban, timeline: this.timelines.get(attack.id) ?? new Timeline() };
  }

  bans(): readonly Ban[] {
    return this.allBans;
  }

  evidence(routeKey: string): RouteEvidence {
    return this.seen.get(routeKey) ?? NO_EVIDENCE;
  }

  async topHosts(query: HostQuery): Promise<HostReport> {
    this.hostQueries.push(query);
    return this.hostReport;
  }

  async ingest(): Promise<IngestSnapshot> {
    if (this.failure !== undefined) throw this.failure;
    return this.snapshot;
  }

  gobgp(): readonly GobgpStatus[] {
    return this.gobgps;
  }

  peers(): readonly Peer[] {
    return this.neighbours;
  }

  async metrics(): Promise<MetricsSnapshot> {
    return {
      ingest: this.snapshot,
      latencyBoundsSeconds: [1e-7, 1e-6],
      engine: { attacks: 11, attacksOverLimit: 1 },
      mitigation: {
        real: { unicast: 1, flowspec: 2 },
        dryRun: { unicast: 3, flowspec: 4 },
        counters: {
          ...NOTHING_COUNTED,
          rejected: 5,
          rejectedBy: { ...NOTHING_COUNTED.rejectedBy, whitelist: 4, max_active_bans: 1 },
          fellBack: 2,
        },
      },
      notifications: { webhook: { ok: 12, error: 1 } },
      storageRows: { audit_events: { written: 2 } },
    };
  }

  pauseState(): Pause | undefined {
    return this.paused;
  }

  pause(operator: string): Pause {
    this.paused = { since: NOW, by: operator };
    return this.paused;
  }

  resume(): void {
    this.paused = undefined;
  }

  async ban(request: ManualBanRequest): Promise<Ban> {
    this.banRequests.push(request);
    const overrides = { operator: request.operator, comment: request.comment };
    const target = formatAddress(request.target);
    if (this.refusal !== undefined) {
      return banOf(target, {
        ...overrides,
        state: 'rejected',
        reason: this.refusal,
        rejectedBy: 'whitelist',
        routes: [],
      });
    }
    return banOf(target, overrides);
  }

  async unban(target: Address, operator: string): Promise<Ban | undefined> {
    const targetText = formatAddress(target);
    this.unbans.push({ target: targetText, operator });
    const ban = this.allBans.find((one) => one.targetText === targetText && one.state === 'active');
    return ban && { ...ban, state: 'withdrawn', withdrawnAt: NOW, reason: 'unbanned by hand' };
  }

  audit(query: AuditQuery): Promise<AuditPage> {
    return this.auditMemory.audit(query);
  }

  async pastAttacks(query: AttackQuery): Promise<Page<PastAttack>> {
    this.attackQueries.push(query);
    return { rows: this.past, nextCursor: this.past.length > 0 ? '1-a' : undefined };
  }

  async pastTraffic(query: TrafficQuery): Promise<readonly TrafficPoint[]> {
    this.trafficQueries.push(query);
    const rates = { pps: 1, mbps: 2, flows_per_sec: 3 };
    return [{ time: query.from, mean: rates, peak: rates }];
  }

  notifications(): NotifierStatus {
    return this.delivery;
  }

  async testNotifications(): Promise<readonly TestOutcome[]> {
    this.notificationTests++;
    return this.testOutcomes;
  }

  async reload(): Promise<ReloadOutcome> {
    this.reloads++;
    return this.reloadOutcome;
  }
}
