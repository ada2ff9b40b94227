/*
 * Sends the demo's telemetry through a real socket, as routers would.
 */
import type { AttackName } from '../flowgen/attackProfiles.ts';
import { AttackTraffic } from '../flowgen/attackTraffic.ts';
import type { TelemetryProtocol } from '../flowgen/createEncoder.ts';
import { SendSchedule, sendTelemetry } from '../flowgen/sendTelemetry.ts';
import { parseAddress } from '../net/address.ts';

/** One in this many packets is sampled. */
const SAMPLING = 100;

/** Longer than any demo; the signal ends it. */
const FOREVER_SECONDS = 7 * 86_400;

export interface DemoTraffic {
  readonly attack: AttackName;
  readonly target: string;
  readonly protocol: TelemetryProtocol;
  readonly packetsPerSecond: number;
}

/** Resolves when the signal is aborted. */
export async function sendDemoTraffic(
  { attack, target, protocol, packetsPerSecond }: DemoTraffic,
  collector: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<void> {
  const address = parseAddress(target);
  if (address === undefined) throw new Error(`Cannot send: target must be an IP address, got ${target}`);
  const seed = address.word3;
  const traffic = new AttackTraffic({ attack, target: address, packetBytes: undefined, packetsPerRecord: 1, seed });
  const schedule = new SendSchedule(packetsPerSecond / SAMPLING, FOREVER_SECONDS);
  await sendTelemetry({ ...collector, protocol, sampling: SAMPLING, traffic, schedule, signal });
}
