/*
 * The section of the config file about notifications: channels, and who is told what through them.
 */
import * as z from 'zod';
import { choice, environmentVariable, flag, integer, list, MAX_DURATION_SECONDS, name, text } from './fields.ts';
import { NOTIFY_CHANNELS, SEVERITIES } from './notifyConfig.ts';

/** An http or https URL without a user name or password in it; fetch refuses those, and the file holds no secrets. */
export function isHttpUrl(written: string): boolean {
  if (!URL.canParse(written)) return false;
  const { protocol, username, password } = new URL(written);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}

export const HTTP_URL = 'an http or https URL, without a user name or password in it';

function httpUrl() {
  const error = `must be ${HTTP_URL}`;
  return z.string({ error }).trim().refine(isHttpUrl, { error });
}

/** Enough to catch a name in place of an address; what mail servers accept is theirs to say. */
function mailbox() {
  return text(
    'a mail address, such as noc@example.net or "NOC <noc@example.net>"',
    /^([^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
    320,
  );
}

function chatId() {
  const error = 'must be the number of a chat, or "@" and the name of a channel';
  return z.union([z.int({ error }), z.string({ error }).regex(/^(-?\d{1,20}|@\w{1,64})$/, { error })], { error });
}

const telegramSchema = z
  .strictObject({
    token_env: environmentVariable().describe("Environment variable that holds the bot's token"),
    chat_id: chatId().describe('Chat that is told: a number, or "@channel"'),
    api_url: httpUrl().default('https://api.telegram.org').describe('Bot API server, where it is not the public one'),
  })
  .describe('A Telegram bot');

const slackSchema = z
  .strictObject({
    webhook_url: httpUrl().optional().describe('Incoming webhook; whoever has the URL can post'),
    webhook_url_env: environmentVariable()
      .optional()
      .describe('Environment variable that holds it, instead of webhook_url'),
  })
  .describe('A Slack incoming webhook');

const emailSchema = z
  .strictObject({
    smtp_host: text('a host name or an address, perhaps with a port: mail.example.net:587', /^[^\s/@]+$/, 260).describe(
      'Mail server, "HOST" or "HOST:PORT"; the port is 587 with TLS required, else 25; 465 speaks TLS from the start',
    ),
    from: mailbox().describe('Sender'),
    to: list(mailbox()).min(1, { error: 'must hold at least one mail address' }).describe('Recipients'),
    username_env: environmentVariable().optional().describe('Environment variable that holds the user name'),
    password_env: environmentVariable().optional().describe('Environment variable that holds the password'),
    require_tls: flag().default(false).describe('Never send without TLS; always so with a password'),
    ca_file: text('the path of a file')
      .optional()
      .describe("CA certificates (PEM) that the mail server must be signed by; absent is the system's"),
  })
  .describe('Mail over SMTP');

const webhookSchema = z
  .strictObject({
    url: httpUrl().describe('Where the JSON is posted; redirects are not followed'),
    headers_env: z
      .union([environmentVariable(), z.record(z.string(), environmentVariable())], {
        error: 'must be a mapping of header names to environment variables, or the name of one variable',
      })
      .optional()
      .describe(
        'Request headers out of the environment: header name to variable, or one variable of "Name: value" lines',
      ),
  })
  .describe('A program over HTTP');

const execSchema = z
  .strictObject({
    command: text('the path of a program').describe('Program that is started, without a shell'),
    timeout_seconds: integer(1, 300).default(10).describe('Then it is killed, with all it started'),
    format: choice(['kapkan', 'fastnetmon'])
      .default('kapkan')
      .describe('kapkan: the event as argument, JSON on stdin; fastnetmon: as its notify scripts are called'),
  })
  .describe('A program on this machine');

const routeSchema = z
  .strictObject({
    groups: list(name()).optional().describe('Hostgroups it is about, "global" among them; absent is all'),
    tenants: list(name()).optional().describe('Tenants it is about; absent is all'),
    channels: list(choice(NOTIFY_CHANNELS)).min(1, { error: 'must name at least one channel' }).describe('Who is told'),
    min_severity: choice(SEVERITIES)
      .default('info')
      .describe('info: everything; warning: attacks from twice their limit; critical: from ten times, and failed bans'),
    quiet_seconds: integer(0, MAX_DURATION_SECONDS)
      .default(0)
      .describe('The same event about the same target is told again only after this time'),
    email_to: list(mailbox())
      .min(1, { error: 'must hold at least one mail address' })
      .optional()
      .describe('Recipients of this route, instead of those of email'),
    telegram_chat_id: chatId().optional().describe('Chat of this route, instead of that of telegram'),
  })
  .describe('Sends what fits it to its channels; a notification goes to those of every route that fits');

export const notifySchema = z
  .strictObject({
    telegram: telegramSchema.optional(),
    slack: slackSchema.optional(),
    email: emailSchema.optional(),
    webhook: webhookSchema.optional(),
    exec: execSchema.optional(),
    routes: list(routeSchema).default([]).describe('Who is told what; without any, every channel is told everything'),
    console_url: httpUrl()
      .optional()
      .describe('Where people open the console, for links in messages; absent is where the API listens'),
  })
  .prefault({})
  .describe('Who is told of attacks');
