/*
 * A section of the config file: some of its top-level keys, with everything about them; and what its rules receive. A
 * new key is written in the file of its section and nowhere else; `config.ts` lists the sections.
 */
import type * as z from 'zod';
import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Community } from './community.ts';
import type { KeyPath } from './keyPath.ts';
import type { GobgpAddress, SocketAddress } from './socketAddress.ts';

/** What a section's keys hold once the schema has read them. */
export type FileOf<Keys extends z.ZodRawShape> = z.output<z.ZodObject<Keys>>;

/** Where a file comes from: what a resolution needs and the file does not hold. */
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

type Leaf = Prefix | Address | Community | SocketAddress | GobgpAddress | string | number | boolean | undefined;

/**
 * A value as rules read it. Rules also run on a file of which the schema refused a part, so that all faults are
 * reported at once. Keys and list elements that the schema refused are undefined.
 */
export type Readable<Value> = Value extends Leaf
  ? Value
  : Value extends readonly (infer Item)[]
    ? readonly (Readable<Item> | undefined)[]
    : { readonly [Key in keyof Value]?: Readable<Value[Key]> };

/** What a rule across keys receives. `File`: the part of the file that the rule reads. */
export interface RuleContext<File> {
  readonly file: Readable<File>;
  /** Whether the file says anything at this path, valid or not. A key is only missing if it does not. */
  isStated(path: KeyPath): boolean;
  /** The value as written, if it is one plain word at this very place: no quotes, no alias, no anchor. */
  plainWord(path: KeyPath): string | undefined;
  report(path: KeyPath, message: string, about?: 'value' | 'missing'): void;
  /** The value of an environment variable that the file names at `path`; reported and empty if it is not set. */
  readVariable(path: KeyPath, variable: string): string;
}

export type Rule<File> = (context: RuleContext<File>) => void;

/** The elements of a list that were read, each with its index in the file. */
export function readItems<Item>(items: readonly (Item | undefined)[] | undefined): [number, Item][] {
  return [...(items ?? []).entries()].filter((entry): entry is [number, Item] => entry[1] !== undefined);
}
