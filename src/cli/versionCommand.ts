/*
 * `kapkan version`.
 */
import { VERSION } from '../version.ts';
import { type CommandIo, EXIT_DONE } from './command.ts';

export async function versionCommand(_args: readonly string[], io: CommandIo): Promise<number> {
  io.stdout.write(`${VERSION}\n`);
  return EXIT_DONE;
}
