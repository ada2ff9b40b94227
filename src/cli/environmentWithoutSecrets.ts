/*
 * For commands that read the config and use none of its secrets: the dead man's switch must not fail for want of an API
 * token, nor a replay on another machine.
 */

/** An environment in which every variable is set, to what may stand for a token as for a URL. */
export const ENVIRONMENT_WITHOUT_SECRETS: NodeJS.ProcessEnv = new Proxy(
  {},
  { get: (_none, name) => `https://unused.invalid/${String(name)}` },
);
