/*
 * `api`: where the HTTP API listens and who may use it.
 */
import * as z from 'zod';
import { isLoopback } from '../../net/address.ts';
import { choice, environmentVariable, flag, list, name, socketAddress } from '../fields.ts';
import type { KeyPath } from '../keyPath.ts';
import { defineSection, type FileOf, type Origin, type RuleContext, readItems } from '../section.ts';
import { formatSocketAddress, type SocketAddress } from '../socketAddress.ts';

/** Shorter ones can be guessed. */
const MIN_TOKEN_LENGTH = 16;

/** The name of the one token of `api.token_env` in logs and the audit. */
const SINGLE_TOKEN_NAME = 'operator';

const apiTokenSchema = z
  .strictObject({
    name: name().describe('Shown in logs and the audit'),
    token_env: environmentVariable().describe('Environment variable that holds the token, at least 16 characters'),
    role: choice(['viewer', 'operator']).describe('viewer reads, operator also bans, unbans and reloads'),
    tenant: name()
      .optional()
      .describe(
        "Limits the token to the hosts of this tenant's groups, and it may not reload; if absent, it sees everything",
      ),
  })
  .describe('One bearer token');

const keys = {
  api: z
    .strictObject({
      listen: socketAddress()
        .prefault('127.0.0.1:8080')
        .describe('TCP socket of the API and /metrics; beyond loopback it needs a token'),
      token_env: environmentVariable()
        .optional()
        .describe('Environment variable that holds the only token, with the role operator, at least 16 characters'),
      tokens: list(apiTokenSchema).optional().describe('Several tokens, instead of token_env'),
      allow_unauthenticated: flag()
        .default(false)
        .describe('Serve the API beyond loopback without a token; anyone who reaches it can ban and unban'),
    })
    .prefault({})
    .describe('HTTP API and metrics'),
};

type ApiFile = FileOf<typeof keys>;

export interface ApiConfig {
  readonly listen: SocketAddress;
  readonly tokens: readonly ApiToken[];
  readonly allowUnauthenticated: boolean;
}

/** The secret itself is read from the environment by the loader and lives only here and in the authenticator. */
export interface ApiToken {
  readonly name: string;
  readonly secret: string;
  readonly role: 'viewer' | 'operator';
  /** The only tenant whose hosts it sees; undefined = everything. */
  readonly tenant: string | undefined;
}

function checkExposure({ file, isStated, report }: RuleContext<ApiFile>): void {
  const { api } = file;
  if (api?.listen === undefined || isLoopback(api.listen.host)) return;
  const hasToken = isStated(['api', 'token_env']) || (isStated(['api', 'tokens']) && api.tokens?.length !== 0);
  if (hasToken || api.allow_unauthenticated !== false) return;
  report(
    ['api', 'listen'],
    `must be a loopback address unless token_env or tokens is set (or allow_unauthenticated: true), got ${formatSocketAddress(api.listen)}`,
  );
}

function checkTokens({ file, isStated, report, readVariable }: RuleContext<ApiFile>): void {
  if (isStated(['api', 'token_env']) && isStated(['api', 'tokens'])) {
    report(['api', 'tokens'], 'must not stand beside token_env, use one of the two');
  }
  const single = file.api?.token_env;
  const earlier: ApiToken[] = [];
  const check = (path: KeyPath, variable: string, rights: Omit<ApiToken, 'secret'>): void => {
    const secret = readVariable(path, variable);
    if (secret === '') return;
    const refusal = refuseSecret(secret, variable) ?? refuseTwin({ ...rights, secret }, variable, earlier);
    if (refusal !== undefined) report(path, refusal);
    earlier.push({ ...rights, secret });
  };
  if (single !== undefined) check(['api', 'token_env'], single, singleTokenRights);
  const names = new Set<string>();
  for (const [index, token] of readItems(file.api?.tokens)) {
    const path: KeyPath = ['api', 'tokens', index];
    if (token.name !== undefined && names.has(token.name)) {
      report([...path, 'name'], `must be unique, "${token.name}" is the name of an earlier token`);
    }
    if (token.name !== undefined) names.add(token.name);
    const { name = '', role, tenant } = token;
    if (token.token_env === undefined || role === undefined) continue;
    check([...path, 'token_env'], token.token_env, { name, role, tenant });
  }
}

const singleTokenRights = { name: SINGLE_TOKEN_NAME, role: 'operator', tenant: undefined } as const;

/** Why this cannot be a token, or undefined if it can. */
function refuseSecret(secret: string, variable: string): string | undefined {
  // RFC 9110 §11.6.2: a credential is visible ASCII; anything else could never be sent.
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    return `must name a variable with a usable token, ${variable} holds spaces or non-ASCII`;
  }
  if (secret.length >= MIN_TOKEN_LENGTH) return undefined;
  return `must name a variable with a token of at least ${MIN_TOKEN_LENGTH} characters, ${variable} holds a shorter one`;
}

/** One secret cannot have two sets of rights. */
function refuseTwin(token: ApiToken, variable: string, earlier: readonly ApiToken[]): string | undefined {
  const twin = earlier.find(({ secret }) => secret === token.secret);
  if (twin === undefined || (twin.role === token.role && twin.tenant === token.tenant)) return undefined;
  const difference = twin.role === token.role ? 'tenant' : 'role';
  return `must hold a secret of its own, ${variable} holds that of "${twin.name}", whose ${difference} differs`;
}

function resolveApi({ api }: ApiFile, { env }: Origin): { readonly api: ApiConfig } {
  const tokens = (api.tokens ?? []).map(({ name, token_env, role, tenant }) => {
    return { name, secret: env[token_env] ?? '', role, tenant };
  });
  if (api.token_env !== undefined) tokens.push({ ...singleTokenRights, secret: env[api.token_env] ?? '' });
  return { api: { listen: api.listen, tokens, allowUnauthenticated: api.allow_unauthenticated } };
}

export const apiSection = defineSection({
  keys,
  rules: [checkExposure, checkTokens],
  resolve: resolveApi,
  reload: {
    api: { listen: ({ api }) => api.listen, token_env: 'live', tokens: 'live', allow_unauthenticated: 'live' },
  },
});
