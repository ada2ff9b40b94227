/*
 * `mitigation`, `escalation`: what is announced for a host under attack, at once or step by step.
 */
import * as z from 'zod';
import { choice, list, seconds } from '../fields.ts';
import type { KeyPath } from '../keyPath.ts';
import { defineSection, type FileOf, type Readable, type RuleContext, readItems } from '../section.ts';

export type MitigationMethod = 'blackhole' | 'flowspec' | 'divert' | 'none';

export const mitigationSchema = choice(['blackhole', 'flowspec', 'divert', 'none']).describe(
  'What is announced for a host under attack: blackhole, flowspec, divert or none',
);

export const escalationSchema = list(
  z
    .strictObject({
      after_seconds: seconds(0).describe('Seconds since the attack began'),
      action: choice(['none', 'flowspec', 'divert', 'blackhole']).describe('What is announced from then on'),
    })
    .describe('One rung'),
)
  .max(5, { error: 'must have at most 5 rungs' })
  .describe(
    'Escalation ladder: stronger methods while an attack lasts, at most 5 rungs, the first at 0; replaces mitigation',
  );

const keys = {
  mitigation: mitigationSchema.default('blackhole'),
  escalation: escalationSchema.default([]),
};

type Ladder = z.output<typeof escalationSchema>;

export interface EscalationRung {
  readonly afterSeconds: number;
  readonly action: MitigationMethod;
}

/** How strong a method is; a ladder only holds or strengthens. */
const STRENGTH: Readonly<Record<MitigationMethod, number>> = { none: 0, flowspec: 1, divert: 2, blackhole: 3 };

function checkLadders({
  file,
  report,
}: RuleContext<{ escalation: Ladder; hostgroups: { escalation?: Ladder | undefined }[] }>): void {
  checkLadder(file.escalation, ['escalation'], report);
  for (const [index, group] of readItems(file.hostgroups)) {
    checkLadder(group.escalation, ['hostgroups', index, 'escalation'], report);
  }
}

function checkLadder(
  ladder: Readable<Ladder | undefined>,
  path: KeyPath,
  report: RuleContext<unknown>['report'],
): void {
  for (const [index, rung] of readItems(ladder)) {
    const below = index === 0 ? undefined : ladder?.[index - 1];
    const { after_seconds: after, action } = rung;
    if (index === 0 && after !== undefined && after !== 0) {
      report([...path, index, 'after_seconds'], `must be 0 on the first rung, got ${after}`);
    }
    if (after !== undefined && below?.after_seconds !== undefined && after <= below.after_seconds) {
      report(
        [...path, index, 'after_seconds'],
        `must be above ${below.after_seconds}, that of the rung before, got ${after}`,
      );
    }
    if (action !== undefined && below?.action !== undefined && STRENGTH[action] < STRENGTH[below.action]) {
      report(
        [...path, index, 'action'],
        `must not be weaker than "${below.action}", the rung before (none < flowspec < divert < blackhole), got "${action}"`,
      );
    }
  }
}

/** Whether traffic may be diverted; a ladder counts in place of the method. */
export function mayDivert(method: MitigationMethod | undefined, ladder: Readable<Ladder | undefined>): boolean {
  if (ladder !== undefined && ladder.length > 0) return ladder.some((rung) => rung?.action === 'divert');
  return method === 'divert';
}

export interface GroupMitigationConfig {
  readonly mitigation: MitigationMethod;
  /** Empty = no ladder, `mitigation` decides. Ascending; the first at 0 seconds. */
  readonly escalation: readonly EscalationRung[];
}

/** Each of the two is inherited as a whole. */
export function resolveGroupMitigation(
  global: FileOf<typeof keys>,
  own: { readonly mitigation?: MitigationMethod | undefined; readonly escalation?: Ladder | undefined } | undefined,
): GroupMitigationConfig {
  const ladder = own?.escalation ?? global.escalation;
  return {
    mitigation: own?.mitigation ?? global.mitigation,
    escalation: ladder.map(({ after_seconds, action }) => ({ afterSeconds: after_seconds, action })),
  };
}

/** Resolved with the groups, which inherit it. */
export const mitigationSection = defineSection({ keys, rules: [checkLadders], resolve: () => ({}), reload: 'live' });
