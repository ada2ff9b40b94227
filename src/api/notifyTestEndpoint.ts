/*
 * Sends a test notification through every channel, so that a wrong setting is found before an attack.
 */
import { z } from 'zod';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint } from './endpoint.ts';

const notifyTestSchema = z
  .object({
    results: z.array(
      z.object({
        channel: z.string(),
        delivered: z.boolean(),
        error: z.string().optional().describe('why it was not delivered'),
      }),
    ),
  })
  .meta({ id: 'NotifyTest', description: 'One entry for each channel and set of addressees; each was tried once.' });

export type NotifyTestJson = z.infer<typeof notifyTestSchema>;

export function notifyTestEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'POST',
    path: '/api/v1/notify/test',
    summary: 'Send a test notification through every channel',
    role: 'operator',
    action: 'notify_test',
    query: z.strictObject({}),
    body: z.strictObject({}).optional(),
    answers: {
      200: { description: 'The result for each channel, also where nothing was delivered', schema: notifyTestSchema },
    },
    handle: async () => {
      const outcomes = await daemon.testNotifications();
      const results = outcomes.map(({ channel, error }) => ({ channel, delivered: error === undefined, error }));
      const failed = results.filter(({ delivered }) => !delivered).map(({ channel }) => channel);
      return {
        status: 200,
        body: { results } satisfies NotifyTestJson,
        outcome: {
          result: failed.length === 0 ? 'ok' : 'error',
          reason: failed.length === 0 ? '' : `not delivered: ${failed.join(', ')}`,
        },
      };
    },
  });
}
