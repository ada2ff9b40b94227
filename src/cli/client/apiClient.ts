/*
 * The client side of the API: one request, one JSON answer. It uses node:http and not fetch, which refuses a number of
 * ports that an operator may have chosen.
 */
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { CLI_USER_AGENT } from '../../api/mutationAudit.ts';
import { messageOf } from '../../errors.ts';
import { VERSION } from '../../version.ts';
import { UsageError } from '../command.ts';

/** Longer than the daemon's own deadlines, so that the daemon itself can say what took too long. */
const TIMEOUT_MS = 15_000;

/** The daemon gave no answer: it is not running, or the network does not reach it. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

export class ApiClient {
  readonly #base: URL;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;

  /** `base` is an http or https URL, perhaps with a path that a proxy put before the API's. */
  constructor(base: URL, token: string | undefined, timeoutMs = TIMEOUT_MS) {
    this.#base = new URL(base);
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/';
    this.#token = token;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * `path` without a leading slash. Throws UnreachableError where there is no answer, and Error where it is not JSON.
   */
  get(path: string): Promise<ApiAnswer> {
    return this.#call('GET', path, undefined);
  }

  /** Like `get`. */
  post(path: string, body: unknown): Promise<ApiAnswer> {
    return this.#call('POST', path, JSON.stringify(body));
  }

  async #call(method: string, path: string, body: string | undefined): Promise<ApiAnswer> {
    const { status, text } = await this.#exchange(method, path, body);
    try {
      return { status, body: JSON.parse(text) };
    } catch {
      throw new Error(`${this.#base.href} answered ${status}, but not as Kapkan's API does`);
    }
  }

  async #exchange(method: string, path: string, body: string | undefined): Promise<{ status: number; text: string }> {
    const url = new URL(path, this.#base);
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const headers: Record<string, string> = {
      Accept: 'application/json',
      'User-Agent': `${CLI_USER_AGENT}/${VERSION}`,
    };
    if (this.#token !== undefined) headers.Authorization = `Bearer ${this.#token}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    try {
      const response = await send(url, { method, headers, signal, agent: false }, body);
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
    } catch (error) {
      const why = signal.aborted ? `no answer within ${this.#timeoutMs / 1000} seconds` : reasonOf(error);
      throw new UnreachableError(`cannot reach Kapkan at ${this.#base.href}: ${why}`, { cause: error });
    }
  }
}

function send(url: URL, options: RequestOptions, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options);
    request.on('response', resolve).on('error', reject);
    request.end(body);
  });
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  // A name with several addresses fails with one error for each, and an empty message.
  const failed = error instanceof AggregateError ? error.errors[0] : error;
  return code === 'ECONNREFUSED' ? 'connection refused; is the daemon running?' : messageOf(failed);
}

export const DEFAULT_API = 'http://127.0.0.1:8080';
export const DEFAULT_TOKEN_ENV = 'KAPKAN_TOKEN';

/** Undefined where the option was not given. */
export interface ApiOptions {
  readonly api: string | boolean | undefined;
  readonly tokenEnv: string | boolean | undefined;
}

/** The client for the options `--api` and `--token-env`. Throws UsageError. */
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
