/*
 * The sections that make up the config file. The schema, the rules, the resolved config and what a reload may change
 * are all put together from this list.
 */
import * as z from 'zod';
import type { Rule } from './ruleContext.ts';
import type { FileOf, Origin } from './section.ts';
import { apiSection } from './sections/api.ts';
import { banSection } from './sections/ban.ts';
import { bgpSection } from './sections/bgp.ts';
import { detectionSection } from './sections/detection.ts';
import { dryRunSection } from './sections/dryRun.ts';
import { flowSourcesSection } from './sections/flowSources.ts';
import { flowspecSection } from './sections/flowspec.ts';
import { gobgpSection } from './sections/gobgp.ts';
import { hostgroupsSection } from './sections/hostgroups.ts';
import { ingestSection } from './sections/ingest.ts';
import { listenSection } from './sections/listen.ts';
import { mitigationSection } from './sections/mitigation.ts';
import { networksSection } from './sections/networks.ts';
import { notifySection } from './sections/notify/notify.ts';
import { samplesSection } from './sections/samples.ts';
import { samplingSection } from './sections/sampling.ts';
import { scrubbingSection } from './sections/scrubbing.ts';
import { storageSection } from './sections/storage.ts';
import { thresholdsSection } from './sections/thresholds.ts';

/** In the order of the JSON Schema. */
export const SECTIONS = [
  dryRunSection,
  listenSection,
  networksSection,
  thresholdsSection,
  detectionSection,
  hostgroupsSection,
  mitigationSection,
  banSection,
  bgpSection,
  flowspecSection,
  scrubbingSection,
  gobgpSection,
  ingestSection,
  flowSourcesSection,
  samplingSection,
  samplesSection,
  notifySection,
  storageSection,
  apiSection,
] as const;

type Sections = (typeof SECTIONS)[number];

/** `A | B` -> `A & B` */
type Intersection<Union> = (Union extends unknown ? (value: Union) => void : never) extends (value: infer All) => void
  ? All
  : never;

type Keys = Intersection<Sections['keys']>;

/** A file that the schema has accepted, with its defaults. */
export type FileConfig = FileOf<Keys>;

/** What all sections resolve to. */
export type ResolvedSections = Intersection<ReturnType<Sections['resolve']>>;

export const fileSchema = z
  .strictObject(Object.assign({}, ...SECTIONS.map(({ keys }) => keys)) as Keys, {
    error: 'must be a mapping of keys to values',
  })
  .describe('Configuration of Kapkan');

export const RULES: readonly Rule<FileConfig>[] = SECTIONS.flatMap((section): readonly Rule<FileConfig>[] => {
  return section.rules;
});

export function resolveSections(file: FileConfig, origin: Origin): ResolvedSections {
  const resolved = SECTIONS.map((section) => section.resolve(file, origin));
  return Object.assign({}, ...resolved) as ResolvedSections;
}
