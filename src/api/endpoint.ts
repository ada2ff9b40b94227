/*
 * An endpoint: one row of the API's table, with everything that routing, validation, authorization, audit and the
 * OpenAPI document need to know of it. Handlers get validated values; of HTTP they know only the status.
 */
import { z } from 'zod';
import type { AuditAction, AuditEvent } from '../auditEvent.ts';
import { formatAddress, parseAddress } from '../net/address.ts';
import { ApiError } from './apiError.ts';
import type { Principal, Role } from './authenticator.ts';
import { plainMessage } from './plainMessage.ts';

export interface EndpointRequest<Query, Body> {
  readonly query: Query;
  readonly body: Body;
  readonly principal: Principal;
  /** When it came, in clock milliseconds. */
  readonly now: number;
}

/** The result of a mutation, for the audit. */
export type MutationOutcome = Pick<AuditEvent, 'result' | 'reason'> &
  Partial<Pick<AuditEvent, 'code' | 'banState' | 'dryRun'>>;

export interface Reply {
  readonly status: number;
  /** Sent as JSON, or unchanged where the endpoint answers text. */
  readonly body: unknown;
  /** What a mutation did. */
  readonly outcome?: MutationOutcome;
}

interface EndpointFacts {
  readonly method: 'GET' | 'POST';
  /** May have parameters, as OpenAPI writes them: `/attacks/{id}`. The handler finds them beside the query's. */
  readonly path: string;
  readonly summary: string;
  /** Who may call it; `open` needs no token and answers before the daemon is ready. */
  readonly role: Role | 'open';
  /**
   * `scoped` where the handler returns only what the principal's tenant owns, by TenantFilter. Without it the endpoint
   * is about the whole deployment, and a token with a tenant is refused.
   */
  readonly tenants?: 'scoped';
  /** Content type of the answers where it is not JSON. */
  readonly textType?: string;
  /** What the audit log calls it; with this, the endpoint is a mutation and has a body. */
  readonly action?: AuditAction;
  /** By status. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema: z.ZodType }>>;
}

export interface EndpointDefinition<Query extends z.ZodType, Body extends z.ZodType> extends EndpointFacts {
  readonly query: Query;
  readonly body: Body;
  handle(request: EndpointRequest<z.infer<Query>, z.infer<Body>>): Reply | Promise<Reply>;
}

export interface Endpoint extends EndpointFacts {
  readonly query: z.ZodType;
  readonly body: z.ZodType;
  /** Validates and handles; throws ApiError `malformed` that names every wrong parameter or key. */
  run(request: EndpointRequest<unknown, unknown>): Promise<Reply>;
}

export function endpoint<Query extends z.ZodType, Body extends z.ZodType>(
  definition: EndpointDefinition<Query, Body>,
): Endpoint {
  return {
    ...definition,
    run: async ({ query, body, ...rest }) =>
      definition.handle({
        query: validated(definition.query, query, 'query parameter'),
        body: validated(definition.body, body, 'key'),
        ...rest,
      }),
  };
}

function validated<Schema extends z.ZodType>(schema: Schema, value: unknown, noun: string): z.infer<Schema> {
  const result = schema.safeParse(value, { error: plainMessage });
  if (result.success) return result.data;
  const allowed = Object.keys((schema as { shape?: object }).shape ?? {});
  const problems = result.error.issues.map((issue) => describe(issue, noun, allowed));
  throw new ApiError('malformed', problems.join('; '));
}

function describe(issue: z.core.$ZodIssue, noun: string, allowed: readonly string[]): string {
  const at = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const where = at === '' ? '' : ` in ${at}`;
    const names = issue.keys.map((key) => JSON.stringify(key.slice(0, 64))).join(', ');
    const hint = at === '' && allowed.length > 0 ? `, allowed: ${allowed.join(', ')}` : '';
    return `unknown ${noun} ${names}${where}${hint}`;
  }
  return at === '' ? `the body: ${issue.message}` : `${at}: ${issue.message}`;
}

/** A time in a query, as clock milliseconds. */
export const timeParameter = z.iso
  .datetime({ offset: true, error: 'must be a time in RFC 3339, such as 2026-05-01T12:00:00Z' })
  .transform((text) => Date.parse(text))
  .meta({ type: 'string', format: 'date-time' })
  .optional();

/** An address in a query, as its canonical text. */
export const targetParameter = z
  .string()
  .transform((text, context) => {
    const address = parseAddress(text);
    if (address === undefined) context.addIssue('must be an IPv4 or IPv6 address');
    return address === undefined ? z.NEVER : formatAddress(address);
  })
  .meta({ type: 'string' })
  .optional()
  .describe('an address');

/** An integer in a query. */
export function integerParameter(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number(error).int(error).min(min, error).max(max, error);
}
