/*
 * `kapkan withdraw`: takes routes out of GoBGP without a daemon. With `--expired` it is the dead man's switch that the
 * shipped timer runs, with `--all` the panic button.
 */
import { parseArgs } from 'node:util';
import { type Clock, toRfc3339 } from '../clock.ts';
import { loadWithdrawConfig, type WithdrawConfig } from '../config/loadWithdraw.ts';
import { ConfigError, formatConfigProblem, messageOf } from '../errors.ts';
import { GobgpClient } from '../gobgp/gobgpClient.ts';
import { GobgpError } from '../gobgp/gobgpError.ts';
import { withdrawMarked } from '../gobgp/withdrawMarked.ts';
import type { Ban } from '../mitigation/ban.ts';
import { routeKey } from '../mitigation/route.ts';
import { boundedState } from '../storage/boundedState.ts';
import type { GobgpIdentity } from '../storage/gobgpIdentity.ts';
import { SqliteBanStore } from '../storage/sqliteBanStore.ts';
import { isDaemonRunning, StateFileError } from '../storage/stateDirectory.ts';
import { mayBelongToDamaged, readStoredState, type StoredState } from '../storage/storedState.ts';
import { type ApiOptions, apiClientOf } from './client/apiClient.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, EXIT_UNREACHABLE, UsageError, withUsage } from './command.ts';

const USAGE = `Usage: kapkan withdraw --expired|--all --config FILE

Withdraws routes from every GoBGP that the config names, whether or not a daemon runs. Only routes with the mark of this
config's gobgp.instance_id are touched.

  --expired      routes of bans that ran out by the state file, or that no active ban in it speaks for; in dry-run only
                 routes of bans that ran out. A damaged ban is skipped and its route left until it would have ended.
                 Without a state file that can be read it refuses, since it cannot know
  --all          every route with the mark. A daemon that runs is paused first, over its API: it announces nothing until
                 "kapkan resume". The bans stay in the state file: a daemon that is started later announces those that
                 are still in force, unless it was paused
  --config FILE  the daemon's config; only gobgp, storage and dry_run are read, the rest may be invalid, and the
                 environment variables that it names need not be set

For --all beside a running daemon:
  --api URL         its API (default: where the state file says)
  --token-env NAME  environment variable that holds an operator's token (default KAPKAN_TOKEN, if it is set)

Examples:
  kapkan withdraw --all --config /etc/kapkan/kapkan.yaml
  kapkan withdraw --expired --config /etc/kapkan/kapkan.yaml

Prints what it withdrew. Exit codes: 0 done, 1 failed, 4 a GoBGP could not be reached.
`;

const HOW_TO_CONTINUE =
  'kapkan: nothing was withdrawn, since the daemon would announce it again; give --token-env, or stop the daemon first\n';

export async function withdrawCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        expired: { type: 'boolean' },
        all: { type: 'boolean' },
        config: { type: 'string' },
        api: { type: 'string' },
        'token-env': { type: 'string' },
      },
    });
    if ((values.expired === true) === (values.all === true)) throw new UsageError('give one of --expired and --all');
    if (values.config === undefined) throw new UsageError('--config is missing');
    try {
      const config = loadWithdrawConfig(values.config);
      // The state of another Kapkan, or of another time, would make routes of active bans look expired.
      if (values.expired === true && !config.isStorageKnown) throw new ConfigError(config.problems);
      reportProblems(config, io);
      const { path: directory } = config.storage;
      if (values.all === true && isDaemonRunning(directory)) {
        const problem = await pauseDaemon(directory, { api: values.api, tokenEnv: values['token-env'] }, io.env);
        if (problem !== undefined) {
          io.stderr.write(`kapkan: the daemon is running and could not be paused: ${problem}\n${HOW_TO_CONTINUE}`);
          return EXIT_FAILED;
        }
        io.stdout.write('the daemon is paused: it withdraws its routes and announces none until "kapkan resume"\n');
      }
      return await withdraw(config, values.all === true, io);
    } catch (error) {
      if (!(error instanceof ConfigError) && !(error instanceof StateFileError)) throw error;
      io.stderr.write(`${error.message}\n`);
      return EXIT_FAILED;
    }
  });
}

/** A config that the daemon would refuse is enough, but the operator should know. */
function reportProblems({ problems, isGobgpKnown, gobgp, storage }: WithdrawConfig, io: CommandIo): void {
  if (problems.length === 0) return;
  for (const problem of problems) io.stderr.write(`warning: ${formatConfigProblem(problem)}\n`);
  const where = isGobgpKnown
    ? gobgp.addresses.join(', ')
    : 'where the state file says that routes were announced, or else at the default address, and only known routes';
  io.stderr.write(`kapkan: the config is invalid; withdrawing at ${where}, with the state in ${storage.path}\n`);
}

/** Every GoBGP is tried, also after one failed. */
async function withdraw(config: WithdrawConfig, all: boolean, io: CommandIo): Promise<number> {
  const { path: directory } = config.storage;
  if (!all) reportDamaged(directory, io);
  // Throws where it cannot be read: then nothing says which routes are meant.
  else if (!config.isGobgpKnown) readStoredState(directory);
  let code = EXIT_DONE;
  for (const { address, instanceId, isConfigured } of placesOf(config)) {
    try {
      // Where the config no longer points, another Kapkan may run: only routes that are known as ours are withdrawn.
      const onlyKnown = !isConfigured || config.dryRun;
      const isChosen = all && isConfigured ? () => true : chooser(directory, onlyKnown, all, io.clock);
      const keys = await withdrawFrom(address, instanceId, config, isChosen);
      for (const key of keys) io.stdout.write(`${address}: withdrew ${key}\n`);
      if (keys.length === 0) io.stdout.write(`${address}: nothing to withdraw\n`);
    } catch (error) {
      if (!(error instanceof GobgpError)) throw error;
      io.stderr.write(`kapkan: ${address}: ${messageOf(error)}\n`);
      // A daemon that could not be reached determines the exit code, whatever another one answered.
      if (error.retryable) code = EXIT_UNREACHABLE;
      else if (code === EXIT_DONE) code = EXIT_FAILED;
    }
  }
  if (all && code === EXIT_DONE && config.isGobgpKnown) forgetIdentity(directory, io);
  return code;
}

