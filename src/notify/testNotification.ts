/*
 * The notification that a test sends: an attack on a documentation address (RFC 5737) with all fields of a real one. It
 * is marked as dry-run, so that no program acts on it.
 */
import { BY_ROUTES, type Notification } from './notification.ts';

/** `at` is clock milliseconds. */
export function testNotification(at: number): Notification {
  const packets = 120_000;
  const top = (key: string, share: number) => ({ key, packets: packets * share, bytes: packets * share * 468 });
  return {
    event: 'test',
    scope: 'host',
    target: '192.0.2.1',
    group: 'global',
    tenant: undefined,
    attack: {
      id: 'test',
      metric: 'pps',
      rate: packets,
      peak: packets,
      threshold: 50_000,
      pps: packets,
      mbps: (packets * 468 * 8) / 1e6,
      flowsPerSecond: 400,
      startedAt: at,
      endedAt: undefined,
      classification: { type: 'ntp_amplification', confidence: 1, srcPort: 123 },
      sample: {
        flows: [],
        topSources: [top('198.51.100.1', 0.6), top('198.51.100.2', 0.4)],
        topSrcPorts: [top('123', 1)],
        topDstPorts: [top('443', 1)],
        protocols: [top('17', 1)],
        topExporters: [top('192.0.2.1', 1)],
        topInterfaces: [top('192.0.2.1 17', 1)],
        totalPackets: packets,
        totalBytes: packets * 468,
      },
    },
    ban: undefined,
    dryRun: true,
    at,
    reason: '',
    failure: undefined,
    audience: 'all',
    recipients: BY_ROUTES,
  };
}
