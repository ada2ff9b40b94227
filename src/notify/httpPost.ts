/*
 * One HTTP POST of JSON. Redirects are not followed, because the URL and the headers hold secrets for one server only.
 * Errors name the host, never the URL.
 */
import { messageOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import { DeliveryError } from './channel.ts';

export interface HttpPost {
  readonly url: string;
  /** Further headers. Content-Type and User-Agent are set here. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly signal: AbortSignal;
  /** The pause that the body of an answer asks for, if any. */
  readonly retryAfterMs?: (answer: string) => number | undefined;
}

/** How much of an error's answer is read. */
const MAX_ANSWER_BYTES = 4096;
/** How much of an answer an error message contains. */
const SHOWN_CHARACTERS = 200;

/** Statuses below 500 that a retry can change: timeout, too early, too many requests. */
const RETRYABLE = [408, 425, 429];

/** Resolves when the server answers 2xx; rejects with DeliveryError. */
export async function postJson({ url, headers, body, signal, retryAfterMs }: HttpPost): Promise<void> {
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { ...headers, 'Content-Type': 'application/json', 'User-Agent': `kapkan/${VERSION}` },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    throw unreachable(host, error, signal);
  }
  if (response.ok) {
    await response.body?.cancel();
    return;
  }
  const { status } = response;
  if (status >= 300 && status < 400) {
    await response.body?.cancel();
    throw new DeliveryError(`${host} answered ${status}; redirects are not followed`, false);
  }
  const answer = await readStart(response);
  const shown = answer.replace(/\s+/g, ' ').trim().slice(0, SHOWN_CHARACTERS);
  const pause = retryAfterMs?.(answer) ?? retryAfterOf(response.headers);
  const message = `${host} answered ${status}${shown === '' ? '' : `: ${shown}`}`;
  throw new DeliveryError(message, status >= 500 || RETRYABLE.includes(status), pause);
}

function unreachable(host: string, error: unknown, signal: AbortSignal): DeliveryError {
  if (signal.aborted) return new DeliveryError(`${host} did not answer in time`, true);
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  // A host with several addresses fails with one error for each address and an empty message of its own.
  const why = messageOf(cause instanceof AggregateError ? cause.errors[0] : cause);
  return new DeliveryError(`cannot reach ${host}: ${why}`, true);
}

/** Reads the start of an answer. If it breaks off, what came before is used. */
async function readStart(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    return text;
  }
  return text;
}

/** RFC 9110 §10.2.3, in seconds. The form with a date is ignored. */
function retryAfterOf(headers: Headers): number | undefined {
  const seconds = headers.get('Retry-After') ?? '';
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}
