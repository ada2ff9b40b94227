/*
 * Rules across keys about notifications, and their secrets out of the environment.
 */

import { GLOBAL_GROUP } from './networkRules.ts';
import { HTTP_URL, isHttpUrl } from './notifySchema.ts';
import { type RuleContext, readItems } from './ruleContext.ts';
import type { KeyPath } from './yamlSource.ts';

/** Header names and values as HTTP allows them (RFC 9110 §5); anything else could never be sent. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that the request itself decides. */
const OWN_HEADERS = ['content-type', 'content-length', 'host', 'connection', 'transfer-encoding'];

/** What the environment holds for the channels; empty where a channel needs nothing of it. */
export interface NotifySecrets {
  readonly telegramToken: string;
  readonly slackWebhookUrl: string;
  readonly smtpUsername: string;
  readonly smtpPassword: string;
  readonly webhookHeaders: Readonly<Record<string, string>>;
}

export function checkNotify({ file, isStated, report }: RuleContext): void {
  const slack: KeyPath = ['notify', 'slack'];
  if (isStated(slack) && isStated([...slack, 'webhook_url']) === isStated([...slack, 'webhook_url_env'])) {
    report(slack, 'must state one of webhook_url and webhook_url_env');
  }
  const email: KeyPath = ['notify', 'email'];
  for (const [key, other] of [
    ['username_env', 'password_env'],
    ['password_env', 'username_env'],
  ]) {
    if (isStated([...email, key]) && !isStated([...email, other])) {
      report([...email, other], `is missing, ${key} needs it`, 'missing');
    }
  }
  const host = file.notify?.email?.smtp_host;
  if (host !== undefined && parseSmtpHost(host) === undefined) {
    report([...email, 'smtp_host'], `must be "HOST" or "HOST:PORT" with a port from 1 to 65535, got "${host}"`);
  }
}

/** Every name in a route must mean something, or somebody would wait for messages in vain. */
export function checkNotifyRoutes({ file, isStated, report }: RuleContext): void {
  const groups = new Set([GLOBAL_GROUP, ...readItems(file.hostgroups).map(([, group]) => group.name ?? '')]);
  const tenants = new Set([file.tenant, ...readItems(file.hostgroups).map(([, group]) => group.tenant)]);
  for (const [index, route] of readItems(file.notify?.routes)) {
    const path: KeyPath = ['notify', 'routes', index];
    for (const [position, group] of readItems(route.groups)) {
      if (!groups.has(group)) report([...path, 'groups', position], `must be the name of a hostgroup, got "${group}"`);
    }
    for (const [position, tenant] of readItems(route.tenants)) {
      if (!tenants.has(tenant)) {
        report([...path, 'tenants', position], `must be the tenant of a hostgroup, got "${tenant}"`);
      }
    }
    const channels = readItems(route.channels);
    for (const [position, channel] of channels) {
      if (!isStated(['notify', channel])) {
        report([...path, 'channels', position], `must be a channel that is configured, notify.${channel} is not`);
      }
    }
    for (const [key, channel] of [
      ['email_to', 'email'],
      ['telegram_chat_id', 'telegram'],
    ]) {
      if (isStated([...path, key]) && !channels.some(([, named]) => named === channel)) {
        report([...path, key], `has a meaning only where channels names ${channel}`);
      }
    }
  }
}

/** `HOST`, `HOST:PORT`, `[IPv6]:PORT` or a bare IPv6 address; undefined for anything else. */
export function parseSmtpHost(
  written: string,
): { readonly host: string; readonly port: number | undefined } | undefined {
  const bracketed = /^\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?$/.exec(written);
  const [, host, portText] = bracketed ?? /^([^:[\]]+)(?::(\d{1,5}))?$/.exec(written) ?? [];
  if (host === undefined) return /^[0-9a-fA-F:.]+$/.test(written) ? { host: written, port: undefined } : undefined;
  const port = portText === undefined ? undefined : Number(portText);
  return port === undefined || (port >= 1 && port <= 65535) ? { host, port } : undefined;
}

export function readNotifySecrets({ file, report }: RuleContext, env: NodeJS.ProcessEnv): NotifySecrets {
  const read = (path: KeyPath, variable: string | undefined): string => {
    if (variable === undefined) return '';
    const value = env[variable] ?? '';
    if (value === '') report(path, `must name an environment variable that is set, ${variable} is unset or empty`);
    return value;
  };
  const { telegram, slack, email, webhook } = file.notify ?? {};
  const telegramToken = read(['notify', 'telegram', 'token_env'], telegram?.token_env);
  if (!/^[\x21-\x7e]*$/.test(telegramToken)) {
    report(
      ['notify', 'telegram', 'token_env'],
      `must name a variable that holds a bot's token, ${telegram?.token_env} does not`,
    );
  }
  const slackPath: KeyPath = ['notify', 'slack', 'webhook_url_env'];
  const slackWebhookUrl = read(slackPath, slack?.webhook_url_env);
  if (slackWebhookUrl !== '' && !isHttpUrl(slackWebhookUrl)) {
    report(slackPath, `must name a variable that holds ${HTTP_URL}; ${slack?.webhook_url_env} does not`);
  }
  return {
    telegramToken,
    slackWebhookUrl,
    smtpUsername: read(['notify', 'email', 'username_env'], email?.username_env),
    smtpPassword: read(['notify', 'email', 'password_env'], email?.password_env),
    webhookHeaders: readHeaders(webhook?.headers_env, read, report),
  };
}

/** Messages name the variable, never what it holds. */
function readHeaders(
  written: string | { readonly [header: string]: string | undefined } | undefined,
  read: (path: KeyPath, variable: string | undefined) => string,
  report: RuleContext['report'],
): Record<string, string> {
  const path: KeyPath = ['notify', 'webhook', 'headers_env'];
  const headers: Record<string, string> = {};
  const add = (at: KeyPath, name: string, value: string, source: string): void => {
    if (!HEADER_NAME.test(name)) report(at, `must name HTTP headers, ${source} does not`);
    else if (OWN_HEADERS.includes(name.toLowerCase())) report(at, `must not set ${name}, which Kapkan sets itself`);
    else if (!HEADER_VALUE.test(value)) report(at, `must name variables that hold header values, ${source} does not`);
    else headers[name] = value;
  };
  if (typeof written === 'string') {
    const lines = read(path, written)
      .split('\n')
      .map((line) => line.trim());
    for (const line of lines.filter((text) => text !== '')) {
      const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      if (name === undefined) report(path, `must name a variable of "Name: value" lines, ${written} is not one`);
      else add(path, name, value, written);
    }
    return headers;
  }
  for (const [name, variable] of Object.entries(written ?? {})) {
    const at = [...path, name];
    const value = read(at, variable);
    if (value !== '') add(at, name, value, HEADER_NAME.test(name) ? String(variable) : JSON.stringify(name));
  }
  return headers;
}
