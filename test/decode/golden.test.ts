import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { captureBytes, captureNames, decodeCapture, formatResult, goldenText } from './captureResult.ts';

for (const name of captureNames()) {
  test(`${name} decodes to its golden flows and counters`, () => {
    assert.equal(formatResult(decodeCapture(captureBytes(name))), goldenText(name));
  });
}

test('every capture has a golden result and every golden result a capture', () => {
  const cwd = path.resolve(import.meta.dirname, '../fixtures/golden');
  const kept = globSync('*.json', { cwd }).map((file) => path.basename(file, '.json'));
  assert.deepEqual(kept.sort(), captureNames());
  assert.ok(kept.length > 70);
});
