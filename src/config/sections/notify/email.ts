/*
 * `notify.email`: mail over SMTP.
 */
import path from 'node:path';
import * as z from 'zod';
import { environmentVariable, flag, list, text } from '../../fields.ts';
import type { KeyPath } from '../../keyPath.ts';
import type { Origin, RuleContext } from '../../section.ts';

/** Message submission (RFC 6409), which asks for credentials or TLS, and relaying (RFC 5321), which does not. */
const SUBMISSION_PORT = 587;
const RELAY_PORT = 25;

/** TLS from the first byte (RFC 8314 §3.3). */
export const IMPLICIT_TLS_PORT = 465;

/** Enough to find a name in place of an address; the mail server decides about the rest. */
export function mailbox() {
  return text(
    'a mail address, such as noc@example.net or "NOC <noc@example.net>"',
    /^([^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
    320,
  );
}

export const emailSchema = z
  .strictObject({
    smtp_host: text('a host name or an address, perhaps with a port: mail.example.net:587', /^[^\s/@]+$/, 260).describe(
      'Mail server, "HOST" or "HOST:PORT"; the default port is 587 if TLS is required, else 25; 465 is TLS from the first byte',
    ),
    from: mailbox().describe('Sender'),
    to: list(mailbox()).min(1, { error: 'must hold at least one mail address' }).describe('Recipients'),
    username_env: environmentVariable().optional().describe('Environment variable that holds the user name'),
    password_env: environmentVariable().optional().describe('Environment variable that holds the password'),
    require_tls: flag().default(false).describe('Send only with TLS; with a password this is always so'),
    ca_file: text('the path of a file')
      .optional()
      .describe(
        'CA certificates (PEM) that the certificate of the mail server must be signed by; if absent, those of the system',
      ),
  })
  .describe('Mail over SMTP');

type EmailFile = z.output<typeof emailSchema>;

export interface EmailConfig {
  readonly host: string;
  readonly port: number;
  readonly from: string;
  readonly to: readonly string[];
  /** Never sent without TLS. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Also true where credentials are sent. */
  readonly requireTls: boolean;
  /** PEM, absolute; undefined = the system's CAs. */
  readonly caFile: string | undefined;
}

export function checkEmail({
  file,
  isStated,
  report,
  readVariable,
}: RuleContext<{ notify: { email?: EmailFile | undefined } }>): void {
  const path: KeyPath = ['notify', 'email'];
  const email = file.notify?.email;
  for (const [key, other] of [
    ['username_env', 'password_env'],
    ['password_env', 'username_env'],
  ] as const) {
    const variable = email?.[key];
    if (variable !== undefined) readVariable([...path, key], variable);
    if (isStated([...path, key]) && !isStated([...path, other])) {
      report([...path, other], `is missing, ${key} needs it`, 'missing');
    }
  }
  const host = email?.smtp_host;
  if (host !== undefined && parseSmtpHost(host) === undefined) {
    report([...path, 'smtp_host'], `must be "HOST" or "HOST:PORT" with a port from 1 to 65535, got "${host}"`);
  }
}

/** `HOST`, `HOST:PORT`, `[IPv6]:PORT` or a bare IPv6 address; undefined for anything else. */
function parseSmtpHost(written: string): { readonly host: string; readonly port: number | undefined } | undefined {
  const bracketed = /^\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?$/.exec(written);
  const [, host, portText] = bracketed ?? /^([^:[\]]+)(?::(\d{1,5}))?$/.exec(written) ?? [];
  if (host === undefined) return /^[0-9a-fA-F:.]+$/.test(written) ? { host: written, port: undefined } : undefined;
  const port = portText === undefined ? undefined : Number(portText);
  return port === undefined || (port >= 1 && port <= 65535) ? { host, port } : undefined;
}

export function resolveEmail(email: EmailFile, { directory, env }: Origin): EmailConfig {
  const { host, port } = parseSmtpHost(email.smtp_host) ?? { host: email.smtp_host, port: undefined };
  const { username_env, password_env } = email;
  const hasCredentials = username_env !== undefined && password_env !== undefined;
  const requireTls = email.require_tls || hasCredentials;
  return {
    host,
    port: port ?? (requireTls ? SUBMISSION_PORT : RELAY_PORT),
    from: email.from,
    to: email.to,
    credentials: hasCredentials ? { username: env[username_env] ?? '', password: env[password_env] ?? '' } : undefined,
    requireTls,
    caFile: email.ca_file === undefined ? undefined : path.resolve(directory, email.ca_file),
  };
}
