/*
 * The config file's JSON Schema (draft 2020-12), made from its definition: editors complete and check with it, and
 * the loader looks up in it which keys belong where.
 */
import * as z from 'zod';
import { fileSchema } from './config.ts';
import type { KeyPath } from './keyPath.ts';

/** The part of JSON Schema that Kapkan's own schema is written in. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

let made: JsonSchema | undefined;

/** The schema of what may be written, defaults stated, cross-key rules left to the loader. */
export function configJsonSchema(): JsonSchema {
  made ??= { title: 'Kapkan', ...(z.toJSONSchema(fileSchema, { io: 'input' }) as JsonSchema) };
  return made;
}

/** The keys that may stand in the mapping at this path; empty where none may. */
export function keysAt(path: KeyPath): readonly string[] {
  let schema: JsonSchema | undefined = configJsonSchema();
  for (const step of path) {
    schema = typeof step === 'number' ? schema?.items : schema?.properties?.[step];
  }
  return Object.keys(schema?.properties ?? {});
}

/** Every key of the file as a dotted path, lists as `[]`: `hostgroups[].ban.ttl_seconds`. */
export function allKeyPaths(): readonly string[] {
  return pathsBelow(configJsonSchema(), '');
}

function pathsBelow(schema: JsonSchema, prefix: string): string[] {
  const item = schema.items;
  if (item !== undefined) return pathsBelow(item, `${prefix}[]`);
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [path, ...pathsBelow(child, path)];
  });
}
