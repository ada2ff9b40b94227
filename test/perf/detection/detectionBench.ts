/*
 * `npm run bench:detection`: how well attacks are found, by scenarios of which the truth is known. The README says what
 * is counted.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../../../src/errors.ts';
import { FAMILIES } from './families.ts';
import { printJson, printOutcome, printReport } from './report.ts';
import { runMembers, type Selection } from './runMembers.ts';

const USAGE =
  'Usage: npm run bench:detection -- [--short] [--seeds A..B | --seed N --count N]\n' +
  '         [--family NAME]… [--name PART] [--json] [--verbose]';

type Options = ReturnType<typeof readOptions>;

function readOptions() {
  return parseArgs({
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
  }).values;
}

function seedsOf(options: Options): number[] {
  const range = options.seeds?.match(/^(\d+)\.\.(\d+)$/);
  if (options.seeds !== undefined && range === null) throw new Error(`--seeds must be A..B, got ${options.seeds}`);
  const first = Number(range?.[1] ?? options.seed);
  const count = range ? Number(range[2]) - first + 1 : Number(options.count);
  if (!(Number.isInteger(first) && Number.isInteger(count) && count > 0))
    throw new Error('seeds must be whole numbers');
  return Array.from({ length: count }, (_, i) => first + i);
}

function selectionOf(options: Options): Selection {
  const names = FAMILIES.map(({ name }) => name);
  const unknown = options.family?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--family must be one of ${names.join(', ')}, got ${unknown}`);
  return { families: options.family ?? names, member: options.name, short: options.short, seeds: seedsOf(options) };
}

function readSelection(): { readonly options: Options; readonly selection: Selection } {
  try {
    const options = readOptions();
    return { options, selection: selectionOf(options) };
  } catch (error) {
    console.error(`${messageOf(error)}\n${USAGE}`);
    process.exit(2);
  }
}

const { options, selection } = readSelection();
const outcomes = runMembers(FAMILIES, selection, (outcome) => {
  if (options.verbose && !options.json) printOutcome(outcome);
});
if (outcomes.length === 0) console.error('no scenario has such a name');
else if (options.json) printJson(outcomes, options.verbose);
else printReport(FAMILIES, outcomes);
