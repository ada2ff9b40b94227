/*
 * From the file's section about notifications to the channels as they are used, secrets in place.
 */
import path from 'node:path';
import type { EmailConfig, NotifyConfig, NotifyRoute } from './notifyConfig.ts';
import { type NotifySecrets, parseSmtpHost } from './notifyRules.ts';
import type { FileConfig } from './schema.ts';

type FileNotify = FileConfig['notify'];

/** Message submission (RFC 6409), which asks for credentials or TLS, and relaying (RFC 5321), which does not. */
const SUBMISSION_PORT = 587;
const RELAY_PORT = 25;

export function resolveNotify(notify: FileNotify, secrets: NotifySecrets, directory: string): NotifyConfig {
  const { telegram, slack, email, webhook, exec } = notify;
  return {
    telegram: telegram && {
      token: secrets.telegramToken,
      chatId: String(telegram.chat_id),
      apiUrl: withoutSlash(telegram.api_url),
    },
    slack: slack && { webhookUrl: slack.webhook_url ?? secrets.slackWebhookUrl },
    email: email && resolveEmail(email, secrets, directory),
    webhook: webhook && { url: webhook.url, headers: secrets.webhookHeaders },
    exec: exec && {
      command: path.resolve(directory, exec.command),
      timeoutSeconds: exec.timeout_seconds,
      format: exec.format,
    },
    routes: notify.routes.map(resolveRoute),
    consoleUrl: notify.console_url && withoutSlash(notify.console_url),
  };
}

function resolveEmail(email: NonNullable<FileNotify['email']>, secrets: NotifySecrets, directory: string): EmailConfig {
  const { host, port } = parseSmtpHost(email.smtp_host) ?? { host: email.smtp_host, port: undefined };
  const hasCredentials = email.username_env !== undefined;
  const requireTls = email.require_tls || hasCredentials;
  return {
    host,
    port: port ?? (requireTls ? SUBMISSION_PORT : RELAY_PORT),
    from: email.from,
    to: email.to,
    credentials: hasCredentials ? { username: secrets.smtpUsername, password: secrets.smtpPassword } : undefined,
    requireTls,
    caFile: email.ca_file === undefined ? undefined : path.resolve(directory, email.ca_file),
  };
}

function resolveRoute(route: FileNotify['routes'][number]): NotifyRoute {
  return {
    groups: route.groups,
    tenants: route.tenants,
    channels: [...new Set(route.channels)],
    minSeverity: route.min_severity,
    quietSeconds: route.quiet_seconds,
    emailTo: route.email_to,
    telegramChatId: route.telegram_chat_id === undefined ? undefined : String(route.telegram_chat_id),
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
