/*
 * Reads of a config file only what `kapkan withdraw` needs: where GoBGP and the state are, and whether Kapkan is live.
 * It must work exactly when everything else does not, so the rest of the file may be wrong, even as YAML. What is wrong
 * with the sections that it does need is never guessed: it says what it does not know.
 */
import path from 'node:path';
import * as z from 'zod';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { checkFile, type FileForm } from './checkFile.ts';
import { fileSchema } from './config.ts';
import { valueAt } from './keyPath.ts';
import { parseConfig, readConfigText } from './load.ts';
import { dryRunSection } from './sections/dryRun.ts';
import { type GobgpConfig, gobgpSection } from './sections/gobgp.ts';
import { storageSection } from './sections/storage.ts';
import { readYaml, type YamlSource } from './yaml/yamlSource.ts';

export interface WithdrawConfig {
  /** Also true where the file does not say it for sure. */
  readonly dryRun: boolean;
  readonly gobgp: GobgpConfig;
  /** Whether the file says for sure which routes at which GoBGP are this Kapkan's; else `gobgp` holds defaults. */
  readonly isGobgpKnown: boolean;
  /** `path` is absolute. */
  readonly storage: { readonly path: string };
  /** Whether the file says for sure where the state is; else `storage` holds the default. */
  readonly isStorageKnown: boolean;
  /** Everything that is wrong with the file; empty if a daemon would start with it. */
  readonly problems: readonly ConfigProblem[];
}

/** Throws ConfigError if the file cannot be read at all. */
export function loadWithdrawConfig(file: string): WithdrawConfig {
  return parseWithdrawConfig(readConfigText(file), file);
}

/** `file` is the name in messages and where relative paths start. Never throws. */
export function parseWithdrawConfig(text: string, file: string): WithdrawConfig {
  try {
    const { dryRun, gobgp, storage } = parseConfig(text, file, {}, { onUnset: () => {} });
    return { dryRun, gobgp, storage, isGobgpKnown: true, isStorageKnown: true, problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return readParts(text, file, error.problems);
  }
}

const DRY_RUN: FileForm<unknown> = { schema: z.object(dryRunSection.keys), rules: dryRunSection.rules };
const GOBGP_SCHEMA = z.object(gobgpSection.keys);
const GOBGP: FileForm<z.output<typeof GOBGP_SCHEMA>> = { schema: GOBGP_SCHEMA, rules: gobgpSection.rules };
const STORAGE_SCHEMA = z.object(storageSection.keys);
// The variables of a ClickHouse server are of no use here.
const STORAGE: FileForm<unknown> = { schema: STORAGE_SCHEMA, rules: [] };

/** Keys of `gobgp` that do not say which routes are meant, and whose defaults will do. */
const HOW_TO_CALL = ['timeout_seconds', 'api'];

function readParts(text: string, file: string, problems: readonly ConfigProblem[]): WithdrawConfig {
  const source = readYaml(text);
  const isWhole = isMapping(source.value) && source.brokenAt === undefined;
  const part = <File>(key: string, form: FileForm<File>) =>
    readPart(isWhole ? source : readYaml(linesOf(text, key)), key, form);
  const dryRun = part('dry_run', DRY_RUN);
  const gobgp = part('gobgp', GOBGP);
  const storage = part('storage', STORAGE);
  // A key that is not known may be a mistyped one of these.
  const isAllRead = isWhole && Object.keys(source.value as object).every((key) => key in fileSchema.shape);

  const origin = { directory: path.dirname(path.resolve(file)), env: {} };
  const usable = GOBGP_SCHEMA.safeParse({ gobgp: gobgp.withoutFaults });
  const isGobgpKnown = gobgp.isStated && usable.success && gobgp.faults.every((key) => HOW_TO_CALL.includes(key));
  const statedPath = STORAGE_SCHEMA.safeParse({ storage: pathOnly(storage) });
  const isMistyped = storage.faults.some((key) => key === '' || key === 'path' || !isStorageKey(key));
  return {
    dryRun: !(dryRun.isStated && dryRun.faults.length === 0 && dryRun.value === false),
    gobgp: gobgpSection.resolve(usable.data ?? GOBGP_SCHEMA.parse({}), origin).gobgp,
    isGobgpKnown,
    storage: storageSection.resolve(statedPath.data ?? STORAGE_SCHEMA.parse({}), origin).storage,
    isStorageKnown: statedPath.success && (storage.isStated ? !isMistyped : isAllRead),
    problems,
  };
}

interface Part {
  readonly isStated: boolean;
  readonly value: unknown;
  /** The keys of the section with something wrong below them; an empty text for the section itself. */
  readonly faults: readonly string[];
  /** The section without these keys. */
  readonly withoutFaults: Readonly<Record<string, unknown>>;
}

function readPart<File>(source: YamlSource, key: string, form: FileForm<File>): Part {
  if (source.value === null) return { isStated: false, value: undefined, faults: [], withoutFaults: {} };
  const value = valueAt(source.value, [key]);
  const isBroken = !isMapping(source.value) || source.brokenAt !== undefined;
  const faults = isBroken ? [''] : [];
  for (const { path } of checkFile(source, form, {}).problems) {
    if (path === key) faults.push('');
    else if (path.startsWith(`${key}.`)) faults.push(path.slice(key.length + 1).split(/[.[]/)[0]);
  }
  const usable = isMapping(value) && !faults.includes('') ? Object.entries(value) : [];
  const withoutFaults = Object.fromEntries(usable.filter(([name]) => !faults.includes(name)));
  return { isStated: value !== undefined || isBroken, value, faults, withoutFaults };
}

function pathOnly({ withoutFaults }: Part): object {
  return 'path' in withoutFaults ? { path: withoutFaults.path } : {};
}

function isStorageKey(key: string): boolean {
  return key in storageSection.keys.storage.unwrap().shape;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The text with all lines empty but those of one top-level key: its own line, and those after it that are indented, up
 * to the next key. So the rest need not be YAML. Lines keep their numbers.
 */
function linesOf(text: string, key: string): string {
  const begin = new RegExp(`^(?:${key}|"${key}"|'${key}')[ \\t]*:`);
  let isInside = false;
  const lines = text.split(/\r?\n/).map((line) => {
    if (begin.test(line)) isInside = true;
    else if (/^[^\s#\]}]/.test(line)) isInside = false;
    return isInside ? line : '';
  });
  return lines.join('\n');
}
