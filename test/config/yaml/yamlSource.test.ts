import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configOf, MINIMAL, onlyProblemOf, placesOf, problemsOf, withLines } from '../configText.ts';

/** A file that is live but for its `dry_run`, which stands on line 6. */
function withDryRun(written: string): string {
  return withLines('bgp: { next_hop: 192.0.2.1 }', written);
}

test('only the plain word false is live', () => {
  assert.equal(configOf(withDryRun('dry_run: false')).dryRun, false);
  assert.equal(configOf(withDryRun('"dry_run": false # live')).dryRun, false);
  assert.equal(configOf(withDryRun('dry_run:\n  false')).dryRun, false);
  assert.equal(configOf(withDryRun('dry_run: true')).dryRun, true);
});

test('any other value that may be read as false is an error at dry_run', () => {
  const others = [
    'no',
    'No',
    'NO',
    'n',
    'off',
    'OFF',
    'False',
    'FALSE',
    'f',
    '0',
    '00',
    '0x0',
    '-0',
    '~',
    'null',
    '',
    '""',
    '"false"',
    "'false'",
    '!!bool "false"',
    '!!bool false',
    '!!str false',
    '! false',
    '!live false',
    '!<tag:yaml.org,2002:bool> "false"',
    '&live false',
    '|\n  false',
    '>-\n  false',
    '[false]',
    '{ value: false }',
    'fal\n  se',
  ];
  for (const other of others) {
    const paths = problemsOf(withDryRun(`dry_run: ${other}`)).map(({ path }) => path);
    assert.deepEqual(paths, ['dry_run'], other);
  }
});

test('no alias stands for dry_run, for its value or for its key', () => {
  const alias = withDryRun('samples: { enabled: &off false }\ndry_run: *off');
  assert.equal(onlyProblemOf(alias), 'dry_run: must be the plain word true or false, got an alias or an anchor');
  assert.deepEqual(placesOf(alias), ['7:10 dry_run']);
  for (const written of [
    'tenant: &key dry_run\n*key : false',
    '<<: { dry_run: false }',
    'samples: &live { dry_run: false }\n<<: *live',
    '"dry\\u005frun": false',
    '"dry_\\\n  run": false',
    '!!str dry_run: false',
    '? [dry_run]\n: false',
  ]) {
    assert.notDeepEqual(problemsOf(withDryRun(written)), [], written);
  }
});

test('a second dry_run is an error, with any two values', () => {
  for (const [first, second] of ['true false', 'false true', 'false false'].map((both) => both.split(' '))) {
    assert.equal(
      onlyProblemOf(withDryRun(`dry_run: ${first}\ndry_run: ${second}`)),
      'dry_run: is given twice, first on line 6',
    );
  }
});

test('a second document is an error, with any separator', () => {
  for (const between of ['---', '...\n---', '--- # live', '...\n%YAML 1.2\n---']) {
    const problems = problemsOf(`${withDryRun('dry_run: true')}${between}\ndry_run: false\n`);
    assert.ok(
      problems.some(({ message, line }) => message.includes('single YAML document') && line >= 7),
      between,
    );
  }
});

test('a directive is refused, and changes nothing about how the rest is read', () => {
  for (const directive of ['%YAML 1.1', '%YAML 1.2', '%TAG ! tag:yaml.org,2002:', '%LIVE', '\uFEFF%YAML 1.1']) {
    const text = `${directive}\n---\n${withDryRun('dry_run: no')}`;
    const [first, second, ...rest] = problemsOf(text).map(({ line, path, message }) => ({ line, path, message }));
    assert.deepEqual([first.line, first.path, rest], [1, '', []], directive);
    assert.match(first.message, /^YAML directives are not used in this file, remove %/);
    assert.match(second.message, /^must be true or false, got "no"/);
  }
  assert.match(onlyProblemOf(`${MINIMAL}...\n%YAML 1.1\n`), /^: YAML directives are not used/);
});

test('a percent sign in a text is no directive, and an exclamation mark no tag', () => {
  const config = configOf(
    withLines('tenant: "%YAML 1.1"', 'hostgroups: [{ name: "!a *b &c", networks: [192.0.2.1] }]'),
  );
  assert.deepEqual(
    config.groups.map(({ name, tenant }) => [name, tenant]),
    [
      ['global', '%YAML 1.1'],
      ['!a *b &c', undefined],
    ],
  );
});

