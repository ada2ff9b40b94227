/*
 * `npm run bench:detection`: how well attacks are found, by scenarios of which the truth is known. The README says what
 * is counted.
 */
import { parseArgs } from 'node:util';
import { FAMILIES } from './families.ts';
import { printJson, printOutcome, printReport } from './report.ts';
import { runMembers, type Selection } from './runMembers.ts';

const USAGE = `Usage: npm run bench:detection -- [--short] [--seeds A..B | --seed N --count N] [--family NAME]… [--json] [--verbose]`;

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    seeds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    family: { type: 'string', multiple: true },
    name: { type: 'string' },
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

function seedsOf(): number[] {
  const range = options.seeds?.match(/^(\d+)\.\.(\d+)$/);
  if (options.seeds !== undefined && range === null) fail(`--seeds must be A..B, got ${options.seeds}`);
  const first = Number(range?.[1] ?? options.seed);
  const count = range ? Number(range[2]) - first + 1 : Number(options.count);
  if (!(Number.isInteger(first) && Number.isInteger(count) && count > 0)) fail('seeds must be whole numbers');
  return Array.from({ length: count }, (_, i) => first + i);
}

function selection(): Selection {
  const names = FAMILIES.map(({ name }) => name);
  const unknown = options.family?.find((name) => !names.includes(name));
  if (unknown !== undefined) fail(`--family must be one of ${names.join(', ')}, got ${unknown}`);
  return { families: options.family ?? names, member: options.name, short: options.short, seeds: seedsOf() };
}

function fail(message: string): never {
  console.error(`${message}\n${USAGE}`);
  process.exit(2);
}

const outcomes = runMembers(FAMILIES, selection(), (outcome) => {
  if (options.verbose && !options.json) printOutcome(outcome);
});
if (options.json) printJson(outcomes, options.verbose);
else printReport(FAMILIES, outcomes);
