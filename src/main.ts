/*
 * argv in, exit code out. Each command is a file of its own in `cli/`, loaded only when it is asked for, so that
 * `version` does not wait for gRPC.
 */
import { type Command, type CommandIo, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './cli/command.ts';
import { messageOf } from './errors.ts';

const CLIENT_COMMANDS = [
  'status',
  'attacks',
  'hosts',
  'bans',
  'peers',
  'exporters',
  'ban',
  'unban',
  'reload',
  'notify-test',
] as const;

const USAGE = `Usage: kapkan COMMAND …

  run --config FILE          the daemon
  check-config FILE          validate a config file and print what it resolves to
  schema                     JSON Schema of the config file
  status attacks hosts bans peers exporters
                             ask the running daemon (--json for programs)
  ban IP, unban IP, reload   act on the running daemon
  notify-test                send a test notification through every channel of the running daemon
  replay FILE --config FILE  what would have happened, from a capture of telemetry
  decode FILE                what Kapkan reads out of a capture
  flowgen                    send synthetic telemetry of a named attack
  demo                       the whole story on this machine, without routers
  withdraw --expired|--all   take Kapkan's routes out of GoBGP without the daemon
  version                    print the version

kapkan COMMAND --help tells more.
`;

/** The command's function, or undefined where there is no such command. */
async function findCommand(name: string): Promise<Command | undefined> {
  const client = CLIENT_COMMANDS.find((command) => command === name);
  if (client !== undefined) {
    const { clientCommand } = await import('./cli/clientCommands.ts');
    return (args, io) => clientCommand(client, args, io);
  }
  switch (name) {
    case 'run':
      return (await import('./cli/runCommand.ts')).runCommand;
    case 'check-config':
      return (await import('./cli/checkConfigCommand.ts')).checkConfigCommand;
    case 'schema':
      return (await import('./cli/schemaCommand.ts')).schemaCommand;
    case 'replay':
      return (await import('./cli/replayCommand.ts')).replayCommand;
    case 'decode':
      return (await import('./cli/decodeCommand.ts')).decodeCommand;
    case 'flowgen':
      return (await import('./cli/flowgenCommand.ts')).flowgenCommand;
    case 'demo':
      return (await import('./cli/demoCommand.ts')).demoCommand;
    case 'withdraw':
      return (await import('./cli/withdrawCommand.ts')).withdrawCommand;
    case 'version':
      return (await import('./cli/versionCommand.ts')).versionCommand;
    default:
      return undefined;
  }
}

async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    (name === undefined ? io.stderr : io.stdout).write(USAGE);
    return name === undefined ? EXIT_USAGE : EXIT_DONE;
  }
  const command = await findCommand(name === '--version' ? 'version' : name);
  if (command === undefined) {
    io.stderr.write(`kapkan: there is no command "${name}"\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  return command(args, io);
}

// `kapkan decode … | head` closes stdout early: that ends the command, it is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_DONE);
  throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2), process);
} catch (error) {
  process.stderr.write(`kapkan: ${messageOf(error)}\n`);
  process.exitCode = EXIT_FAILED;
}
