/*
 * `kapkan schema`: the config file's JSON Schema, for editors and for other programs. With it saved beside the file,
 * a first line `# yaml-language-server: $schema=kapkan.schema.json` gives completion and checking while typing.
 */
import { parseArgs } from 'node:util';
import { configJsonSchema } from '../config/jsonSchema.ts';
import { type CommandIo, EXIT_DONE } from './command.ts';
import { withUsage } from './usageError.ts';

const USAGE = `Usage: kapkan schema

Prints the JSON Schema (draft 2020-12) of the config file.

Example:
  kapkan schema > kapkan.schema.json
`;

export async function schemaCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    parseArgs({ args: [...args], options: {} });
    io.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return EXIT_DONE;
  });
}
