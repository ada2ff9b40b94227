import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvironment } from '../../src/cli/configCommands.ts';

test('an environment file is read as systemd reads it', () => {
  const text = [
    '# A comment',
    '  ; another',
    'PLAIN=value',
    '  SPACED = a b c  ',
    'HASH=abc#def # no comment',
    'DOUBLE="a \\"quoted\\" $HOME \\\\ word"  ',
    "SINGLE='a \\ # b'",
    'LINES="one\ntwo"',
    'CONTINUED=one\\',
    'two',
    'ESCAPED=a\\b',
    'EMPTY=',
    'export SHELL_WORD=no',
    'no assignment at all',
    '1DIGIT=no',
    'TWICE=first',
    'WINDOWS=line\r',
    'TWICE=last',
  ].join('\n');
  assert.deepEqual(parseEnvironment(text), {
    PLAIN: 'value',
    SPACED: 'a b c',
    HASH: 'abc#def # no comment',
    DOUBLE: 'a "quoted" $HOME \\ word',
    SINGLE: 'a \\ # b',
    LINES: 'one\ntwo',
    CONTINUED: 'onetwo',
    ESCAPED: 'ab',
    EMPTY: '',
    TWICE: 'last',
    WINDOWS: 'line',
  });
});

test('any file is read in bounded time', () => {
  for (const text of ['"'.repeat(100_000), 'A="'.repeat(30_000), 'A=\\', '\\\n'.repeat(50_000), '='.repeat(100_000)]) {
    parseEnvironment(text);
  }
});
