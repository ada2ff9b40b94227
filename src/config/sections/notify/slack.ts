/*
 * `notify.slack`: an incoming webhook, whose URL is a secret itself.
 */
import * as z from 'zod';
import { environmentVariable, HTTP_URL, httpUrl, isHttpUrl } from '../../fields.ts';
import type { KeyPath } from '../../keyPath.ts';
import type { Origin, RuleContext } from '../../section.ts';

export const slackSchema = z
  .strictObject({
    webhook_url: httpUrl()
      .optional()
      .describe('URL of the incoming webhook; it is a secret, because anyone who has it can post'),
    webhook_url_env: environmentVariable()
      .optional()
      .describe('Environment variable that holds the URL, instead of webhook_url'),
  })
  .describe('A Slack incoming webhook');

type SlackFile = z.output<typeof slackSchema>;

/** The URL is a secret. */
export interface SlackConfig {
  readonly webhookUrl: string;
}

export function checkSlack({
  file,
  isStated,
  report,
  readVariable,
}: RuleContext<{ notify: { slack?: SlackFile | undefined } }>): void {
  const path: KeyPath = ['notify', 'slack'];
  if (isStated(path) && isStated([...path, 'webhook_url']) === isStated([...path, 'webhook_url_env'])) {
    report(path, 'must state one of webhook_url and webhook_url_env');
  }
  const variable = file.notify?.slack?.webhook_url_env;
  if (variable === undefined) return;
  const url = readVariable([...path, 'webhook_url_env'], variable);
  if (url !== '' && !isHttpUrl(url)) {
    report([...path, 'webhook_url_env'], `must name a variable that holds ${HTTP_URL}; ${variable} does not`);
  }
}

export function resolveSlack(slack: SlackFile, { env }: Origin): SlackConfig {
  return { webhookUrl: slack.webhook_url ?? env[slack.webhook_url_env ?? ''] ?? '' };
}
