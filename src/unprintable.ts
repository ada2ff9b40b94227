/*
 * Text from outside, made safe to show: no character of it moves the cursor, colours the terminal, starts a line of its
 * own or hides what stands beside it.
 */

/** Control characters, and characters that reorder, hide or break the text around them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Unprintable characters as codes: a newline as `\n`, others as `\u{1b}`. */
export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return character === '\n' ? '\\n' : `\\u{${code.toString(16)}}`;
  });
}

/** Unprintable characters as U+FFFD, where a column must keep its width. */
export function replaceUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}
