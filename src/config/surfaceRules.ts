/*
 * Rules across keys about GoBGP and the API: complete certificates, and nobody unknown at a door that can ban.
 */
import type { ApiToken } from './config.ts';
import { type RuleContext, readItems } from './ruleContext.ts';
import { formatSocketAddress, isLoopback } from './socketAddress.ts';
import type { KeyPath } from './yamlSource.ts';

/** What the one token of `api.token_env` is called in logs and the audit. */
export const SINGLE_TOKEN_NAME = 'operator';

export function checkGobgp({ file, isStated, report }: RuleContext): void {
  const tls: KeyPath = ['gobgp', 'tls'];
  for (const [key, other] of [
    ['key_file', 'cert_file'],
    ['cert_file', 'key_file'],
  ]) {
    if (isStated([...tls, key]) && !isStated([...tls, other])) {
      report([...tls, other], `is missing, ${key} needs it`, 'missing');
    }
  }
  const seen = new Set<string>();
  for (const [index, { target }] of readItems(file.gobgp?.address)) {
    if (target !== undefined && seen.has(target)) {
      report(['gobgp', 'address', index], `must name each daemon once, ${target} is named above`);
    }
    if (target !== undefined) seen.add(target);
  }
}

export function checkApiExposure({ file, isStated, report }: RuleContext): void {
  const { api } = file;
  if (api?.listen === undefined || isLoopback(api.listen)) return;
  const hasToken = isStated(['api', 'token_env']) || (isStated(['api', 'tokens']) && api.tokens?.length !== 0);
  if (hasToken || api.allow_unauthenticated !== false) return;
  report(
    ['api', 'listen'],
    `must be a loopback address unless token_env or tokens is set (or allow_unauthenticated: true), got ${formatSocketAddress(api.listen)}`,
  );
}

/** The tokens of the file with their secrets out of the environment. */
export function readApiTokens({ file, isStated, report }: RuleContext, env: NodeJS.ProcessEnv): ApiToken[] {
  if (isStated(['api', 'token_env']) && isStated(['api', 'tokens'])) {
    report(['api', 'tokens'], 'must not stand beside token_env, use one of the two');
  }
  const tokens: ApiToken[] = [];
  const add = (path: KeyPath, variable: string, rights: Omit<ApiToken, 'secret'>): void => {
    const secret = env[variable] ?? '';
    const refusal = refuseSecret(secret, variable);
    if (refusal !== undefined) {
      report(path, refusal);
      return;
    }
    const twin = tokens.find((token) => token.secret === secret);
    const difference = twin && differenceOf(twin, rights);
    if (twin !== undefined && difference !== undefined) {
      report(
        path,
        `must hold a secret of its own, ${variable} holds that of "${twin.name}", whose ${difference} differs`,
      );
    }
    tokens.push({ ...rights, secret });
  };

  const single = file.api?.token_env;
  if (single !== undefined) {
    add(['api', 'token_env'], single, { name: SINGLE_TOKEN_NAME, role: 'operator', tenant: undefined });
  }
  const names = new Set<string>();
  for (const [index, token] of readItems(file.api?.tokens)) {
    const path: KeyPath = ['api', 'tokens', index];
    if (token.name !== undefined && names.has(token.name)) {
      report([...path, 'name'], `must be unique, "${token.name}" is the name of an earlier token`);
    }
    if (token.name !== undefined) names.add(token.name);
    const { name = '', role, tenant } = token;
    if (token.token_env === undefined || role === undefined) continue;
    add([...path, 'token_env'], token.token_env, { name, role, tenant });
  }
  return tokens;
}

/** One secret cannot have two sets of rights. */
function differenceOf(token: ApiToken, rights: Omit<ApiToken, 'secret'>): 'role' | 'tenant' | undefined {
  if (token.role !== rights.role) return 'role';
  return token.tenant === rights.tenant ? undefined : 'tenant';
}

/** Why this cannot be a token, or undefined if it can. */
function refuseSecret(secret: string, variable: string): string | undefined {
  if (secret === '') return `must name an environment variable that is set, ${variable} is unset or empty`;
  // RFC 9110 §11.6.2: a credential is visible ASCII; anything else could never be sent.
  if (!/^[\x21-\x7e]+$/.test(secret))
    return `must name a variable with a usable token, ${variable} holds spaces or non-ASCII`;
  return undefined;
}
