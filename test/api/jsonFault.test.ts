import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonFault } from '../../src/api/jsonFault.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON with a few characters put in, taken out or changed. */
const damagedJson = fc
  .tuple(
    fc.json(),
    fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...'{}[],:"\\0123.eE+-tfn \u0001é')), { maxLength: 3 }),
  )
  .map(([json, edits]) =>
    edits.reduce((text, [where, remove, insert]) => {
      const at = where % (text.length + 1);
      return text.slice(0, at) + insert + text.slice(at + remove);
    }, json),
  );

test('a text has a fault exactly when JSON.parse refuses it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), damagedJson, fc.string()), (text) => {
      assert.equal(jsonFault(text) === undefined, isJson(text), text);
    }),
    { numRuns: 5000 },
  );
});

test('the fault is where the text can no longer become JSON', () => {
  for (const [text, position, expected] of [
    ['', 0, 'value'],
    ['  ', 2, 'value'],
    ['{"ip": x}', 7, 'value'],
    ['{"ip": "192.0.2.1",}', 19, 'key'],
    ['{"ip" "192.0.2.1"}', 6, ':'],
    ['{"ip": "192.0.2.1"', 18, ', or }'],
    ["{'ip': 1}", 1, 'key or }'],
    ['[1 2]', 3, ', or ]'],
    ['[1,]', 3, 'value'],
    ['{} {}', 3, 'end of text'],
    ['01', 1, 'end of text'],
    ['[1}', 2, ', or ]'],
  ] as const) {
    assert.deepEqual(jsonFault(text), { position, expected }, text);
  }
});

test('a hundred thousand open brackets are no problem', () => {
  assert.equal(jsonFault('['.repeat(100_000))?.position, 100_000);
});
