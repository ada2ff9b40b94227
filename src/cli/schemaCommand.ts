/*
 * `kapkan schema`: the config file's JSON Schema, for editors and for other programs. With it saved beside the file,
 * a first line `# yaml-language-server: $schema=kapkan.schema.json` gives completion and checking while typing.
 */
import { parseArgs } from 'node:util';
import { configJsonSchema } from '../config/jsonSchema.ts';
import { messageOf } from '../errors.ts';
import { type CommandIo, EXIT_DONE, EXIT_USAGE } from './command.ts';

const USAGE = `usage: kapkan schema

Prints the JSON Schema (draft 2020-12) of the configuration file.
`;

export async function schemaCommand(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    const { values } = parseArgs({ args: [...args], options: { help: { type: 'boolean', short: 'h' } } });
    io.stdout.write(values.help === true ? USAGE : `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return EXIT_DONE;
  } catch (error) {
    io.stderr.write(`${messageOf(error)}\n${USAGE}`);
    return EXIT_USAGE;
  }
}
