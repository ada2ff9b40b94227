/*
 * Runs the members of families that were asked for, each with each seed.
 */
import { SeededRandom } from '../../../src/flowgen/seededRandom.ts';
import { exportsAtOnce } from './exporterModels.ts';
import { runScenario, type ScenarioResult } from './runScenario.ts';
import type { Family, Member } from './scenario.ts';

export interface Selection {
  readonly families: readonly string[];
  /** Only members whose name contains it. */
  readonly member: string | undefined;
  /** Only a part of the members. */
  readonly short: boolean;
  readonly seeds: readonly number[];
}

/** What came of one member with one seed. */
export interface Outcome {
  readonly family: string;
  readonly member: string;
  readonly level: number;
  readonly seed: number;
  readonly atOnce: boolean;
  readonly isSampled: boolean;
  /** How long the traffic lasted. */
  readonly trafficSeconds: number;
  readonly result: ScenarioResult;
  /** How long the run took. */
  readonly runMs: number;
}

/** In a short run, every so many members of a family run. */
const SHORT_STRIDE = 3;

export function runMembers(
  families: readonly Family[],
  selection: Selection,
  onOutcome: (outcome: Outcome) => void = () => undefined,
): Outcome[] {
  const outcomes: Outcome[] = [];
  for (const family of families) {
    if (!selection.families.includes(family.name)) continue;
    const members = family.members.filter(
      ({ name }, i) =>
        (!selection.short || i % SHORT_STRIDE === 0) &&
        (selection.member === undefined || name.includes(selection.member)),
    );
    for (const member of members) {
      for (const seed of selection.seeds) {
        const outcome = runMember(family, member, seed);
        outcomes.push(outcome);
        onOutcome(outcome);
      }
    }
  }
  return outcomes;
}

export function runMember(family: Family, member: Member, seed: number): Outcome {
  const startedAt = performance.now();
  const random = new SeededRandom(hashOf(`${family.name} ${member.name} ${seed}`));
  const scenario = member.build(random);
  const result = runScenario(scenario, random.below(2 ** 32));
  return {
    family: family.name,
    member: member.name,
    level: member.level,
    seed,
    atOnce: scenario.exporters.every(exportsAtOnce),
    isSampled: scenario.exporters.some(({ sampling }) => sampling > 1),
    trafficSeconds: scenario.trafficMs / 1000,
    result,
    runMs: performance.now() - startedAt,
  };
}

/** FNV-1a, so that each scenario has other random numbers. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}
