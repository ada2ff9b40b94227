/*
 * Runs a command in this process and keeps what it wrote.
 */
import { Writable } from 'node:stream';
import type { Command } from '../../src/cli/command.ts';
import { SystemClock } from '../../src/clock.ts';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runInProcess(
  command: Command,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CommandResult> {
  const stdout = new TextSink();
  const stderr = new TextSink();
  const code = await command(args, { stdout, stderr, env, clock: new SystemClock() });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class TextSink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
