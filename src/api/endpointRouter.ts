/*
 * From HTTP to endpoints and back.
 *
 *   headers → token → role, tenant → ready? → body → validation → handler → audit → answer
 */
import Koa, { type Context } from 'koa';
import type { AuditAction, AuditSink } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { answerJson } from './answerJson.ts';
import { ApiError, errorAnswers } from './apiError.ts';
import { ANONYMOUS, type Authenticator, LoginGate, namesAddress, type Principal, roleCovers } from './authenticator.ts';
import { Router } from './commonJs.ts';
import type { KnownAddresses } from './connections.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import type { Endpoint, MutationOutcome, Reply } from './endpoint.ts';
import { MutationAudit } from './mutationAudit.ts';
import { type ReadBody, readJsonBody } from './requestBody.ts';

/** Answers are data for programs: browsers must not frame, sniff, cache or render them. */
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
  /** Called for each request, because a reload replaces it. */
  readonly authenticator: () => Authenticator;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gets the addresses of clients with a valid token. */
  readonly known: KnownAddresses;
}

export class EndpointRouter {
  readonly #options: RouterOptions;
  readonly #gate: LoginGate;
  readonly #audit: MutationAudit;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#gate = new LoginGate(options);
    this.#audit = new MutationAudit(options);
  }

  app(): Koa {
    const app = new Koa();
    const router = new Router();
    for (const endpoint of this.#options.endpoints) {
      const pattern = endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1');
      router.register(pattern, [endpoint.method], async (context) => {
        const reply = await this.#reply(context, endpoint);
        context.status = reply.status;
        if (endpoint.textType === undefined) {
          answerJson(context, reply.body);
        } else {
          context.body = reply.body;
          context.type = endpoint.textType;
        }
      });
    }
    app.use(async (context, next) => {
      context.set(SECURITY_HEADERS);
      await next();
    });
    app.use(errorAnswers(this.#options.logger));
    app.use(router.routes());
    app.use(router.allowedMethods());
    // After the answer has begun, the only failure is a client that closed the connection.
    app.on('error', (error) => this.#options.logger.debug({ err: error }, 'connection failed'));
    return app;
  }

  async #reply(context: Context, endpoint: Endpoint): Promise<Reply> {
    const { action, role } = endpoint;
    const now = this.#options.clock.now();
    if (action !== undefined) return this.#mutate(context, endpoint, action, now);
    const principal = role === 'open' ? ANONYMOUS : this.#authenticate(context);
    this.#authorize(principal, endpoint);
    return endpoint.run({ query: { ...context.query, ...context.params }, body: undefined, principal, now });
  }

  /** Always writes an audit row. So the body is read even where the token is not sufficient. */
  async #mutate(context: Context, endpoint: Endpoint, action: AuditAction, now: number): Promise<Reply> {
    let principal: Principal | undefined;
    let sent: ReadBody = { body: undefined };
    let outcome: MutationOutcome = { result: 'error', reason: 'internal error' };
    try {
      principal = this.#authenticate(context);
      sent = await readJsonBody(context.req);
      // A reload may have removed the token while the body was read.
      principal = this.#authenticate(context);
      this.#authorize(principal, endpoint);
      if (sent.problem !== undefined) throw sent.problem;
      const reply = await endpoint.run({ query: context.query, body: sent.body, principal, now });
      outcome = reply.outcome ?? outcome;
      return reply;
    } catch (error) {
      if (error instanceof ApiError) outcome = { result: 'error', reason: error.message };
      throw error;
    } finally {
      this.#audit.record({ action, principal, body: sent.body, context }, outcome);
    }
  }

  #authenticate(context: Context): Principal {
    const authenticator = this.#options.authenticator();
    if (authenticator.trustsThisMachine && !namesAddress(context.get('Host'))) {
      throw new ApiError('forbidden', 'without tokens, the Host header must be an address or localhost');
    }
    return this.#gate.admit(authenticator, context.req.headers.authorization, context.ip);
  }

  #authorize(principal: Principal, { role, tenants }: Endpoint): void {
    if (role === 'open') return;
    if (!roleCovers(principal.role, role)) throw new ApiError('forbidden', `this needs the role ${role}`);
    if (principal.tenant !== undefined && tenants !== 'scoped') {
      throw new ApiError('forbidden', 'this endpoint is for the whole deployment, and the token is for one tenant');
    }
    if (!this.#options.daemon.ready()) throw new ApiError('not_ready', 'Kapkan is starting');
  }
}
