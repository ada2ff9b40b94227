/*
 * Who is told of attacks, resolved: the channels with their secrets in them, and which notification goes where.
 */

/** In the order in which metrics and summaries list them. */
export const NOTIFY_CHANNELS = ['telegram', 'slack', 'email', 'webhook', 'exec'] as const;
export type NotifyChannel = (typeof NOTIFY_CHANNELS)[number];

/** Ascending. */
export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** TLS from the first byte (RFC 8314 §3.3). */
export const IMPLICIT_TLS_PORT = 465;

/** A channel that is undefined is not configured. */
export interface NotifyConfig {
  readonly telegram: TelegramConfig | undefined;
  readonly slack: SlackConfig | undefined;
  readonly email: EmailConfig | undefined;
  readonly webhook: WebhookConfig | undefined;
  readonly exec: ExecConfig | undefined;
  /** Empty = every channel is told everything. */
  readonly routes: readonly NotifyRoute[];
  /** Where people open the console, without a slash at the end; undefined = where the API listens. */
  readonly consoleUrl: string | undefined;
}

export interface TelegramConfig {
  readonly token: string;
  readonly chatId: string;
  /** Without a slash at the end. */
  readonly apiUrl: string;
}

/** The URL is a secret of its own. */
export interface SlackConfig {
  readonly webhookUrl: string;
}

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

export interface WebhookConfig {
  readonly url: string;
  /** Further request headers, secrets among them. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ExecConfig {
  /** Absolute path of the program. */
  readonly command: string;
  readonly timeoutSeconds: number;
  readonly format: 'kapkan' | 'fastnetmon';
}

/** A notification goes to the channels of every route that it fits. */
export interface NotifyRoute {
  /** Names of hostgroups; undefined = all. */
  readonly groups: readonly string[] | undefined;
  /** Undefined = all, and hosts without a tenant. */
  readonly tenants: readonly string[] | undefined;
  readonly channels: readonly NotifyChannel[];
  readonly minSeverity: Severity;
  /** An event of one kind about one target is told again only after this time; 0 = always. */
  readonly quietSeconds: number;
  /** In place of the channel's own addressees. */
  readonly emailTo: readonly string[] | undefined;
  readonly telegramChatId: string | undefined;
}

/** The channels that are configured, in the order of NOTIFY_CHANNELS. */
export function configuredChannels(notify: NotifyConfig): NotifyChannel[] {
  return NOTIFY_CHANNELS.filter((channel) => notify[channel] !== undefined);
}
