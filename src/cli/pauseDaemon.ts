/*
 * Pauses the daemon that runs beside a command, so that it does not announce again what the command withdraws.
 */
import { messageOf } from '../errors.ts';
import { readStoredState } from '../storage/storedState.ts';
import { type ApiOptions, apiClientOf } from './client/apiClientOf.ts';
import { UsageError } from './usageError.ts';

/** Why the daemon of this state directory could not be paused; undefined where it was. Throws UsageError. */
export async function pauseDaemon(
  directory: string,
  options: ApiOptions,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  try {
    const client = apiClientOf({ ...options, api: options.api ?? readStoredState(directory).apiUrl }, env);
    const { status, body } = await client.post('api/v1/pause', {});
    if (status === 200) return undefined;
    return `the API answered ${status}: ${(body as { error?: string }).error ?? 'no reason given'}`;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return messageOf(error);
  }
}
