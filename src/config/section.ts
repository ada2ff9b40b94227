/*
 * A section of the config file: some of its top-level keys, with everything that there is to say about them. A new key
 * is written in the file of its section and nowhere else; `sections.ts` lists the sections.
 */
import type * as z from 'zod';
import type { Rule } from './ruleContext.ts';

/** What a section's keys hold once the schema has read them. */
export type FileOf<Keys extends z.ZodRawShape> = z.output<z.ZodObject<Keys>>;

/** Where a file comes from, for what is not in it. */
export interface Origin {
  /** Absolute directory of the file; relative paths in it start here. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * What a reload does with a key: `live` applies it. A function gives the part of the resolved section that only a
 * restart can change. A mapping says it for each key below, so that no new key is left out.
 */
export type Reload<File, Resolved> =
  | 'live'
  | ((config: Resolved) => unknown)
  | { readonly [Key in keyof File]-?: Reload<NonNullable<File[Key]>, Resolved> };

export interface Section<Keys extends z.ZodRawShape, SomeRule, Needed, Resolved extends object> {
  /** The schema of each top-level key. */
  readonly keys: Keys;
  /** Rules across keys, also those of other sections. */
  readonly rules: readonly SomeRule[];
  /** From a file without faults to what the daemon works with. */
  readonly resolve: (file: Needed, origin: Origin) => Resolved;
  readonly reload: Reload<FileOf<Keys>, Resolved>;
}

/** Checks the parts of a section against each other. A rule or a resolution may need keys of other sections too. */
export function defineSection<
  Keys extends z.ZodRawShape,
  SomeRule extends Rule<never>,
  Needed,
  Resolved extends object,
>(section: Section<Keys, SomeRule, Needed, Resolved>): Section<Keys, SomeRule, Needed, Resolved> {
  return section;
}
