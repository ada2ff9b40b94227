import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsOf } from '../configText.ts';

/** What is said of a text that is not YAML, with its place. */
function saidOf(text: string): string[] {
  return problemsOf(text).map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test('the message for what is not YAML is in plain words and names its place', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['tenant: "x', /^1:\d+ the closing quote of a text is missing$/],
    ["tenant: 'x", /the closing quote of a text is missing/],
    ['networks: [192.0.2.0/24\n', /a closing bracket is missing/],
    ['listen: { sflow: x\n', /a closing bracket is missing/],
    ['listen:\n\tsflow: 1', /^2:1 must be indented with spaces, not with tabs$/],
    ['tenant: a: b', /put a text with ": " in it in quotes/],
    ['tenant: @a', /^1:\d+ a text that begins with this character must be in quotes$/],
    ['tenant: %a', /must be in quotes/],
    ['tenant: "\\q"', /a backslash with no meaning/],
    ['networks: ]', /^1:11 is not expected here: "\]"$/],
    ['listen', /must be a mapping/],
    ['listen: 1\nsflow\n', /^2:1 a key must .*":"/],
    ['listen: 1\n  sflow: 1', /indent less|the indentation is wrong/],
    ['{\n"listen": 1\n"sflow": 2\n}', /a key must stand on one line|a comma is missing|inside brackets/],
    ['networks: &a &b 1', /at most one anchor/],
  ];
  for (const [text, expected] of cases) {
    const said = saidOf(text);
    assert.ok(
      said.some((one) => expected.test(one)),
      `${text}: ${said.join('; ')}`,
    );
  }
});

test("the parser's own messages are never shown", () => {
  const raw = /implicit|flow (map|seq)|block|scalar|node|stream|token|indicator|Plain value|Nested|compact/i;
  const starts = ['a: ', 'a:\n  ', '- ', '[', '{', '? ', '"', ''];
  const parts = [
    ']',
    '}',
    ',',
    ': ',
    '- b',
    '|x',
    '>9',
    '&',
    '*',
    '!',
    '@',
    '`',
    '%',
    '"',
    "'",
    '\t',
    'b\nc',
    '# d',
    '?',
    '...',
  ];
  for (const start of starts) {
    for (const first of parts) {
      for (const second of ['', ...parts]) {
        for (const said of saidOf(`${start}${first}${second}\n`)) {
          // What stands behind "expected here" is the text itself.
          assert.doesNotMatch(
            said.replace(/is not expected here: .*/, ''),
            raw,
            JSON.stringify(start + first + second),
          );
        }
      }
    }
  }
});
