/*
 * From HTTP to endpoints and back: who asks, may they, what do they send, what came of it.
 *
 *   headers → token → role → ready? → body → validation → handler → audit → answer
 */
import { Router } from '@koa/router';
import Koa, { type Context } from 'koa';
import type { Logger } from '../log.ts';
import { ApiError } from './apiError.ts';
import { type AuditAction, AuditLog, type AuditOutcome } from './auditLog.ts';
import { ANONYMOUS, type Authenticator, type Principal, type Role, roleCovers } from './authenticator.ts';
import type { DaemonView } from './daemonView.ts';
import type { Endpoint, Reply } from './endpoint.ts';
import { errorAnswers } from './errorAnswers.ts';
import { namesAddress } from './loopbackHost.ts';
import { readJsonBody } from './requestBody.ts';

/** Answers are data, never to be framed, sniffed, cached or rendered. */
const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export interface RouterOptions {
  readonly daemon: DaemonView;
  readonly endpoints: readonly Endpoint[];
  /** Asked anew for each request, for a reload replaces it. */
  readonly authenticator: () => Authenticator;
  readonly logger: Logger;
}

export class EndpointRouter {
  readonly #options: RouterOptions;
  readonly #audit: AuditLog;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#audit = new AuditLog(options.logger);
  }

  app(): Koa {
    const app = new Koa();
    const router = new Router();
    for (const endpoint of this.#options.endpoints) {
      router.register(endpoint.path, [endpoint.method], async (context) => {
        const reply = await this.#reply(context, endpoint);
        context.status = reply.status;
        context.body = reply.body;
        if (endpoint.textType !== undefined) context.type = endpoint.textType;
      });
    }
    app.use(async (context, next) => {
      context.set(SECURITY_HEADERS);
      await next();
    });
    app.use(errorAnswers(this.#options.logger));
    app.use(router.routes());
    app.use(router.allowedMethods());
    // What fails after the answer has begun is a client that went away.
    app.on('error', (error) => this.#options.logger.debug({ err: error }, 'connection failed'));
    return app;
  }

  async #reply(context: Context, endpoint: Endpoint): Promise<Reply> {
    const { action, role } = endpoint;
    if (action !== undefined) return this.#mutate(context, endpoint, action);
    const asker = role === 'open' ? ANONYMOUS : this.#authenticate(context);
    if (role !== 'open') this.#authorize(asker, role);
    return endpoint.run({ query: context.query, body: undefined, asker });
  }

  /** Leaves a line in the audit log, however it ends. */
  async #mutate(context: Context, endpoint: Endpoint, action: AuditAction): Promise<Reply> {
    let asker: Principal | undefined;
    let body: unknown;
    let outcome: AuditOutcome = { result: 'error', reason: 'internal error' };
    try {
      asker = this.#authenticate(context);
      this.#authorize(asker, 'operator');
      body = await readJsonBody(context.req);
      const reply = await endpoint.run({ query: context.query, body, asker });
      outcome = reply.outcome ?? outcome;
      return reply;
    } catch (error) {
      if (error instanceof ApiError) outcome = { result: 'error', reason: error.message };
      throw error;
    } finally {
      this.#audit.record({ action, asker, target: targetOf(body), client: context.ip }, outcome);
    }
  }

  #authenticate(context: Context): Principal {
    const authenticator = this.#options.authenticator();
    if (authenticator.trustsThisMachine && !namesAddress(context.get('Host'))) {
      throw new ApiError('forbidden', 'without a token, Kapkan is asked by address or as localhost, not by name');
    }
    const principal = authenticator.principalOf(context.get('Authorization'));
    if (principal === undefined) throw new ApiError('unauthenticated', 'a valid bearer token is needed');
    return principal;
  }

  #authorize(principal: Principal, role: Role): void {
    if (!roleCovers(principal.role, role)) throw new ApiError('forbidden', `this needs the role ${role}`);
    if (!this.#options.daemon.ready()) throw new ApiError('not_ready', 'Kapkan is starting');
  }
}

/** The address a request names, as it wrote it, for the audit log; that it is one was not checked. */
function targetOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('ip' in body)) return '';
  return typeof body.ip === 'string' ? body.ip.slice(0, 64) : '';
}
