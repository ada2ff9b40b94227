import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatNumber, formatTable, parseDuration } from '../../src/cli/terminalOutput.ts';

test('durations show their two largest units', () => {
  for (const [seconds, text] of [
    [-5, '0s'],
    [0.9, '0s'],
    [59, '59s'],
    [60, '1m'],
    [125, '2m 5s'],
    [3600, '1h'],
    [3605, '1h 5s'],
    [90_061, '1d 1h'],
  ] as const) {
    assert.equal(formatDuration(seconds), text);
  }
});

test('durations are read in seconds unless they name a unit', () => {
  for (const [text, seconds] of [
    ['90', 90],
    ['90s', 90],
    ['10m', 600],
    ['2h', 7200],
    ['1d', 86_400],
  ] as const) {
    assert.equal(parseDuration(text), seconds);
  }
  for (const text of ['', 's', '1w', '1.5h', '-1', '1h30m', ' 5', '999999999']) {
    assert.equal(parseDuration(text), undefined, text);
  }
});

test('numbers have their thousands apart and one decimal at most', () => {
  assert.deepEqual([0, 999, 1234567.89, 0.04].map(formatNumber), ['0', '999', '1,234,567.9', '0']);
});

test('with any cells, every row of a table is one line with its cells under their titles', () => {
  const columns = [{ title: 'A' }, { title: 'B', align: 'right' as const }, { title: 'C' }];
  const cell = fc.string({ unit: 'binary', maxLength: 20 });
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell), { maxLength: 10 }), (rows) => {
      const lines = formatTable(columns, rows).split('\n');
      assert.equal(lines.pop(), '');
      assert.equal(lines.length, rows.length + 1);
      const at = lines[0].indexOf('C');
      for (const line of lines.slice(1)) assert.equal(line.slice(at - 2, at).trimEnd(), '');
    }),
  );
});
