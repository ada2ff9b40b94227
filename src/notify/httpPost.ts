/*
 * One POST of JSON, as the channels over HTTP need it: no redirect is followed, for its headers and URL hold secrets that
 * are meant for one place alone; and what an error says names the host, never the URL.
 */
import { messageOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import { DeliveryError } from './channel.ts';

export interface HttpPost {
  readonly url: string;
  /** Of further headers; Content-Type and User-Agent are set here. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly signal: AbortSignal;
  /** How long the answer wants to be left alone, where its body says so. */
  readonly retryAfterMs?: (answer: string) => number | undefined;
}

/** Answers of errors are read this far. */
const MAX_ANSWER_BYTES = 4096;
/** Of an answer's text in a message. */
const SHOWN_CHARACTERS = 200;

/** Statuses that may be another the next time: too slow, too early, too many, and whatever fails over there. */
const RETRYABLE = [408, 425, 429];

/** Resolves once the other side said 2xx; rejects with DeliveryError. */
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
  // A name with several addresses fails with one error for each, and an empty message.
  const why = messageOf(cause instanceof AggregateError ? cause.errors[0] : cause);
  return new DeliveryError(`cannot reach ${host}: ${why}`, true);
}

/** What came before the answer broke off, or the time was up, is enough to tell by. */
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

/** RFC 9110 §10.2.3, in seconds; the form with a date is left to the usual pauses. */
function retryAfterOf(headers: Headers): number | undefined {
  const seconds = headers.get('Retry-After') ?? '';
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}
