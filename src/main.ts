/*
 * argv in, exit code out.
 */
import { type CommandIo, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './cli/command.ts';
import { closestCommand, findCommand, HELP } from './cli/commandTable.ts';
import { userDirectory } from './cli/workingDirectory.ts';
import { SystemClock } from './clock.ts';
import { messageOf } from './errors.ts';
import { replaceUnprintable } from './unprintable.ts';

async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined) {
    io.stderr.write(`${HELP}kapkan: a command is missing\n`);
    return EXIT_USAGE;
  }
  if (name === '--help' || name === '-h' || (name === 'help' && args.length === 0)) {
    io.stdout.write(HELP);
    return EXIT_DONE;
  }
  if (name === 'help') return runCommand(args[0], ['--help'], io);
  return runCommand(name === '--version' ? 'version' : name, args, io);
}

async function runCommand(name: string, args: readonly string[], io: CommandIo): Promise<number> {
  const entry = findCommand(name);
  if (entry === undefined) {
    const closest = closestCommand(name);
    const hint = closest === undefined ? '' : `; did you mean "${closest}"?`;
    io.stderr.write(
      `Usage: kapkan COMMAND …\n"kapkan help" lists the commands.\nkapkan: there is no command "${replaceUnprintable(name)}"${hint}\n`,
    );
    return EXIT_USAGE;
  }
  const command = await entry.load();
  return command(args, io);
}

// `kapkan decode … | head` closes stdout early: that ends the command, it is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_DONE);
  throw error;
});

try {
  const directory = userDirectory(process.cwd(), process.env);
  if (directory !== process.cwd()) process.chdir(directory);
  const { stdout, stderr, env } = process;
  process.exitCode = await main(process.argv.slice(2), { stdout, stderr, env, clock: new SystemClock() });
} catch (error) {
  process.stderr.write(`kapkan: ${messageOf(error)}\n`);
  process.exitCode = EXIT_FAILED;
}