interface Place {
  readonly address: string;
  readonly instanceId: number;
  readonly isConfigured: boolean;
}

/** Where routes may be: as the config says, and as they were announced when the config said something else. */
function placesOf({ gobgp, isGobgpKnown, storage }: WithdrawConfig): Place[] {
  const saved = savedIdentity(storage.path);
  const configured = isGobgpKnown || saved === undefined ? gobgp.addresses : [];
  const places = configured.map((address) => ({ address, instanceId: gobgp.instanceId, isConfigured: isGobgpKnown }));
  const left = (saved?.addresses ?? []).filter(
    (address) => saved?.instanceId !== gobgp.instanceId || !configured.includes(address),
  );
  const before = left.map((address) => ({ address, instanceId: saved?.instanceId ?? 0, isConfigured: false }));
  return [...places, ...before];
}

function savedIdentity(directory: string): GobgpIdentity | undefined {
  try {
    return readStoredState(directory).identity;
  } catch (error) {
    if (error instanceof StateFileError) return undefined;
    throw error;
  }
}

/** All routes are gone from where they were, so a start with another identity leaves none behind. */
function forgetIdentity(directory: string, io: CommandIo): void {
  if (savedIdentity(directory) === undefined || isDaemonRunning(directory)) return;
  try {
    const store = new SqliteBanStore(directory);
    try {
      store.saveIdentity(undefined);
    } finally {
      store.close();
    }
  } catch (error) {
    io.stderr.write(`kapkan: the state file still says where the routes were: ${messageOf(error)}\n`);
  }
}

function reportDamaged(directory: string, io: CommandIo): void {
  for (const { id, target, expiresAt } of readStoredState(directory).damaged) {
    const routes = target === undefined ? 'routes that no other ban speaks for are' : `routes of ${target} are`;
    const until = expiresAt === undefined ? 'for at most a day' : `until ${endText(expiresAt)}`;
    io.stderr.write(`kapkan: ban ${id} is damaged in the state file; ${routes} left alone ${until}\n`);
  }
}

/** A damaged row may hold any number. */
function endText(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? toRfc3339(ms) : 'a day from now';
}

async function withdrawFrom(
  address: string,
  instanceId: number,
  config: WithdrawConfig,
  isChosen: (key: string) => boolean,
): Promise<string[]> {
  const client = new GobgpClient({ ...config.gobgp, address });
  try {
    const formerAsns = savedIdentity(config.storage.path)?.asns ?? [];
    return await withdrawMarked(client, instanceId, formerAsns, isChosen);
  } finally {
    client.close();
  }
}

/**
 * Chooses by the state file, which is read at the first route, after the RIB was listed. A ban is stored before it is
 * announced, so a file read after the RIB has the ban of every listed route, and a new route of a running daemon is
 * never taken for an orphan. `all` counts every ban as over.
 */
function chooser(directory: string, onlyKnown: boolean, all: boolean, clock: Clock): (key: string) => boolean {
  let choose: ((key: string) => boolean) | undefined;
  return (key) => {
    const now = clock.now();
    const read = () => boundedState(readStoredState(directory), directory, now);
    choose ??= expiredRoutes(read(), all ? Number.POSITIVE_INFINITY : now, onlyKnown);
    return choose(key);
  };
}

/**
 * Which of the marked routes `--expired` withdraws: those that belong to no real ban in force by the state file. A live
 * Kapkan may share GoBGP and the mark with an instance in dry-run, so with `onlyKnown` a route must also belong to a
 * real ban that ended by the state file.
 */
function expiredRoutes(state: StoredState, now: number, onlyKnown: boolean): (key: string) => boolean {
  const kept = keysInForce(state.bans, now);
  const known = new Set<string>();
  for (const ban of state.bans) {
    if (ban.dryRun || ban.state === 'rejected') continue;
    for (const route of [...ban.routes, ...Object.values(ban.plan.routes).flat()]) known.add(routeKey(route));
  }
  return (key) => {
    if (kept.has(key) || mayBelongToDamaged(key, state.damaged, now)) return false;
    return !onlyKnown || known.has(key);
  };
}

/**
 * Keys of all routes of real bans that have not run out at `now` (epoch milliseconds). They are all routes of a ban's
 * plan: when it takes the next step of its escalation, the earlier route stays announced until the next one is.
 */
export function keysInForce(bans: readonly Ban[], now: number): Set<string> {
  const keys = new Set<string>();
  for (const ban of bans) {
    if (ban.state !== 'active' || ban.dryRun || ban.expiresAt <= now) continue;
    for (const route of [...ban.routes, ...Object.values(ban.plan.routes).flat()]) keys.add(routeKey(route));
  }
  return keys;
}

/**
 * Pauses the daemon of this state directory, so that it does not announce again what the command withdraws. Returns why
 * that failed, or undefined. Throws UsageError.
 */
async function pauseDaemon(
  directory: string,
  options: ApiOptions,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  try {
    const client = apiClientOf({ ...options, api: options.api ?? readStoredState(directory).apiUrl }, env);
    const { status, body } = await client.post('api/v1/pause', {});
    if (status === 200) return undefined;
    return `the API answered ${status}: ${(body as { error?: string }).error ?? 'no reason given'}`;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return messageOf(error);
  }
}
