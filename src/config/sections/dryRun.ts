/*
 * `dry_run`: whether anything is announced at all.
 */
import { flag } from '../fields.ts';
import { defineSection, type FileOf } from '../section.ts';

const keys = {
  dry_run: flag().default(true).describe('Only an explicit false lets anything be announced'),
};

export const dryRunSection = defineSection({
  keys,
  rules: [],
  resolve: ({ dry_run }: FileOf<typeof keys>): { readonly dryRun: boolean } => ({ dryRun: dry_run }),
  reload: 'live',
});
