/*
 * From HTTP to endpoints and back: who asks, may they, what do they send, what came of it.
 *
 *   headers → token → role, tenant → ready? → body → validation → handler → audit → answer
 */
import { Router } from '@koa/router';
import Koa, { type Context } from 'koa';
import type { AuditAction, AuditSink } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { ApiError } from './apiError.ts';
import { ANONYMOUS, type Authenticator, type Principal, roleCovers } from './authenticator.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import type { Endpoint, MutationOutcome, Reply } from './endpoint.ts';
import { errorAnswers } from './errorAnswers.ts';
import type { KnownAddresses } from './knownAddresses.ts';
import { LoginGate } from './loginGate.ts';
import { namesAddress } from './loopbackHost.ts';
import { MutationTrail } from './mutationTrail.ts';
import { type ReadBody, readJsonBody } from './requestBody.ts';

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
  readonly daemon: DaemonFacade;
  readonly endpoints: readonly Endpoint[];
  /** Asked anew for each request, for a reload replaces it. */
  readonly authenticator: () => Authenticator;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Filled with the addresses of those that were let in. */
  readonly known: KnownAddresses;
}

export class EndpointRouter {
  readonly #options: RouterOptions;
  readonly #gate: LoginGate;
  readonly #trail: MutationTrail;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#gate = new LoginGate(options);
    this.#trail = new MutationTrail(options);
  }

  app(): Koa {
    const app = new Koa();
    const router = new Router();
    for (const endpoint of this.#options.endpoints) {
      const pattern = endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1');
      router.register(pattern, [endpoint.method], async (context) => {
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
    const principal = role === 'open' ? ANONYMOUS : this.#authenticate(context);
    this.#authorize(principal, endpoint);
    return endpoint.run({ query: { ...context.query, ...context.params }, body: undefined, principal });
  }

  /** Leaves a row in the audit, however it ends; so the body is read also of one whose token does not suffice. */
  async #mutate(context: Context, endpoint: Endpoint, action: AuditAction): Promise<Reply> {
    let principal: Principal | undefined;
    let sent: ReadBody = { body: undefined };
    let outcome: MutationOutcome = { result: 'error', reason: 'internal error' };
    try {
      principal = this.#authenticate(context);
      sent = await readJsonBody(context.req);
      // While the body came in, a reload may have taken the token away.
      principal = this.#authenticate(context);
      this.#authorize(principal, endpoint);
      if (sent.problem !== undefined) throw sent.problem;
      const reply = await endpoint.run({ query: context.query, body: sent.body, principal });
      outcome = reply.outcome ?? outcome;
      return reply;
    } catch (error) {
      if (error instanceof ApiError) outcome = { result: 'error', reason: error.message };
      throw error;
    } finally {
      this.#trail.leave({ action, principal, body: sent.body, context }, outcome);
    }
  }

  #authenticate(context: Context): Principal {
    const authenticator = this.#options.authenticator();
    if (authenticator.trustsThisMachine && !namesAddress(context.get('Host'))) {
      throw new ApiError('forbidden', 'without a token, Kapkan is asked by address or as localhost, not by name');
    }
    return this.#gate.admit(authenticator, context.req.headers.authorization, context.ip);
  }

  #authorize(principal: Principal, { role, tenants }: Endpoint): void {
    if (role === 'open') return;
    if (!roleCovers(principal.role, role)) throw new ApiError('forbidden', `this needs the role ${role}`);
    if (principal.tenant !== undefined && tenants !== 'scoped') {
      throw new ApiError('forbidden', 'this is about the whole deployment, the token only about a tenant');
    }
    if (!this.#options.daemon.ready()) throw new ApiError('not_ready', 'Kapkan is starting');
  }
}
