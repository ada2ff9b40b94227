/*
 * `kapkan run`: the daemon, its signals and its exit code.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import { Daemon } from '../daemon/daemon.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { createLogger, LOG_FORMATS, LOG_LEVELS, type LogFormat, type Logger, type LogLevel } from '../log.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './command.ts';

const USAGE = `Usage: kapkan run --config FILE [--log-level LEVEL] [--log-format FORMAT]

Runs the daemon. SIGHUP reads the config file again, SIGTERM and SIGINT stop it cleanly.

  --config FILE        the config file
  --log-level LEVEL    ${LOG_LEVELS.join(', ')} (default info)
  --log-format FORMAT  ${LOG_FORMATS.join(', ')} (default json)
`;

interface RunOptions {
  readonly config: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** Runs until it is told to stop. 1 where it could not start, or could not go on. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  if (args.includes('--help')) {
    io.stdout.write(USAGE);
    return EXIT_DONE;
  }
  const options = readOptions(args);
  if (typeof options === 'string') {
    io.stderr.write(`kapkan run: ${options}\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  const logger = createLogger(options.logLevel, options.logFormat);
  const ended = Promise.withResolvers<number>();
  let daemon: Daemon;
  try {
    const config = loadConfig(options.config, io.env);
    daemon = new Daemon(config, { logger, env: io.env, onFatal: () => ended.resolve(EXIT_FAILED) });
    await daemon.start();
  } catch (error) {
    if (error instanceof ConfigError) io.stderr.write(`${error.message}\n`);
    else io.stderr.write(`kapkan run: ${messageOf(error)}\n`);
    return EXIT_FAILED;
  }
  handleSignals(daemon, logger, ended.resolve);
  const exitCode = await ended.promise;
  await daemon.stop();
  logger.info({ exit_code: exitCode }, 'Kapkan stopped');
  return exitCode;
}

function readOptions(args: readonly string[]): RunOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'log-level': { type: 'string', default: 'info' },
        'log-format': { type: 'string', default: 'json' },
      },
    });
    const logLevel = LOG_LEVELS.find((level) => level === values['log-level']);
    const logFormat = LOG_FORMATS.find((format) => format === values['log-format']);
    if (values.config === undefined) return '--config FILE is missing';
    if (logLevel === undefined) return `--log-level must be one of ${LOG_LEVELS.join(', ')}`;
    if (logFormat === undefined) return `--log-format must be one of ${LOG_FORMATS.join(', ')}`;
    return { config: values.config, logLevel, logFormat };
  } catch (error) {
    return messageOf(error);
  }
}

/** The second SIGINT or SIGTERM ends the process at once: somebody is in a hurry, and routes stay for the next start. */
function handleSignals(daemon: Daemon, logger: Logger, end: (exitCode: number) => void): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(EXIT_FAILED);
    stopping = true;
    logger.info({ signal }, 'stopping');
    end(EXIT_DONE);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => {
    daemon.reload().catch((error: unknown) => logger.error({ error: messageOf(error) }, 'reload failed'));
  });
}
