/*
 * `dry_run`: whether anything is announced at all. It is the one key that must be written as a plain word, so that a
 * person who reads the file sees what every program sees.
 */
import { flag } from '../fields.ts';
import { defineSection, type FileOf, type RuleContext } from '../section.ts';

const keys = {
  dry_run: flag().default(true).describe('Only the plain word false lets anything be announced'),
};

type DryRunFile = FileOf<typeof keys>;

function checkPlainWord({ file, isStated, plainWord, report }: RuleContext<DryRunFile>): void {
  if (!isStated(['dry_run']) || file.dry_run === undefined) return;
  const written = plainWord(['dry_run']);
  if (written === String(file.dry_run)) return;
  const found = written === undefined ? 'an alias or an anchor' : written;
  report(['dry_run'], `must be the plain word true or false, got ${found}`);
}

export const dryRunSection = defineSection({
  keys,
  rules: [checkPlainWord],
  resolve: ({ dry_run }: DryRunFile): { readonly dryRun: boolean } => ({ dryRun: dry_run }),
  reload: 'live',
});
