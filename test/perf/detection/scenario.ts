/*
 * A scenario: limits, exporters, and traffic to protected hosts of which the truth is known. A family has members of one
 * kind; each builds another scenario from each seed.
 */
import type { SeededRandom } from '../../../src/flowgen/seededRandom.ts';
import type { Thresholds } from '../../../src/trafficMetrics.ts';
import type { ExporterSettings } from './simulator/simulatedExporter.ts';
import type { Source } from './simulator/traffic.ts';

export interface Scenario {
  readonly limits: Thresholds;
  /** Protected hosts, each judged on its own. */
  readonly hosts: number;
  readonly exporters: readonly ExporterSettings[];
  readonly sources: readonly Source[];
  /** When all sources have ended, in milliseconds since the scenario began. */
  readonly trafficMs: number;
  /** When Kapkan is stopped and started again. */
  readonly restartAtMs?: number;
  /** 5 and 20 where they are not given. */
  readonly windowSeconds?: number;
  readonly hysteresisSeconds?: number;
}

export interface Member {
  /** Level and exporter, as `2x v9-60`; unique in its family. */
  readonly name: string;
  /** The rate of the attack as a multiple of the limit; below 1 = there is none. */
  readonly level: number;
  readonly build: (random: SeededRandom) => Scenario;
}

export interface Family {
  readonly name: string;
  readonly members: readonly Member[];
}

export const ATTACK_LEVELS = [1.08, 1.2, 2, 4, 10];
export const QUIET_LEVELS = [0.5, 0.8, 0.9];

/** A rate that is surely over 1.08 times the limit, where the packets of a window are whole. */
export const LEVEL_MARGIN = 1.005;

/**
 * Members for each level with some of the exporters in turn, `perLevel` of them, so that all levels meet different
 * exporters.
 */
export function membersOf(
  levels: readonly number[],
  exporters: readonly ExporterSettings[],
  perLevel: number,
  build: (level: number, exporter: ExporterSettings, random: SeededRandom) => Scenario,
): Member[] {
  return levels.flatMap((level, row) =>
    Array.from({ length: perLevel }, (_, i) => {
      const exporter = exporters[(row * perLevel + i) % exporters.length];
      const rate = level > 1 ? level * LEVEL_MARGIN : level;
      return { name: `${level}x ${exporter.name}`, level, build: (random) => build(rate, exporter, random) };
    }),
  );
}
