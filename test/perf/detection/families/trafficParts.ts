/*
 * Traffic that the families are put together from: a base load, and on top of it as much as makes a level.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import {
  lastingFlow,
  newFlow,
  type PacketKind,
  type Rate,
  type Source,
  scattered,
  shortFlows,
  steady,
  TCP_DATA,
} from '../simulator/traffic.ts';

/** The base load, as a part of the limit. */
export const BASE_LEVEL = 0.1;

const BASE_FLOWS = 20;
const PACKETS_PER_FLOW = 20;

/** When the traffic above the base load begins. */
export const BEGIN_MS = 20_000;

/** Packets a second, so that a window holds thousands of samples at the limit and a run stays short. */
export function limitFor({ sampling }: ExporterSettings): number {
  return sampling === 1 ? 1000 : 400 * sampling;
}

/** Ordinary short connections, a tenth of the limit. */
export function baseLoad(
  limit: number,
  untilMs: number,
  random: SeededRandom,
  where: Partial<PacketKind> = {},
): Source {
  const rate = steady(0, untilMs, BASE_LEVEL * limit);
  return shortFlows({ ...TCP_DATA, ...where }, rate, BASE_FLOWS, PACKETS_PER_FLOW, random);
}

/** The rate that, with the base load, makes this level. */
export function rateAtLevel(level: number, limit: number): number {
  return (level - BASE_LEVEL) * limit;
}

/** Base load, and packets with forged sources up to this rate. */
export function floodOverBase(
  kind: PacketKind,
  rate: Rate,
  limit: number,
  untilMs: number,
  random: SeededRandom,
): Source[] {
  return [baseLoad(limit, untilMs, random, { host: kind.host, exporter: kind.exporter }), scattered(kind, rate)];
}

/** Base load, and one flow of this rate. */
export function flowOverBase(
  kind: PacketKind,
  rate: Rate,
  limit: number,
  untilMs: number,
  random: SeededRandom,
  closesAtMs?: number,
): Source[] {
  const place = { host: kind.host, exporter: kind.exporter };
  return [baseLoad(limit, untilMs, random, place), lastingFlow(newFlow(kind, random), rate, closesAtMs)];
}
