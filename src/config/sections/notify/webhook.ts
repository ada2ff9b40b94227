/*
 * `notify.webhook`: a program that takes each notification over HTTP.
 */
import * as z from 'zod';
import { environmentVariable, httpUrl } from '../../fields.ts';
import type { KeyPath } from '../../keyPath.ts';
import type { Origin, RuleContext } from '../../section.ts';

/** Header names and values as HTTP allows them (RFC 9110 §5); anything else could never be sent. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that the request itself decides. */
const OWN_HEADERS = ['content-type', 'content-length', 'host', 'connection', 'transfer-encoding'];

export const webhookSchema = z
  .strictObject({
    url: httpUrl().describe('Where the JSON is posted; redirects are not followed'),
    headers_env: z
      .union([environmentVariable(), z.record(z.string(), environmentVariable())], {
        error: 'must be a mapping of header names to environment variables, or the name of one variable',
      })
      .optional()
      .describe(
        'Request headers from the environment: header name to variable, or one variable of "Name: value" lines',
      ),
  })
  .describe('A program over HTTP');

type WebhookFile = z.output<typeof webhookSchema>;

export interface WebhookConfig {
  readonly url: string;
  /** Further request headers, secrets among them. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Messages name the variable, never its value. */
export function checkWebhook({
  file,
  report,
  readVariable,
}: RuleContext<{ notify: { webhook?: WebhookFile | undefined } }>): void {
  const path: KeyPath = ['notify', 'webhook', 'headers_env'];
  const written = file.notify?.webhook?.headers_env;
  const check = (at: KeyPath, name: string, value: string, source: string): void => {
    if (!HEADER_NAME.test(name)) report(at, `must name HTTP headers, ${source} does not`);
    else if (OWN_HEADERS.includes(name.toLowerCase())) report(at, `must not set ${name}, which Kapkan sets itself`);
    else if (!HEADER_VALUE.test(value)) report(at, `must name variables that hold header values, ${source} does not`);
  };
  if (typeof written === 'string') {
    for (const line of linesOf(readVariable(path, written))) {
      const [name, value] = splitHeader(line) ?? [];
      if (name === undefined) report(path, `must name a variable of "Name: value" lines, ${written} is not one`);
      else check(path, name, value ?? '', written);
    }
    return;
  }
  for (const [name, variable] of Object.entries(written ?? {})) {
    if (variable === undefined) continue;
    const at = [...path, name];
    const value = readVariable(at, variable);
    if (value !== '') check(at, name, value, HEADER_NAME.test(name) ? variable : JSON.stringify(name));
  }
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function splitHeader(line: string): [name: string, value: string] | undefined {
  const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
  return name === undefined ? undefined : [name, value];
}

export function resolveWebhook({ url, headers_env }: WebhookFile, { env }: Origin): WebhookConfig {
  const headers =
    typeof headers_env === 'string'
      ? linesOf(env[headers_env] ?? '').map((line) => splitHeader(line) ?? [])
      : Object.entries(headers_env ?? {}).map(([name, variable]) => [name, env[variable] ?? '']);
  return { url, headers: Object.fromEntries(headers.filter(([, value]) => value !== undefined && value !== '')) };
}
