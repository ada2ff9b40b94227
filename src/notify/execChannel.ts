/*
 * A program on this machine, started for each notification. There is no shell, so that no argument is run as a command.
 * The environment is minimal, so that no secret is passed on. The program has its own process group, so that everything
 * it started is killed with it when the time is up.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ExecConfig } from '../config/sections/notify/exec.ts';
import { messageOf } from '../errors.ts';
import { type Channel, DeliveryError, type Message } from './channel.ts';
import { messageText } from './messageText.ts';
import { type Notification, notificationPayload } from './notification.ts';

const PASSED_ON = ['PATH', 'HOME', 'TZ', 'LANG', 'USER', 'TMPDIR'];

/** How much of the program's stderr an error message contains. */
const MAX_STDERR_CHARACTERS = 300;

export class ExecChannel implements Channel {
  readonly name = 'exec';
  readonly audience = 'programs';
  readonly timeoutMs: number;
  readonly #config: ExecConfig;
  readonly #env: NodeJS.ProcessEnv;

  constructor(config: ExecConfig, env: NodeJS.ProcessEnv) {
    this.#config = config;
    this.timeoutMs = config.timeoutSeconds * 1000;
    this.#env = Object.fromEntries(PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  }

  /** A FastNetMon script knows only hosts. */
  accepts({ scope }: Notification): boolean {
    return this.#config.format !== 'fastnetmon' || scope === 'host';
  }

  async deliver(message: Message, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new DeliveryError('Kapkan is stopping', false);
    const { args, stdin } = this.#config.format === 'fastnetmon' ? fastnetmonCall(message) : kapkanCall(message);
    const child = await this.#spawn(args);
    const kill = (): void => killGroup(child);
    signal.addEventListener('abort', kill);
    if (signal.aborted) kill();
    try {
      const said = startOf(child.stderr);
      // A program that does not read its stdin is no error.
      child.stdin?.on('error', () => undefined).end(stdin);
      // `exit` and not `close`: a process that the program left behind may hold the pipes open.
      const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      if (code === 0) return;
      if (signal.aborted) throw new DeliveryError(`killed after ${this.#config.timeoutSeconds} s`, false);
      const text = said().trim();
      throw new DeliveryError(`ended with ${killedBy ?? code}${text === '' ? '' : `: ${text}`}`, true);
    } finally {
      signal.removeEventListener('abort', kill);
      child.stderr?.destroy();
    }
  }

  async #spawn(args: readonly string[]): Promise<ChildProcess> {
    const child = spawn(this.#config.command, args, {
      shell: false,
      detached: true,
      env: this.#env,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw new DeliveryError(`cannot be started: ${messageOf(error)}`, true);
    }
    return child;
  }
}

/** `detached` made the child the leader of its process group. A negative pid means the group. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Every process of the group has already ended.
  }
}

/** Reads a stream to its end and keeps the first characters. */
function startOf(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.on('data', (chunk: Buffer) => {
    if (text.length < MAX_STDERR_CHARACTERS) text += chunk.toString('utf8', 0, MAX_STDERR_CHARACTERS);
  });
  return () => text.slice(0, MAX_STDERR_CHARACTERS);
}

/**
 * The arguments and the input of a program, in the two formats of `notify.exec.format`.
 *
 * Scripts written for FastNetMon announce routes themselves. So `ban` and `unban` are used only where Kapkan announced
 * or withdrew a real route. Everything else is `attack_details`, which only informs, and so is everything in dry-run.
 */
export interface ProgramCall {
  readonly args: readonly string[];
  readonly stdin: string;
}

/** `EVENT`, with the payload as one line of JSON on stdin. */
function kapkanCall({ notifications: [notification] }: Message): ProgramCall {
  return { args: [notification.event], stdin: `${JSON.stringify(notificationPayload(notification))}\n` };
}

/** `IP DIRECTION PPS ACTION`, with a summary on stdin. */
export function fastnetmonCall(message: Message): ProgramCall {
  const [notification] = message.notifications;
  const { subject, lines } = messageText(message);
  const pps = String(Math.round(notification.attack?.pps ?? 0));
  return {
    args: [notification.target, 'incoming', pps, actionOf(notification)],
    stdin: `${subject}\n\n${lines.join('\n')}\n`,
  };
}

/** `ban` when GoBGP has the routes and a peer got them, `unban` when a ban that was announced ends. */
function actionOf({ event, failure, dryRun }: Notification): 'ban' | 'unban' | 'attack_details' {
  if (dryRun) return 'attack_details';
  if (event === 'ban_announced') return 'ban';
  return event === 'ban_ended' || failure === 'ended' ? 'unban' : 'attack_details';
}
