/*
 * Notifications and configurations for the tests of notify.
 */
import type { NotifyConfig } from '../../src/config/sections/notify/notify.ts';
import {
  type AttackFacts,
  type BanFacts,
  BY_ROUTES,
  type Notification,
  type Recipients,
} from '../../src/notify/notification.ts';

export const NOW = Date.UTC(2026, 4, 1, 12, 0, 0);

export const NO_NOTIFICATIONS: NotifyConfig = {
  telegram: undefined,
  slack: undefined,
  email: undefined,
  webhook: undefined,
  exec: undefined,
  routes: [],
  updateSeconds: 0,
  consoleUrl: undefined,
};

export function notifyConfigOf(overrides: Partial<NotifyConfig> = {}): NotifyConfig {
  return { ...NO_NOTIFICATIONS, ...overrides };
}

/** A third over its limit. */
export function attackFacts(overrides: Partial<AttackFacts> = {}): AttackFacts {
  return {
    id: 'attack-1',
    metric: 'pps',
    rate: 120_000.4567,
    peak: 120_000.4567,
    threshold: 90_000,
    pps: 120_000.4567,
    mbps: 449.3,
    flowsPerSecond: 310,
    startedAt: NOW - 125_000,
    endedAt: undefined,
    classification: { type: 'ntp_amplification', confidence: 0.98, srcPort: 123 },
    sample: {
      flows: [],
      topSources: [
        { key: '198.51.100.1', packets: 600, bytes: 280_800 },
        { key: '198.51.100.2', packets: 400, bytes: 187_200 },
      ],
      topSrcPorts: [{ key: '123', packets: 980, bytes: 458_640 }],
      topDstPorts: [{ key: '443', packets: 1000, bytes: 468_000 }],
      protocols: [{ key: '17', packets: 1000, bytes: 468_000 }],
      topExporters: [{ key: '192.0.2.1', packets: 1000, bytes: 468_000 }],
      topInterfaces: [{ key: '192.0.2.1 17', packets: 1000, bytes: 468_000 }],
      totalPackets: 1000,
      totalBytes: 468_000,
    },
    ...overrides,
  };
}

export function banFacts(overrides: Partial<BanFacts> = {}): BanFacts {
  return {
    id: 'ban-1',
    state: 'active',
    method: 'blackhole',
    route: 'blackhole 203.0.113.7/32 next-hop 192.0.2.1 community 65535:666',
    manual: false,
    operator: undefined,
    comment: undefined,
    fellBackFrom: undefined,
    startedAt: NOW - 125_000,
    expiresAt: NOW + 600_000,
    rejectedBy: undefined,
    endedBy: undefined,
    rib: { installed: true, advertised_to: ['192.0.2.7'], not_advertised_to: [] },
    ...overrides,
  };
}

/** The start of a real attack on 203.0.113.7 of the group web, answered by a blackhole. */
export function notificationOf(overrides: Partial<Notification> = {}): Notification {
  return {
    event: 'attack_started',
    scope: 'host',
    target: '203.0.113.7',
    group: 'web',
    tenant: undefined,
    attack: attackFacts(),
    ban: banFacts(),
    dryRun: false,
    at: NOW,
    reason: '',
    failure: undefined,
    audience: 'all',
    recipients: recipientsOf(overrides.event ?? 'attack_started', overrides.attack?.id ?? 'attack-1'),
    ...overrides,
  };
}

/** As notificationOf makes them: the end of an attack follows its start. */
function recipientsOf(event: Notification['event'], attackId: string): Recipients {
  const topic = `attack ${attackId}`;
  if (event !== 'attack_ended') return { ...BY_ROUTES, opens: [topic] };
  return { ...BY_ROUTES, followUpOf: topic, routes: 'if_unknown', closes: true };
}
