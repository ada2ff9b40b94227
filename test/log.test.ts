import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify, stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { prettyLogLine } from '../src/log.ts';

const TIME = '2026-01-02T03:04:05.678Z';

function pretty(record: Record<string, unknown>, isColored = false): string {
  return prettyLogLine(JSON.stringify({ level: 30, time: TIME, ...record }), isColored);
}

test('a pretty line has time, level, message and values', () => {
  assert.equal(
    pretty({ msg: 'attack started', target: '192.0.2.1', pps: 81_234.5, groups: ['web'], dry_run: true }),
    '2026-01-02 03:04:05.678Z INFO  attack started  target=192.0.2.1 pps=81234.5 groups=["web"] dry_run=true\n',
  );
  assert.equal(pretty({ level: 40, msg: 'x', why: 'no route' }), '2026-01-02 03:04:05.678Z WARN  x  why="no route"\n');
});

test('colours do not change the text', () => {
  const record = { level: 50, msg: 'failed', error: 'refused' };
  assert.notEqual(pretty(record, true), pretty(record));
  assert.equal(stripVTControlCharacters(pretty(record, true)), pretty(record));
});

test('a newline or control character cannot forge a line, wherever it stands', () => {
  const forged = '\n2026-01-02 03:04:05.678Z FATAL forged\r\u001b[2K\u0085\u2028\u202e\u009b31m';
  for (const record of [
    { msg: forged },
    { msg: 'x', value: forged },
    { msg: 'x', [forged]: 1 },
    { msg: 'x', deep: { [forged]: [forged] } },
    { msg: 'x', bare: '\u001b[2J' },
    { msg: forged, time: forged, level: forged },
  ]) {
    const line = pretty(record);
    assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, JSON.stringify(line));
    assert.ok(line.endsWith('\n'));
  }
});

test('everything that is logged is one printable line', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.boolean(), (record, isColored) => {
      const line = stripVTControlCharacters(prettyLogLine(JSON.stringify(record), isColored));
      assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
});

test('a value with a blank cannot pass for two values', () => {
  assert.match(pretty({ msg: 'x', comment: 'a dry_run=false' }), / comment="a dry_run=false"\n$/);
  assert.match(pretty({ msg: 'x', comment: 'a="b' }), / comment="a=\\"b"\n$/);
});

test('both formats write to stderr, without a package that only development installs', async () => {
  const log = path.resolve(import.meta.dirname, '../src/log.ts');
  for (const [format, expected] of [
    ['json', /^\{"level":40,"time":"\S+Z","token":"\[Redacted\]","msg":"hello"\}\n$/],
    ['pretty', /^\d{4}-\d\d-\d\d \S+Z WARN {2}hello {2}token=\[Redacted\]\n$/],
  ] as const) {
    const script = `import { createLogger } from '${log}'; createLogger('info', '${format}').warn({ token: 'x' }, 'hello');`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal(stdout, '');
    assert.match(stderr, expected);
  }
});
