/*
 * Answers what node:http cannot make a request of: garbage, headers too long, requests that never end. There is no
 * request to answer then, so the answer is written by hand, and the connection ends with it.
 *
 * Requests that came whole before the garbage, on the same connection, get their answers first. Otherwise a client that
 * sends several at once (pipelining, RFC 9112 §9.3.2) would take this answer for that of a ban which was carried out.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class BrokenRequests {
  readonly #maxHeaderBytes: number;
  /** Answers that are owed, by connection. */
  readonly #owed = new WeakMap<Socket, Set<ServerResponse>>();
  /** Error codes of connections on which a request was broken. */
  readonly #broken = new WeakMap<Socket, string>();

  constructor(maxHeaderBytes: number) {
    this.#maxHeaderBytes = maxHeaderBytes;
  }

  watch(server: Server): void {
    server.on('request', (request, response) => this.#begun(request, response));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#broken.set(socket as Socket, error.code ?? '');
      this.#settle(socket as Socket);
    });
  }

  #begun({ socket }: IncomingMessage, response: ServerResponse): void {
    const owed = this.#owed.get(socket) ?? new Set();
    this.#owed.set(socket, owed.add(response));
    response.on('close', () => {
      owed.delete(response);
      this.#settle(socket);
    });
  }

  #settle(socket: Socket): void {
    const code = this.#broken.get(socket);
    if (code === undefined) return;
    // A request that did not come whole is itself the broken one.
    for (const { req } of this.#owed.get(socket) ?? []) if (req.complete) return;
    if (socket.writable && code !== 'ECONNRESET') socket.write(this.#answer(code));
    socket.destroySoon();
  }

  #answer(code: string): string {
    const [status, error] = this.#reason(code);
    const body = JSON.stringify({ error });
    return (
      `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
    );
  }

  #reason(code: string): [status: string, error: string] {
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
