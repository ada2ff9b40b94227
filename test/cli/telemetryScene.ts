/*
 * Telemetry of several exporters over some seconds, as a capture.
 */
import type { AttackName } from '../../src/flowgen/attackProfiles.ts';
import { AttackTraffic } from '../../src/flowgen/attackTraffic.ts';
import { createEncoder, type TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import { SendSchedule } from '../../src/flowgen/sendTelemetry.ts';
import { address } from '../fixtures/addressFixture.ts';
import { CaptureFile } from './captureFile.ts';

export const SCENE_START = Date.parse('2024-05-01T12:00:00Z');
const STEP_MS = 10;
const SAMPLING = 100;

/** Protects 203.0.113.0/24: .53 is whitelisted, the first 32 addresses are a group of their own, two bans at most. */
export const SCENE_CONFIG = `listen: { netflow: ":2055", sflow: ":6343" }
networks: [203.0.113.0/24, "2001:db8::/32"]
protected_whitelist: [203.0.113.53]
detection: { window_seconds: 2 }
thresholds: { pps: 20000, mbps: 1000, flows_per_sec: 100000 }
hostgroups: [{ name: web, networks: [203.0.113.0/27], mitigation: flowspec }]
bgp: { next_hop: 192.0.2.254 }
ban: { ttl_seconds: 60, unban_hysteresis_seconds: 5, max_active_bans: 2 }
api: { token_env: KAPKAN_TOKEN_THAT_IS_NOT_SET }
`;

interface Act {
  readonly attack: AttackName;
  readonly target: string;
  /** Seconds after the start. */
  readonly from: number;
  readonly to: number;
  readonly packetsPerSecond: number;
  readonly protocol?: TelemetryProtocol;
  readonly port?: number;
}

interface Sent {
  readonly at: number;
  readonly source: string;
  readonly port: number;
  readonly payload: Uint8Array;
}

/** A capture of what several exporters saw. */
export class TelemetryScene {
  readonly #datagrams: Sent[] = [];
  readonly #last: Sent[] = [];
  #exporters = 0;

  play({ attack, target, from, to, packetsPerSecond, protocol = 'ipfix', port }: Act): void {
    const source = `192.0.2.${++this.#exporters}`;
    const encoder = createEncoder(protocol, { sampling: SAMPLING, agent: address(source) });
    const schedule = new SendSchedule(packetsPerSecond / SAMPLING, to - from);
    const options = { attack, target: address(target), packetBytes: undefined, packetsPerRecord: 1, seed: 1 };
    const traffic = new AttackTraffic(options);
    for (let elapsedMs = STEP_MS; !schedule.finished; elapsedMs += STEP_MS) {
      const at = SCENE_START + from * 1_000 + elapsedMs;
      for (const payload of encoder.encode(traffic.take(schedule.take(elapsedMs), STEP_MS), at)) {
        this.#datagrams.push({ at, source, port: port ?? (protocol === 'sflow5' ? 6_343 : 2_055), payload });
      }
    }
  }

  /** Puts a datagram behind all others, whatever its time. */
  addLast(at: number, port: number, payload: Uint8Array): void {
    this.#last.push({ at, source: '192.0.2.77', port, payload });
  }

  bytes(): Buffer {
    const file = new CaptureFile();
    const inOrder = this.#datagrams.toSorted((a, b) => a.at - b.at);
    for (const { at, source, port, payload } of [...inOrder, ...this.#last]) file.add(at, source, port, payload);
    return file.bytes();
  }
}
