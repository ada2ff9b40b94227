/*
 * The report: one line for each family and one for all, and the targets.
 */
import type { Outcome } from './runMembers.ts';
import type { Family } from './scenario.ts';
import type { HostVerdict } from './verdict.ts';

/** What is said of a set of scenarios. Times are seconds. */
export interface Summary {
  readonly scenarios: number;
  readonly toFind: number;
  readonly found: number;
  readonly quietHosts: number;
  /** Quiet hosts with an attack, and attacks on other hosts before there was anything to find. */
  readonly falseAlarms: number;
  readonly endedEarly: number;
  readonly reopened: number;
  readonly unreleased: number;
  readonly detectionMedian: number;
  readonly detectionP90: number;
  /** After the first record that shows the attack; only where nothing is sampled. */
  readonly afterShownMedian: number;
  readonly afterShownP90: number;
  readonly releaseMedian: number;
  readonly releaseP90: number;
  readonly releaseAfterShownP90: number;
  /** Per cent. */
  readonly rateErrorMedian: number;
}

export function summaryOf(outcomes: readonly Outcome[]): Summary {
  const all = outcomes.flatMap(({ result }) => result.hosts);
  const unsampled = outcomes.filter(({ isSampled }) => !isSampled).flatMap(({ result }) => result.hosts);
  const quiet = all.filter(({ truth }) => truth === 'quiet');
  const others = all.filter(({ truth }) => truth !== 'quiet');
  const toFind = all.filter(({ truth }) => truth === 'attack');
  const values = (hosts: readonly HostVerdict[], of: (host: HostVerdict) => number | undefined): number[] =>
    hosts.map(of).filter((value) => value !== undefined);
  const detection = values(toFind, ({ detectionSeconds }) => detectionSeconds);
  const afterShown = values(unsampled, ({ afterShownSeconds }) => afterShownSeconds);
  const release = values(toFind, ({ releaseSeconds }) => releaseSeconds);
  const releaseAfterShown = values(toFind, ({ releaseAfterShownSeconds }) => releaseAfterShownSeconds);
  const count = (hosts: readonly HostVerdict[], is: (host: HostVerdict) => boolean): number => hosts.filter(is).length;
  return {
    scenarios: outcomes.length,
    toFind: toFind.length,
    found: count(toFind, ({ found }) => found),
    quietHosts: quiet.length,
    falseAlarms: [...quiet, ...others].filter(({ falseAlarms }) => falseAlarms.length > 0).length,
    endedEarly: count(all, ({ endedEarly }) => endedEarly),
    reopened: count(toFind, ({ reopened }) => reopened > 0),
    unreleased: count(toFind, ({ unreleased }) => unreleased),
    detectionMedian: quantile(detection, 0.5),
    detectionP90: quantile(detection, 0.9),
    afterShownMedian: quantile(afterShown, 0.5),
    afterShownP90: quantile(afterShown, 0.9),
    releaseMedian: quantile(release, 0.5),
    releaseP90: quantile(release, 0.9),
    releaseAfterShownP90: quantile(releaseAfterShown, 0.9),
    rateErrorMedian: quantile(
      outcomes.flatMap(({ result }) => result.rateErrors.map(Math.abs)),
      0.5,
    ),
  };
}

const COLUMNS: readonly (readonly [title: string, width: number, of: (summary: Summary) => string])[] = [
  ['scen.', 6, ({ scenarios }) => `${scenarios}`],
  ['found', 11, ({ found, toFind }) => `${found}/${toFind}`],
  ['missed', 8, ({ found, toFind }) => `${toFind - found}`],
  ['false', 10, ({ falseAlarms, quietHosts }) => `${falseAlarms}/${quietHosts}`],
  ['detect s', 11, (s) => pair(s.detectionMedian, s.detectionP90)],
  ['shown+ s', 11, (s) => pair(s.afterShownMedian, s.afterShownP90)],
  ['release s', 11, (s) => pair(s.releaseMedian, s.releaseP90)],
  ['rel.shown', 10, (s) => seconds(s.releaseAfterShownP90)],
  ['early', 6, ({ endedEarly }) => `${endedEarly}`],
  ['again', 6, ({ reopened }) => `${reopened}`],
  ['kept', 5, ({ unreleased }) => `${unreleased}`],
  ['rate %', 7, (s) => seconds(s.rateErrorMedian)],
];

const NAME_WIDTH = 14;

