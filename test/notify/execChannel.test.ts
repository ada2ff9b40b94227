import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ExecConfig } from '../../src/config/sections/notify/exec.ts';
import { DeliveryError, type Message } from '../../src/notify/channel.ts';
import { ExecChannel, fastnetmonCall } from '../../src/notify/execChannel.ts';
import type { Notification } from '../../src/notify/notification.ts';
import { eventually } from '../integration/eventually.ts';
import { attackFacts, banFacts, notificationOf } from './notifyFixture.ts';

function messageOf(overrides: Partial<Notification> = {}): Message {
  return { notifications: [notificationOf(overrides)], consoleUrl: '' };
}

interface Program {
  readonly folder: string;
  readonly channel: ExecChannel;
  /** What the program wrote into a file of its folder. */
  output(name: string): string;
}

/** A shell script that finds its folder in $HOME. */
function programOf(t: TestContext, script: string, config: Partial<ExecConfig> = {}, env = {}): Program {
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-exec-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const command = path.join(folder, 'on attack; touch injected');
  writeFileSync(command, `#!/bin/sh\n${script}\n`);
  chmodSync(command, 0o755);
  const channel = new ExecChannel(
    { command, timeoutSeconds: 10, format: 'kapkan', ...config },
    { PATH: process.env.PATH, HOME: folder, ...env },
  );
  return { folder, channel, output: (name) => readFileSync(path.join(folder, name), 'utf8') };
}

function signal(ms = 5000): AbortSignal {
  return AbortSignal.timeout(ms);
}

test('the program gets the event as its argument and the JSON on stdin, without a shell', async (t) => {
  const { channel, output, folder } = programOf(t, 'echo "$#:$1" > "$HOME/args"; cat > "$HOME/stdin"');
  await channel.deliver(messageOf({ group: '$(touch injected)' }), signal());
  assert.equal(output('args'), '1:attack_started\n');
  const payload = JSON.parse(output('stdin')) as Record<string, unknown>;
  assert.equal(payload.schema_version, 1);
  assert.equal(payload.group, '$(touch injected)');
  assert.equal(existsSync(path.join(folder, 'injected')), false);
});

test('a program gets only the environment that it needs', async (t) => {
  const env = { TZ: 'UTC', LANG: 'C', USER: 'kapkan', TMPDIR: '/tmp', KAPKAN_TOKEN: 's3cret', LD_PRELOAD: '' };
  const { channel, output } = programOf(t, 'env > "$HOME/env"', {}, env);
  await channel.deliver(messageOf(), signal());
  const names = output('env')
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  // PWD, OLDPWD, SHLVL and _ are the shell's own.
  assert.deepEqual(names.filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name)).sort(), [
    'HOME',
    'LANG',
    'PATH',
    'TMPDIR',
    'TZ',
    'USER',
  ]);
});

test('when the time is up, the program is killed with everything it started', async (t) => {
  const script = 'sleep 600 & echo $! > "$HOME/grandchild"; sleep 600 & echo $$ > "$HOME/child"; wait';
  const { channel, output } = programOf(t, script);
  await assert.rejects(channel.deliver(messageOf(), signal(500)), (error) => {
    assert.ok(error instanceof DeliveryError);
    assert.match(error.message, /killed after 10 s/);
    assert.equal(error.retryable, false, 'what hung once would hang again');
    return true;
  });
  for (const name of ['child', 'grandchild']) {
    const pid = Number(output(name));
    await eventually(() => !isAlive(pid));
  }
});

/** A zombie counts as dead. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

test('a program that fails can be retried, and the error has its stderr', async (t) => {
  const { channel } = programOf(t, 'echo "no database" >&2; exit 3');
  await assert.rejects(channel.deliver(messageOf(), signal()), {
    message: 'ended with 3: no database',
    retryable: true,
  });
});

test('a missing program is an error to retry, and one that does not read its stdin is none', async (t) => {
  const missing = new ExecChannel({ command: '/nonexistent/program', timeoutSeconds: 10, format: 'kapkan' }, {});
  await assert.rejects(missing.deliver(messageOf(), signal()), { name: 'DeliveryError', retryable: true });
  const { channel } = programOf(t, 'exit 0');
  await channel.deliver(messageOf(), signal());
});

test('a process that a program leaves behind with open pipes does not delay the next message', async (t) => {
  const { channel, output } = programOf(t, 'sleep 600 & echo $! > "$HOME/left"');
  await channel.deliver(messageOf(), signal());
  process.kill(Number(output('left')));
});

test('a fastnetmon script is called as FastNetMon calls it', async (t) => {
  const { channel, output } = programOf(t, 'echo "$@" > "$HOME/args"; cat > "$HOME/stdin"', { format: 'fastnetmon' });
  await channel.deliver(messageOf({ event: 'ban_announced' }), signal());
  assert.equal(output('args'), '203.0.113.7 incoming 120000 ban\n');
  assert.match(output('stdin'), /Ban of 203\.0\.113\.7 is announced/);
  assert.equal(channel.accepts(notificationOf({ scope: 'gobgp' })), false, 'such a script knows only hosts');
});

test('ban and unban are used only for routes that a peer was sent', () => {
  const withdrawn = banFacts({ state: 'withdrawn' });
  const rejected = banFacts({ state: 'rejected', route: '' });
  const cases: readonly (readonly [Partial<Notification>, string])[] = [
    [{ event: 'ban_announced' }, 'ban'],
    [{ event: 'ban_ended', ban: withdrawn }, 'unban'],
    [{ event: 'ban_failed', failure: 'ended', ban: withdrawn }, 'unban'],
    [{ event: 'attack_started' }, 'attack_details'],
    [{ event: 'attack_updated' }, 'attack_details'],
    [{ event: 'attack_ended', ban: withdrawn }, 'attack_details'],
    [{ ban: undefined }, 'attack_details'],
    [{ event: 'ban_rejected', ban: rejected }, 'attack_details'],
    [{ event: 'ban_failed', failure: 'not_announced' }, 'attack_details'],
    [{ event: 'ban_failed', failure: 'fallback' }, 'attack_details'],
    [{ event: 'ban_recovered', failure: 'not_announced' }, 'attack_details'],
    [{ event: 'test' }, 'attack_details'],
  ];
  for (const [overrides, action] of cases) {
    assert.equal(fastnetmonCall(messageOf(overrides)).args[3], action, JSON.stringify(overrides));
    assert.equal(fastnetmonCall(messageOf({ ...overrides, dryRun: true })).args[3], 'attack_details');
  }
  const slow = messageOf({ event: 'ban_announced', attack: attackFacts({ pps: 0.4 }) });
  assert.deepEqual(fastnetmonCall(slow).args, ['203.0.113.7', 'incoming', '0', 'ban']);
});
