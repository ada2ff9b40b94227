/*
 * The environment file of the service unit (EnvironmentFile= in systemd.exec(5)), which holds the secrets that the
 * config names. `check-config` reads it, so that it checks with the variables that the daemon will have.
 */

/** A comment, an assignment with its value in double, single or no quotes, or a line that means nothing to systemd. */
const LINE =
  /[ \t]*(?:[#;][^\n]*|([A-Za-z_]\w*)[ \t]*=[ \t]*(?:"((?:\\[\s\S]|[^"\\])*)"[ \t]*|'([^']*)'[ \t]*|((?:\\[\s\S]|[^\\\n])*))|[^\n]*)(?:\n|$)/y;

/**
 * The variables of the file as systemd reads it: unlike a shell, it takes `#` for a comment only at the start of a line
 * and replaces no `$NAME`. Of a variable that is set twice the last value counts.
 */
export function parseEnvironment(text: string): Record<string, string> {
  const lines = new RegExp(LINE);
  const read = text.replaceAll('\r\n', '\n');
  const variables: Record<string, string> = {};
  while (lines.lastIndex < read.length) {
    const [, name, double, single, plain] = lines.exec(read) ?? [];
    if (name === undefined) continue;
    if (double !== undefined) variables[name] = double.replaceAll(/\\(\n|["\\`$])/g, keepUnlessNewline);
    else variables[name] = single ?? plain.replaceAll(/\\([\s\S])/g, keepUnlessNewline).trimEnd();
  }
  return variables;
}

/** A backslash before the end of a line continues the line. */
function keepUnlessNewline(_escape: string, character: string): string {
  return character === '\n' ? '' : character;
}
