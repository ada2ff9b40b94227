/*
 * `notify.exec`: a program on this machine.
 */
import path from 'node:path';
import * as z from 'zod';
import { choice, integer, text } from '../../fields.ts';
import type { Origin } from '../../section.ts';

export const execSchema = z
  .strictObject({
    command: text('the path of a program').describe('Program that is started, without a shell'),
    timeout_seconds: integer(1, 300).default(10).describe('After this time the program and all it started are killed'),
    format: choice(['kapkan', 'fastnetmon'])
      .default('kapkan')
      .describe('kapkan: the event as argument, JSON on stdin; fastnetmon: the arguments of FastNetMon notify scripts'),
  })
  .describe('A program on this machine');

export interface ExecConfig {
  /** Absolute path of the program. */
  readonly command: string;
  readonly timeoutSeconds: number;
  readonly format: 'kapkan' | 'fastnetmon';
}

export function resolveExec(exec: z.output<typeof execSchema>, { directory }: Origin): ExecConfig {
  return {
    command: path.resolve(directory, exec.command),
    timeoutSeconds: exec.timeout_seconds,
    format: exec.format,
  };
}
