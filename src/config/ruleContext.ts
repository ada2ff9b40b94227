/*
 * What the rules across keys receive. Rules also run on a file of which the schema refused a part, so that all faults
 * are reported at once. The refused parts are undefined for them.
 */
import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Community } from './community.ts';
import type { GobgpAddress } from './gobgpAddress.ts';
import type { KeyPath } from './keyPath.ts';
import type { SocketAddress } from './socketAddress.ts';

type Leaf = Prefix | Address | Community | SocketAddress | GobgpAddress | string | number | boolean | undefined;

/** A value as the schema reads it. Keys and list elements that the schema refused are undefined. */
export type Readable<Value> = Value extends Leaf
  ? Value
  : Value extends readonly (infer Item)[]
    ? readonly (Readable<Item> | undefined)[]
    : { readonly [Key in keyof Value]?: Readable<Value[Key]> };

/** `File`: the part of the file that the rule reads. */
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
