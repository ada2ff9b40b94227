/*
 * Every command by its name, with the line that `kapkan help` prints for it. Each is loaded only when it is used, so
 * that `version` does not wait for gRPC.
 */
import { closestKey } from '../config/closestKey.ts';
import type { Command } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  /** Its one argument, for the help. */
  readonly operand?: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

interface CommandSection {
  readonly title: string;
  readonly commands: readonly CommandEntry[];
}

const SECTIONS: readonly CommandSection[] = [
  {
    title: 'The daemon',
    commands: [
      entry('run', 'run the daemon', async () => (await import('./runCommand.ts')).runCommand),
      entry(
        'check-config FILE',
        'check a config file and print what it means',
        async () => (await import('./configCommands.ts')).checkConfigCommand,
      ),
      entry(
        'schema',
        'print the JSON Schema of the config file',
        async () => (await import('./configCommands.ts')).schemaCommand,
      ),
      entry(
        'withdraw',
        "take Kapkan's routes out of GoBGP, with or without a daemon",
        async () => (await import('./withdrawCommand.ts')).withdrawCommand,
      ),
    ],
  },
  {
    title: 'Ask the running daemon',
    commands: [
      entry(
        'status',
        'mode, limits, and the state of GoBGP, telemetry and notifications',
        async () => (await import('./client/statusCommand.ts')).statusCommand,
      ),
      entry(
        'attacks',
        'attacks in progress and past',
        async () => (await import('./client/attacksCommand.ts')).attacksCommand,
      ),
      entry('hosts', 'the busiest hosts', async () => (await import('./client/hostsCommand.ts')).hostsCommand),
      entry('bans', 'bans and their routes', async () => (await import('./client/bansCommand.ts')).bansCommand),
      entry('peers', "GoBGP's neighbours", async () => (await import('./client/peersCommand.ts')).peersCommand),
      entry(
        'exporters',
        'who sends telemetry',
        async () => (await import('./client/exportersCommand.ts')).exportersCommand,
      ),
    ],
  },
  {
    title: 'Control the running daemon',
    commands: [
      entry('ban IP', 'ban an address by hand', async () => (await import('./client/banCommands.ts')).banCommand),
      entry(
        'unban IP',
        'end the ban of an address',
        async () => (await import('./client/banCommands.ts')).unbanCommand,
      ),
      entry(
        'pause',
        'withdraw every route and announce none until resume',
        async () => (await import('./client/daemonCommands.ts')).pauseCommand,
      ),
      entry(
        'resume',
        'announce the routes of active bans again',
        async () => (await import('./client/daemonCommands.ts')).resumeCommand,
      ),
      entry(
        'reload',
        'read the config file again',
        async () => (await import('./client/daemonCommands.ts')).reloadCommand,
      ),
      entry(
        'notify-test',
        'send a test through every notification channel',
        async () => (await import('./client/daemonCommands.ts')).notifyTestCommand,
      ),
    ],
  },
  {
    title: 'Try out and examine',
    commands: [
      entry(
        'demo',
        'see it work on this machine, without routers',
        async () => (await import('./demoCommand.ts')).demoCommand,
      ),
      entry(
        'flowgen',
        'send synthetic telemetry of an attack',
        async () => (await import('./flowgenCommand.ts')).flowgenCommand,
      ),
      entry(
        'decode FILE',
        'print the flows in a capture of telemetry',
        async () => (await import('./decodeCommand.ts')).decodeCommand,
      ),
      entry(
        'replay FILE',
        'what a config would have done with a capture',
        async () => (await import('./replayCommand.ts')).replayCommand,
      ),
      entry('version', 'print the version', async () => (await import('./versionCommand.ts')).versionCommand),
    ],
  },
];

export const COMMANDS: readonly CommandEntry[] = SECTIONS.flatMap(({ commands }) => commands);

/** What `kapkan help` prints. */
export const HELP = `Usage: kapkan COMMAND …

${SECTIONS.map(sectionText).join('\n')}
"kapkan COMMAND --help" explains its options with an example.
`;

/** Undefined where there is no such command. */
export function findCommand(name: string): CommandEntry | undefined {
  return COMMANDS.find((command) => command.name === name);
}

/** The command whose name is nearest to a mistyped one. */
export function closestCommand(name: string): string | undefined {
  return closestKey(
    name,
    COMMANDS.map((command) => command.name),
  );
}

function entry(words: string, summary: string, load: () => Promise<Command>): CommandEntry {
  const [name, operand] = words.split(' ');
  return { name, operand, summary, load };
}

function sectionText({ title, commands }: CommandSection): string {
  const lines = commands.map(({ name, operand, summary }) => {
    const words = operand === undefined ? name : `${name} ${operand}`;
    return `  ${words.padEnd(18)} ${summary}\n`;
  });
  return `${title}:\n${lines.join('')}`;
}
