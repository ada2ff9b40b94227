/*
 * What the rules across keys are handed. They run on every file, also on one whose parts the schema refused, so that
 * all that is wrong is said at once; what was refused is simply not there for them.
 */
import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Community, SocketAddress } from './config.ts';
import type { GobgpAddress } from './gobgpAddress.ts';
import type { FileConfig } from './schema.ts';
import type { KeyPath } from './yamlSource.ts';

type Leaf = Prefix | Address | Community | SocketAddress | GobgpAddress | string | number | boolean | undefined;

/** A value as the schema gives it, less what it refused: such keys and list elements are undefined. */
export type Readable<Value> = Value extends Leaf
  ? Value
  : Value extends readonly (infer Item)[]
    ? readonly (Readable<Item> | undefined)[]
    : { readonly [Key in keyof Value]?: Readable<Value[Key]> };

export interface RuleContext {
  readonly file: Readable<FileConfig>;
  /** Whether the file says anything at this path, right or wrong; a missing key is only missing if it does not. */
  isStated(path: KeyPath): boolean;
  report(path: KeyPath, message: string, about?: 'value' | 'missing'): void;
}

/** The elements of a list that were read, each with its index in the file. */
export function readItems<Item>(items: readonly (Item | undefined)[] | undefined): [number, Item][] {
  return [...(items ?? []).entries()].filter((entry): entry is [number, Item] => entry[1] !== undefined);
}
