/*
 * `kapkan withdraw`: takes routes out of GoBGP without a daemon. With `--expired` it is the dead man's switch that the
 * shipped timer runs, with `--all` the panic button.
 */
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { GobgpClient } from '../gobgp/gobgpClient.ts';
import { GobgpError } from '../gobgp/gobgpError.ts';
import { withdrawMarked } from '../gobgp/withdrawMarked.ts';
import { isDaemonRunning } from '../storage/directoryLock.ts';
import { readActiveBans } from '../storage/readActiveBans.ts';
import { StateFileError } from '../storage/stateFileError.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, EXIT_UNREACHABLE } from './command.ts';
import { ENVIRONMENT_WITHOUT_SECRETS } from './environmentWithoutSecrets.ts';
import { keysInForce } from './keysInForce.ts';
import { UsageError, withUsage } from './usageError.ts';

const USAGE = `Usage: kapkan withdraw --expired|--all --config FILE

Withdraws routes from every GoBGP that the config names, whether or not a daemon runs. Only routes with the mark of this
config's gobgp.instance_id are touched.

  --expired      routes of bans that ran out by the state file, or that no active ban in it speaks for. Without a state
                 file that can be read it refuses, since it cannot know
  --all          every route with the mark. The bans stay in the state file: a daemon that runs, or is started again,
                 announces those still in force, so stop it first or write dry_run: true
  --config FILE  the daemon's config; the environment variables that it names need not be set

Prints what it withdrew. Exit codes: 0 done, 1 failed, 4 a GoBGP could not be reached.
`;

const DAEMON_WARNING =
  'kapkan: the daemon is running and announces the routes of its active bans again; stop it, or reload it with dry_run: true\n';

export async function withdrawCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: { expired: { type: 'boolean' }, all: { type: 'boolean' }, config: { type: 'string' } },
    });
    if ((values.expired === true) === (values.all === true)) throw new UsageError('give one of --expired and --all');
    if (values.config === undefined) throw new UsageError('--config is missing');
    try {
      const config = loadConfig(values.config, ENVIRONMENT_WITHOUT_SECRETS);
      const code = await withdraw(config, values.all === true, io);
      if (values.all === true && isDaemonRunning(config.storage.path)) io.stderr.write(DAEMON_WARNING);
      return code;
    } catch (error) {
      if (!(error instanceof ConfigError) && !(error instanceof StateFileError)) throw error;
      io.stderr.write(`${error.message}\n`);
      return EXIT_FAILED;
    }
  });
}

/** Every GoBGP is tried, also after one failed. */
async function withdraw(config: Config, all: boolean, io: CommandIo): Promise<number> {
  if (!all) readActiveBans(config.storage.path);
  let code = EXIT_DONE;
  for (const address of config.gobgp.addresses) {
    try {
      const keys = await withdrawFrom(address, config, all ? () => true : expiredOnly(config.storage.path));
      for (const key of keys) io.stdout.write(`${address}: withdrew ${key}\n`);
      if (keys.length === 0) io.stdout.write(`${address}: nothing to withdraw\n`);
    } catch (error) {
      if (!(error instanceof GobgpError)) throw error;
      io.stderr.write(`kapkan: ${address}: ${messageOf(error)}\n`);
      // That a daemon could not be reached outweighs what another one answered.
      if (error.retryable) code = EXIT_UNREACHABLE;
      else if (code === EXIT_DONE) code = EXIT_FAILED;
    }
  }
  return code;
}

async function withdrawFrom(address: string, config: Config, isChosen: (key: string) => boolean): Promise<string[]> {
  const client = new GobgpClient({ ...config.gobgp, address });
  try {
    return await withdrawMarked(client, config.gobgp.instanceId, isChosen);
  } finally {
    client.close();
  }
}

/**
 * Chooses the routes that no ban speaks for. The state file is read at the first question, which comes when the RIB has
 * been listed: a ban is stored before it is announced, so every route listed has its ban in a file read after that, and
 * one that a running daemon makes meanwhile is never taken for an orphan.
 */
function expiredOnly(stateDirectory: string): (key: string) => boolean {
  let kept: ReadonlySet<string> | undefined;
  return (key) => {
    kept ??= keysInForce(readActiveBans(stateDirectory), Date.now());
    return !kept.has(key);
  };
}
