/*
 * The body of a mutation: JSON, of bounded size, in UTF-8. Only `application/json` is read. A web page cannot
 * send that to another site without a CORS preflight, which Kapkan never allows. So no other web site can ban
 * anything through an operator's browser.
 */
import type { IncomingMessage } from 'node:http';
import { messageOf } from '../errors.ts';
import { ApiError } from './apiError.ts';

/** Far more than any request of the API needs. */
export const MAX_BODY_BYTES = 64 * 1024;

/** A body, or why there is none: unsupported_media_type, too_large, malformed. */
export interface ReadBody {
  /** An empty one is undefined. */
  readonly body: unknown;
  readonly problem?: ApiError;
}

/** Reads the whole body. */
export async function readJsonBody(request: IncomingMessage): Promise<ReadBody> {
  try {
    return { body: await parsedBody(request) };
  } catch (error) {
    if (error instanceof ApiError) return { body: undefined, problem: error };
    throw error;
  }
}

async function parsedBody(request: IncomingMessage): Promise<unknown> {
  requireJson(request);
  const text = decodeUtf8(await readBounded(request));
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('malformed', `malformed JSON: ${messageOf(error)}`);
  }
}

function requireJson(request: IncomingMessage): void {
  const type = (request.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
  if (type !== 'application/json') {
    throw new ApiError('unsupported_media_type', 'Content-Type must be application/json');
  }
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new ApiError('unsupported_media_type', 'the body must not be compressed');
  }
}

/** Bytes beyond the limit are not kept; node:http discards them after the answer, within its request timeout. */
async function readBounded(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = new ApiError('too_large', `the body must be at most ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) reject(tooLarge);
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', () => reject(new ApiError('malformed', 'the connection ended before the body did')));
  });
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError('malformed', 'the body must be UTF-8');
  }
}
