/*
 * `kapkan run`: the daemon, its signals and its exit code.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import { Daemon } from '../daemon/daemon.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { createLogger, LOG_FORMATS, LOG_LEVELS, type Logger } from '../log.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, oneOf, UsageError, withUsage } from './command.ts';

const USAGE = `Usage: kapkan run --config FILE [--log-level LEVEL] [--log-format FORMAT]

Runs the daemon. SIGHUP reads the config file again, SIGTERM and SIGINT stop it cleanly.

  --config FILE        the config file
  --log-level LEVEL    ${LOG_LEVELS.join(', ')} (default info)
  --log-format FORMAT  ${LOG_FORMATS.join(', ')} (default json)

Example:
  kapkan run --config /etc/kapkan/kapkan.yaml --log-format pretty
`;

/** Runs until a signal stops it. 1 where it could not start or could not continue. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'log-level': { type: 'string', default: 'info' },
        'log-format': { type: 'string', default: 'json' },
      },
    });
    if (values.config === undefined) throw new UsageError('--config FILE is missing');
    const level = oneOf('--log-level', values['log-level'], LOG_LEVELS);
    const format = oneOf('--log-format', values['log-format'], LOG_FORMATS);
    return runDaemon(values.config, createLogger(level, format), io);
  });
}

async function runDaemon(configFile: string, logger: Logger, io: CommandIo): Promise<number> {
  const ended = Promise.withResolvers<number>();
  let daemon: Daemon;
  try {
    const config = loadConfig(configFile, io.env);
    daemon = new Daemon(config, { logger, env: io.env, onFatal: () => ended.resolve(EXIT_FAILED) });
    handleSignals(daemon, logger, ended.resolve);
    await daemon.start();
  } catch (error) {
    io.stderr.write(error instanceof ConfigError ? `${error.message}\n` : `kapkan: ${messageOf(error)}\n`);
    return EXIT_FAILED;
  }
  const exitCode = await ended.promise;
  try {
    await daemon.stop();
  } catch (error) {
    // What is still open would keep the process running, although it decides nothing any more.
    logger.fatal({ error: messageOf(error) }, 'Kapkan could not stop cleanly');
    process.exit(EXIT_FAILED);
  }
  logger.info({ exit_code: exitCode }, 'Kapkan stopped');
  return exitCode;
}

/**
 * Stops the daemon at a signal or at an error that nobody caught. The second SIGINT or SIGTERM ends the process at once:
 * the routes stay in GoBGP for the next start.
 */
function handleSignals(daemon: Daemon, logger: Logger, end: (exitCode: number) => void): void {
  let stopping = false;
  let failed = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(EXIT_FAILED);
    stopping = true;
    logger.info({ signal }, 'stopping');
    end(EXIT_DONE);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // A second one means that the stop fails too.
  process.on('uncaughtException', (error) => {
    if (failed) process.exit(EXIT_FAILED);
    failed = true;
    daemon.fail(error);
  });
  process.on('SIGHUP', () => {
    daemon.reloadBySignal('SIGHUP').catch((error: unknown) => {
      logger.error({ error: messageOf(error) }, 'reload failed');
    });
  });
}
