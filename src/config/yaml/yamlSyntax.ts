/*
 * What the YAML parser objects to, in words for the person who wrote the file.
 */

/** An error or a warning of the parser. */
interface ParserFault {
  readonly code: string;
  readonly message: string;
  /** Offsets of the first character and of the one after the last. */
  readonly pos: readonly [number, number];
}

/** Characters shown of what is not expected. */
const SHOWN_LENGTH = 20;

const WORDS: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'an alias (*name) must stand alone, without an anchor or a tag',
  BAD_ALIAS: 'an anchor (&name) or an alias (*name) must have a name',
  BAD_COLLECTION_TYPE: 'a tag does not fit what stands behind it',
  BAD_DQ_ESCAPE: 'a text in double quotes has a backslash with no meaning: write \\\\, or use single quotes',
  BAD_INDENT:
    'the indentation is wrong: keys of one mapping start in the same column, and what is inside is indented more',
  BAD_PROP_ORDER: 'an anchor or a tag stands in the wrong place',
  BAD_SCALAR_START: 'a text that begins with this character must be in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a second key is not allowed inside a value: put a text with ": " in it in quotes, or indent less',
  BLOCK_IN_FLOW: 'inside brackets, lists must be written as [a, b] and mappings as { a: 1, b: 2 }',
  KEY_OVER_1024_CHARS: 'a key must have at most 1024 characters',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line and end with ":"',
  MULTIPLE_ANCHORS: 'a value must have at most one anchor (&name)',
  MULTIPLE_DOCS: 'must be a single YAML document, a second one begins here',
  MULTIPLE_TAGS: 'YAML tags (!name) are not used in this file',
  NON_STRING_KEY: 'a key must be plain text',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
  TAB_AS_INDENT: 'must be indented with spaces, not with tabs',
};

const OPEN_BRACKET = 'a closing bracket is missing, or it is indented less than the key';

/** For the code that means several things: what its message contains, and what is said. */
const MISSING: readonly (readonly [part: string, words: string])[] = [
  ['closing', 'the closing quote of a text is missing'],
  ['map values', 'a key must be followed by ":" and its value'],
  [' , ', 'a comma is missing between two elements'],
  ['after :', 'a space is missing after ":"'],
  ['white space', 'a space is missing before a comment, or after an anchor or a tag'],
];

/** `text` is what was parsed. */
export function syntaxMessage({ code, message, pos }: ParserFault, text: string): string {
  if (message.includes('end with a')) return OPEN_BRACKET;
  if (code === 'MISSING_CHAR') {
    const known = MISSING.find(([part]) => message.includes(part));
    return known?.[1] ?? 'something is missing here: a quote, a bracket, a comma or a colon';
  }
  if (Object.hasOwn(WORDS, code)) return WORDS[code];
  const [found] = text.slice(pos[0], pos[1]).split('\n');
  if (found === '') return 'is not YAML here';
  return `is not expected here: ${JSON.stringify(found.slice(0, SHOWN_LENGTH))}`;
}
