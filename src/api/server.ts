/*
 * The API's HTTP server: listener, timeouts and shutdown. Requests and answers are in the endpoints.
 *
 * The timeouts end slow and idle clients, so that they do not take resources that others need.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { AuditSink } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import type { ApiConfig, ApiToken } from '../config/sections/api.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { isLoopback } from '../net/address.ts';
import { auditEndpoint } from './auditEndpoint.ts';
import { Authenticator } from './authenticator.ts';
import { createServer } from './commonJs.ts';
import { Connections, KnownAddresses } from './connections.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { EndpointRouter } from './endpointRouter.ts';
import { Metrics } from './metrics.ts';
import { mutationEndpoints } from './mutationEndpoints.ts';
import { notifyTestEndpoint } from './notifyTestEndpoint.ts';
import { openApiDocument } from './openApiDocument.ts';
import { readEndpoints } from './readEndpoints.ts';

export interface ApiServerOptions extends ApiConfig {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where every mutation goes, refused ones too. */
  readonly audit: AuditSink;
  /** Shorter ones for tests. */
  readonly timeouts?: Partial<ApiTimeouts>;
}

/** All in milliseconds. */
export interface ApiTimeouts {
  /** For a client to send the headers of a request. */
  readonly headersMs: number;
  /** For a client to send the whole request. */
  readonly requestMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** Between two requests of one connection. */
  readonly keepAliveMs: number;
  /** For requests in progress when the server stops. */
  readonly stopMs: number;
}

const TIMEOUTS: ApiTimeouts = { headersMs: 5000, requestMs: 15_000, idleMs: 30_000, keepAliveMs: 5000, stopMs: 1000 };

const MAX_HEADER_BYTES = 16 * 1024;

export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #timeouts: ApiTimeouts;
  readonly #known = new KnownAddresses();
  readonly #server: Server;
  #authenticator: Authenticator;

  /** Throws where the listener needs a token and there is none. */
  constructor(daemon: DaemonFacade, options: ApiServerOptions) {
    this.#options = options;
    this.#timeouts = { ...TIMEOUTS, ...options.timeouts };
    this.#authenticator = this.#authenticatorOf(options.tokens, options.allowUnauthenticated);
    const router = new EndpointRouter({
      daemon: daemon,
      endpoints: endpointsOf(daemon),
      authenticator: () => this.#authenticator,
      audit: options.audit,
      clock: options.clock,
      logger: options.logger,
      known: this.#known,
    });
    this.#server = this.#createServer(router);
  }

  /** Listens; rejects with an Error that says where and why it cannot. */
  start(): Promise<{ address: string; port: number }> {
    const { host, port } = this.#options.listen;
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        reject(new Error(`cannot listen on ${host} port ${port} for the API: ${messageOf(error)}`, { cause: error }));
      };
      this.#server.once('error', failed);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', failed);
        this.#server.on('error', (error) => this.#options.logger.error({ err: error }, 'API listener failed'));
        const bound = this.#server.address() as AddressInfo;
        resolve({ address: bound.address, port: bound.port });
      });
    });
  }

  /** Where it listens, once it does; port 0 resolved. */
  url(): string {
    const bound = this.#server.address() as AddressInfo;
    return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
  }

  /** Applies at once, also to open connections. Throws, and keeps the old ones, where the listener needs a token. */
  setTokens(tokens: readonly ApiToken[], allowUnauthenticated: boolean): void {
    this.#authenticator = this.#authenticatorOf(tokens, allowUnauthenticated);
  }

  /** Takes no more connections, waits a moment for requests in progress, and closes the rest. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const deadline = setTimeout(() => this.#server.closeAllConnections(), this.#timeouts.stopMs);
    await closed;
    clearTimeout(deadline);
  }

  #authenticatorOf(tokens: readonly ApiToken[], allowUnauthenticated: boolean): Authenticator {
    const { host } = this.#options.listen;
    const authenticator = new Authenticator(tokens, allowUnauthenticated);
    if (authenticator.trustsThisMachine && !isLoopback(host)) {
      throw new Error(`the API on ${host} needs a token because it can be reached from other machines`);
    }
    return authenticator;
  }

  #createServer(router: EndpointRouter): Server {
    const { headersMs, requestMs, idleMs, keepAliveMs } = this.#timeouts;
    const limits = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: Math.min(1000, headersMs / 2),
    };
    const connections = new Connections({ known: this.#known, maxHeaderBytes: MAX_HEADER_BYTES });
    const handle = router.app().callback();
    const server = createServer(limits, (request, response) => {
      if (connections.admit(request, response)) void handle(request, response);
    });
    server.setTimeout(idleMs);
    connections.watch(server);
    return server;
  }
}

/** The whole API, its own document included. */
export function endpointsOf(daemon: DaemonFacade): Endpoint[] {
  const endpoints = [
    ...readEndpoints(daemon, new Metrics(daemon)),
    auditEndpoint(daemon),
    ...mutationEndpoints(daemon),
    notifyTestEndpoint(daemon),
  ];
  const document: Endpoint = endpoint({
    method: 'GET',
    path: '/api/v1/openapi.json',
    summary: 'This document',
    role: 'viewer',
    tenants: 'scoped',
    query: z.strictObject({}),
    body: z.unknown(),
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.record(z.string(), z.unknown()) } },
    handle: () => ({ status: 200, body: openApiDocument([...endpoints, document], daemon.version) }),
  });
  return [...endpoints, document];
}
