/*
 * The configuration as a whole. It is a list of sections, each of which has its own file. The schema of the file, the
 * rules, the resolved config and what a reload may change are all made from this list.
 */
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { FileOf, Origin, Rule } from './section.ts';
import { apiSection } from './sections/api.ts';
import { banSection } from './sections/ban.ts';
import { bgpSection } from './sections/bgp.ts';
import { detectionSection } from './sections/detection.ts';
import { dryRunSection } from './sections/dryRun.ts';
import { engineSection } from './sections/engine.ts';
import { flowSourcesSection } from './sections/flowSources.ts';
import { flowspecSection } from './sections/flowspec.ts';
import { flowTimingSection } from './sections/flowTiming.ts';
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
  engineSection,
  hostgroupsSection,
  mitigationSection,
  banSection,
  bgpSection,
  flowspecSection,
  scrubbingSection,
  gobgpSection,
  ingestSection,
  flowSourcesSection,
  flowTimingSection,
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

/**
 * The resolved configuration: what the daemon runs on, after defaults, inheritance and validation. Keys that have a
 * default are never undefined here, groups hold what they inherit, addresses and prefixes are parsed. Each section's
 * file says what its part means. It does not change: a reload makes a new one.
 */
export interface Config extends ResolvedSections {
  /** The file this was read from, absolute. */
  readonly file: string;
}

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

type ReadPart = (config: Config) => unknown;
interface ReloadTable {
  readonly [key: string]: 'live' | ReadPart | ReloadTable;
}

/**
 * The keys that differ and need a restart, by their names in the file; empty if `next` may replace `running` live. They
 * are sockets, threads, and what is sized or opened once at start. A reload that changes one of them is refused as a
 * whole, so that the running configuration is always that of one file.
 */
export function reloadProblems(running: Config, next: Config): string[] {
  const fixed = SECTIONS.flatMap(({ reload }) => fixedKeys(reload as ReloadTable | 'live' | ReadPart, ''));
  return fixed.filter(([, read]) => !isDeepStrictEqual(read(running), read(next))).map(([key]) => key);
}

function fixedKeys(reload: ReloadTable | 'live' | ReadPart, key: string): [key: string, read: ReadPart][] {
  if (reload === 'live') return [];
  if (typeof reload === 'function') return [[key, reload]];
  return Object.entries(reload).flatMap(([name, below]) => fixedKeys(below, key === '' ? name : `${key}.${name}`));
}
