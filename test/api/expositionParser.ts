/*
 * A strict reader of the Prometheus text format 0.0.4, written from its description: a family's HELP and TYPE come
 * first and once, its samples together, labels are quoted and escaped, values are Go floats, no sample repeats.
 */

export interface Family {
  readonly type: string;
  readonly help: string;
  /** By name and labels as written: `kapkan_x_total{a="b"}`. */
  readonly samples: Map<string, number>;
}

const LABELS = /^(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:,(?!\}))?)*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([+-]?(?:Inf|NaN|\d+(?:\.\d+)?(?:e[+-]?\d+)?))$/i;

export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line must end');
  const families = new Map<string, Family>();
  let name = '';
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const help = /^# HELP (\S+) (.+)$/.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (help !== null) {
      name = help[1];
      if (families.has(name)) throw new Error(`${name} comes twice`);
      families.set(name, { help: help[2], type: '', samples: new Map() });
    } else if (type !== null) {
      const family = families.get(type[1]);
      if (type[1] !== name || family === undefined || family.samples.size > 0) throw new Error(`misplaced: ${line}`);
      families.set(name, { ...family, type: type[2] });
    } else {
      addSample(families.get(name), name, line);
    }
  }
  return families;
}

function addSample(family: Family | undefined, name: string, line: string): void {
  const [, sampleName, labels = '', value] = SAMPLE.exec(line) ?? [];
  if (family === undefined || sampleName === undefined || !LABELS.test(labels))
    throw new Error(`not a sample: ${line}`);
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['', '_sum', '_count'];
  if (!suffixes.some((suffix) => sampleName === name + suffix)) throw new Error(`${line} in family ${name}`);
  const key = labels === '' ? sampleName : `${sampleName}{${labels}}`;
  if (family.samples.has(key)) throw new Error(`${key} comes twice`);
  family.samples.set(key, Number(value.replace(/inf$/i, 'Infinity')));
}
