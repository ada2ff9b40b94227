/*
 * The client that the options `--api` and `--token-env` ask for.
 */
import { UsageError } from '../usageError.ts';
import { ApiClient } from './apiClient.ts';

export const DEFAULT_API = 'http://127.0.0.1:8080';
export const DEFAULT_TOKEN_ENV = 'KAPKAN_TOKEN';

/** Undefined where the option was not given. */
export interface ApiOptions {
  readonly api: string | boolean | undefined;
  readonly tokenEnv: string | boolean | undefined;
}

/** Throws UsageError. */
export function apiClientOf({ api, tokenEnv }: ApiOptions, env: NodeJS.ProcessEnv): ApiClient {
  const text = String(api ?? DEFAULT_API);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`--api must be an http or https URL, got "${text}"`);
  }
  const name = String(tokenEnv ?? DEFAULT_TOKEN_ENV);
  const token = env[name] ?? '';
  if (token === '' && tokenEnv !== undefined) throw new UsageError(`--token-env names ${name}, which is not set`);
  if (!/^[\x21-\x7e]*$/.test(token)) {
    throw new UsageError(`the value of ${name} cannot be a token: it has blanks or characters that are not ASCII`);
  }
  return new ApiClient(url, token === '' ? undefined : token);
}