test('a tag is refused where it stands, on values, lists, mappings and keys', () => {
  const cases = [
    ['detection: { window_seconds: !!int 10 }', '5:30 detection.window_seconds'],
    ['detection: { window_seconds: !!float "10" }', '5:30 detection.window_seconds'],
    ['detection: !!map { window_seconds: 10 }', '5:12 detection'],
    ['protected_whitelist: !!seq [192.0.2.1]', '5:22 protected_whitelist'],
    ['protected_whitelist: [192.0.2.1, !!str 192.0.2.2]', '5:34 protected_whitelist[1]'],
    ['protected_whitelist:\n  - !!str 192.0.2.1', '6:5 protected_whitelist[0]'],
    ['detection: !x\n  window_seconds: 10', '5:12 detection'],
    ['!!str detection: { window_seconds: 10 }', '5:1 detection'],
    ['tenant: !!binary aGk=', '5:9 tenant'],
  ];
  for (const [line, place] of cases) {
    assert.deepEqual(placesOf(withLines(line)), [place], line);
    assert.match(problemsOf(withLines(line))[0].message, /^YAML tags are not used in this file, remove !/);
  }
});

test('a number that readers of YAML take for different ones is an error that says so', () => {
  for (const number of ['010', '08', '-010', '+07', '00', '010.5', '0x10', '0X10', '0o17', '007']) {
    for (const path of ['detection.window_seconds', 'sampling.default_rate']) {
      const [section, key] = path.split('.');
      const problems = problemsOf(withLines(`${section}: { ${key}: ${number} }`));
      assert.equal(problems.length, 1, number);
      assert.equal(problems[0].path, path);
    }
  }
  assert.equal(
    onlyProblemOf(withLines('detection: { window_seconds: 010 }')),
    'detection.window_seconds: must be written as a decimal number without leading zeros, got 010',
  );
  assert.match(onlyProblemOf(withLines('hostgroups: [{ name: 010, networks: [192.0.2.1] }]')), /\[0\]\.name: must be/);
  // Text for YAML 1.2, numbers for older readers.
  for (const number of ['1_0', '0b11', '1:30', '١٠']) {
    assert.match(onlyProblemOf(withLines(`detection: { window_seconds: ${number} }`)), /got "/, number);
  }
  for (const number of ['.inf', '-.INF', '.nan', '1e1000']) {
    assert.equal(problemsOf(withLines(`sampling: { default_rate: ${number} }`)).length, 1, number);
  }
  for (const number of ['10', '1e1', '10.0']) {
    assert.deepEqual(problemsOf(withLines(`detection: { window_seconds: ${number} }`)), [], number);
  }
});

test('an alias may be used, but so many are not even resolved', () => {
  const aliases = Array(15_000).fill('*a').join(',');
  const text = `${MINIMAL}protected_whitelist: [&a 192.0.2.1,${aliases}]\n`;
  const start = process.cpuUsage();
  assert.match(onlyProblemOf(text), /^: at most 100 aliases \(\*name\) may be used, got 15000$/);
  assert.ok(process.cpuUsage(start).user < 3_000_000);
  assert.deepEqual(problemsOf(`${MINIMAL}protected_whitelist: [&a 192.0.2.1, *a, *a]\n`), []);
});

test('many anchors, and aliases in a large file, are read in bounded time', () => {
  const anchors = Array.from({ length: 20_000 }, (_, index) => `&a${index} 192.0.2.1`).join(',');
  const aliases = Array(100).fill('*a19999').join(',');
  const start = process.cpuUsage();
  assert.deepEqual(problemsOf(`${MINIMAL}protected_whitelist: [${anchors},${aliases}]\n`), []);
  assert.ok(process.cpuUsage(start).user < 5_000_000);
});

test('the messages for aliases that lead nowhere, to themselves or to too much are in plain words', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['protected_whitelist: *nowhere', /^protected_whitelist: \*nowhere has no anchor &nowhere before it$/],
    ['protected_whitelist: [*later, &later 192.0.2.1]', /^protected_whitelist\[0\]: \*later has no anchor/],
    ['protected_whitelist: &n [*n]', /^protected_whitelist\[0\]: \*n stands inside its own anchor &n$/],
    [
      `tenant: &a [${Array(1000).fill(1)}]\nsamples: &b [*a,*a,*a,*a]\nnotify: [${Array(50).fill('*b')}]`,
      /^notify\[\d+\]: the aliases up to \*b stand for over 100000 values$/,
    ],
  ];
  for (const [line, expected] of cases) assert.match(onlyProblemOf(withLines(line)), expected, line);
});

test('a merge key has a message of its own', () => {
  assert.equal(
    onlyProblemOf(withLines('samples: &s { enabled: true }', 'detection: { <<: *s }')),
    'detection.<<: merge keys (<<) are not used in this file',
  );
});

test('a key is written as it is read', () => {
  assert.match(onlyProblemOf(withLines('"det\\u0065ction": {}')), /^detection: a key must be written without escapes$/);
  assert.deepEqual(problemsOf(withLines('"detection": {}', "'samples': {}")), []);
});