/** One line of a scenario, for --verbose. */
export function printOutcome(outcome: Outcome): void {
  const { family, member, seed, result, runMs } = outcome;
  const facts = result.hosts.map((host) => {
    const verdict = host.truth === 'attack' ? (host.found ? 'found' : 'MISSED') : host.truth;
    const notes = [
      verdict,
      ...host.falseAlarms.map(
        ({ startedAt, level }) => `FALSE ALARM at ${seconds(startedAt / 1000)} s with ${level.toFixed(2)}x`,
      ),
      ...(host.endedEarly ? ['ENDED EARLY'] : []),
      ...(host.reopened > 0 ? [`reopened ${host.reopened}`] : []),
      ...(host.unreleased ? ['never released'] : []),
      ...(host.detectionSeconds === undefined ? [] : [`after ${seconds(host.detectionSeconds)} s`]),
      ...(host.afterShownSeconds === undefined ? [] : [`(shown ${seconds(host.afterShownSeconds)})`]),
      ...(host.releaseSeconds === undefined ? [] : [`release ${seconds(host.releaseSeconds)} s`]),
      ...(host.releaseAfterShownSeconds === undefined ? [] : [`(shown ${seconds(host.releaseAfterShownSeconds)})`]),
    ];
    return notes.join(' ');
  });
  const error = result.rateErrors.length === 0 ? '' : `, rate ${seconds(quantile(result.rateErrors, 0.5))} %`;
  console.log(`${family}/${member} seed ${seed}: ${facts.join('; ')}${error} [${Math.round(runMs)} ms]`);
}

export function printReport(families: readonly Family[], outcomes: readonly Outcome[]): void {
  console.log(''.padEnd(NAME_WIDTH) + COLUMNS.map(([title, width]) => title.padStart(width)).join(''));
  const line = (name: string, of: readonly Outcome[]): void => {
    const summary = summaryOf(of);
    console.log(name.padEnd(NAME_WIDTH) + COLUMNS.map(([, width, text]) => text(summary).padStart(width)).join(''));
  };
  for (const { name } of families) {
    const own = outcomes.filter(({ family }) => family === name);
    if (own.length > 0) line(name, own);
  }
  line('total', outcomes);
  console.log('');
  for (const { title, target, value, met } of targetsOf(outcomes)) {
    console.log(`${met ? 'met   ' : 'MISSED'} ${title}: ${value} (target ${target})`);
  }
  const runSeconds = outcomes.reduce((sum, { runMs }) => sum + runMs, 0) / 1000;
  console.log(`${outcomes.length} scenarios in ${runSeconds.toFixed(0)} s`);
}

/** One object a line: each scenario where `verbose`, each family, and all. */
export function printJson(outcomes: readonly Outcome[], verbose: boolean): void {
  if (verbose) for (const outcome of outcomes) console.log(JSON.stringify({ kind: 'scenario', ...outcome }));
  const byFamily = Map.groupBy(outcomes, ({ family }) => family);
  for (const [family, own] of byFamily) console.log(JSON.stringify({ kind: 'family', family, ...summaryOf(own) }));
  console.log(JSON.stringify({ kind: 'total', ...summaryOf(outcomes), targets: targetsOf(outcomes) }));
}

interface Target {
  readonly title: string;
  readonly target: string;
  readonly value: string;
  readonly met: boolean;
}

/** A false alarm is rarer than nine in 153 quiet hosts. */
const MOST_FALSE = 9 / 153;
const MOST_DETECTION_SECONDS = 3;
const MOST_RELEASE_SECONDS = 3;
const NOISE_FAMILY = 'noise';
const NOISE_SECONDS = 600;

function targetsOf(outcomes: readonly Outcome[]): Target[] {
  const all = summaryOf(outcomes);
  const twice = summaryOf(outcomes.filter(({ level, atOnce }) => level === 2 && atOnce));
  const noise = outcomes.filter(({ family }) => family === NOISE_FAMILY);
  const noiseHosts = noise.flatMap(({ result, trafficSeconds }) =>
    result.hosts.map(({ falseAlarms }) => ({ falseAlarms: falseAlarms.length, seconds: trafficSeconds })),
  );
  const falsePerRun =
    (noiseHosts.reduce((sum, { falseAlarms }) => sum + falseAlarms, 0) * NOISE_SECONDS) /
    noiseHosts.reduce((sum, host) => sum + host.seconds, 0);
  const targets: Target[] = [
    {
      title: 'attacks from 1.08 times the limit on that were found',
      target: 'all',
      value: `${all.found} of ${all.toFind}`,
      met: all.found === all.toFind,
    },
    {
      title: 'false alarms on quiet hosts',
      target: 'at most 9 of 153',
      value: `${all.falseAlarms} of ${all.quietHosts}`,
      met: all.falseAlarms <= MOST_FALSE * all.quietHosts,
    },
    {
      title: 'median detection of twice the limit, where exporters export at once',
      target: 'at most 3.0 s',
      value: `${seconds(twice.detectionMedian)} s in ${twice.toFind}`,
      met: twice.detectionMedian <= MOST_DETECTION_SECONDS,
    },
    {
      title: '90 % of releases after the hysteresis and the last record that shows the attack',
      target: 'at most 3.0 s',
      value: `${seconds(all.releaseAfterShownP90)} s`,
      met: all.releaseAfterShownP90 <= MOST_RELEASE_SECONDS,
    },
    {
      title: 'false alarms in ten minutes at 0.9 times the limit, sampled 1:4096',
      target: 'below 1',
      value: falsePerRun.toFixed(2),
      met: falsePerRun < 1,
    },
  ];
  return targets.filter(({ value }) => !value.includes('NaN') && !value.includes('–'));
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

function seconds(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(1);
}

function pair(median: number, p90: number): string {
  return Number.isNaN(median) ? '–' : `${seconds(median)}/${seconds(p90)}`;
}
