/*
 * The resolved configuration: what the daemon runs on, after defaults, inheritance and validation. Keys that have a
 * default are never undefined here, groups hold what they inherit, addresses and prefixes are parsed. Each section's
 * file says what its part means. Immutable: a reload makes a new one.
 */
import type { ResolvedSections } from './sections.ts';

export interface Config extends ResolvedSections {
  /** The file this was read from, absolute. */
  readonly file: string;
}
