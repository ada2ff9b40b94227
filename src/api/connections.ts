/*
 * The API's connections: how many there may be, how many requests each may have in progress, and the answer to what
 * node:http cannot read as a request.
 *
 * An answer that the client does not read stays in memory, and node:http reads requests of one connection (pipelining,
 * RFC 9112 §9.3.2) as fast as they come. So requests are counted until their answer is sent: a connection with too many
 * is cut, and beyond a total new ones are refused. Addresses from which a valid token came have a share that others
 * cannot take, so that an operator can connect while the API is flooded.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Limits for addresses from which no valid token came, and for those from which one did. */
const CONNECTIONS_PER_ADDRESS = { unknown: 32, known: 128 };
const CONNECTIONS = { unknown: 256, known: 512 };
const REQUESTS = { unknown: 64, known: 256 };

const REQUESTS_PER_CONNECTION = 8;

/** The longest that a client may take to read an answer. */
const ANSWER_TIMEOUT_MS = 60_000;

const TOO_MANY = JSON.stringify({ error: 'too many requests are in progress' });

const MAX_KNOWN_ADDRESSES = 256;

/** Addresses from which a valid token came. The API keeps connections for them. */
export class KnownAddresses {
  /** The least recently used first. */
  readonly #addresses = new Set<string>();

  add(address: string): void {
    this.#addresses.delete(address);
    this.#addresses.add(address);
    const [oldest] = this.#addresses;
    if (this.#addresses.size > MAX_KNOWN_ADDRESSES) this.#addresses.delete(oldest);
  }

  has(address: string): boolean {
    return this.#addresses.has(address);
  }
}

export interface ConnectionsOptions {
  readonly known: KnownAddresses;
  readonly maxHeaderBytes: number;
}

export class Connections {
  readonly #known: KnownAddresses;
  readonly #maxHeaderBytes: number;
  readonly #byAddress = new Map<string, number>();
  /** Answers not sent yet, by connection. */
  readonly #owed = new Map<Socket, Set<ServerResponse>>();
  /** Error codes of connections on which a request was broken. */
  readonly #broken = new WeakMap<Socket, string>();
  #requests = 0;

  constructor({ known, maxHeaderBytes }: ConnectionsOptions) {
    this.#known = known;
    this.#maxHeaderBytes = maxHeaderBytes;
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#opened(socket));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#broken.set(socket as Socket, error.code ?? '');
      this.#answerBroken(socket as Socket);
    });
  }

  /** Counts a request until its answer is sent. False where it must not be handled: it was answered or cut. */
  admit({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const owed = this.#owed.get(socket);
    if (owed === undefined || socket.destroyed) return false;
    if (owed.size >= REQUESTS_PER_CONNECTION) {
      socket.destroy();
      return false;
    }
    const isAdmitted = this.#requests < REQUESTS[this.#kindOf(socket)];
    owed.add(response);
    this.#requests++;
    const impatience = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS).unref();
    response.on('close', () => {
      clearTimeout(impatience);
      owed.delete(response);
      this.#requests--;
      this.#answerBroken(socket);
    });
    if (!isAdmitted) response.writeHead(503, { 'Content-Type': 'application/json', Connection: 'close' }).end(TOO_MANY);
    return isAdmitted;
  }

  #opened(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const kind = this.#kindOf(socket);
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (ofAddress >= CONNECTIONS_PER_ADDRESS[kind] || this.#owed.size >= CONNECTIONS[kind]) {
      socket.destroy();
      return;
    }
    this.#byAddress.set(address, ofAddress + 1);
    this.#owed.set(socket, new Set());
    socket.on('close', () => {
      this.#owed.delete(socket);
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#byAddress.set(address, left);
      else this.#byAddress.delete(address);
    });
  }

  #kindOf(socket: Socket): 'known' | 'unknown' {
    return this.#known.has(socket.remoteAddress ?? '') ? 'known' : 'unknown';
  }

  /**
   * Complete requests before the broken one get their answers first. Otherwise a client that sends several at once
   * would take this answer for the answer to a ban that was made.
   */
  #answerBroken(socket: Socket): void {
    const code = this.#broken.get(socket);
    if (code === undefined) return;
    // A request that is not complete is itself the broken one.
    for (const { req } of this.#owed.get(socket) ?? []) if (req.complete) return;
    if (socket.writable && code !== 'ECONNRESET') socket.write(this.#answerTo(code));
    socket.destroySoon();
  }

  #answerTo(code: string): string {
    const [status, error] = this.#reasonOf(code);
    const body = JSON.stringify({ error });
    return (
      `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
    );
  }

  #reasonOf(code: string): [status: string, error: string] {
    switch (code) {
      case 'HPE_HEADER_OVERFLOW':
        return ['431 Request Header Fields Too Large', `the headers must be at most ${this.#maxHeaderBytes} bytes`];
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        return ['408 Request Timeout', 'the request took too long'];
      default:
        return ['400 Bad Request', 'malformed HTTP request'];
    }
  }
}
