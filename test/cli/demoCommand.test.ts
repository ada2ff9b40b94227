import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { demoCommand } from '../../src/cli/demoCommand.ts';
import { runInProcess } from './commandRun.ts';

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts');
const ANY_PORTS = ['--api-port', '0', '--flow-port', '0'];

test('the demo shows two mitigated attacks and one refused ban, and their end, and exits with 0', async (t) => {
  const demo = new DemoProcess(t, ['--exit', ...ANY_PORTS]);
  assert.equal(await demo.exitCode, 0, demo.output);
  assert.match(demo.output, /No attack, as it should be/);
  assert.match(demo.output, /classified +ntp_amplification, \d+ % of the sample, source port 123/);
  assert.match(demo.output, /would announce +flowspec: dst 203\.0\.113\.10\/32 proto udp src-port 123 discard/);
  assert.match(demo.output, /would announce +blackhole 203\.0\.113\.99\/32 next-hop 192\.0\.2\.1 community/);
  assert.match(demo.output, /not banned +whitelist: 203\.0\.113\.53 is whitelisted/);
  assert.match(demo.output, /kapkan_mitigate_announced_routes\{mode="dry_run"\} 1\n/);
  assert.match(demo.output, /kapkan_mitigate_announced_routes\{mode="real"\} 0\n/);
  assert.match(demo.output, /203\.0\.113\.10 +withdrawn: the attack ended/);
  for (const [target, sent] of [
    ['203.0.113.10', 250_000],
    ['203.0.113.99', 150_000],
    ['203.0.113.53', 120_000],
  ] as const) {
    const shown = new RegExp(`${target.replaceAll('.', '\\.')}  ([\\d,]+) packets/s`).exec(demo.output)?.[1] ?? '';
    const measured = Number(shown.replaceAll(',', ''));
    assert.ok(Math.abs(measured / sent - 1) < 0.12, `${target}: ${measured} packets a second shown, ${sent} sent`);
  }
});

test('after its steps the demo serves its API until it is interrupted, and leaves nothing behind', async (t) => {
  const demo = new DemoProcess(t, ANY_PORTS);
  await demo.hasSaid('until you press Ctrl-C');
  const url = /API +(http:\S+)/.exec(demo.output)?.[1];
  const file = /config +(\S+)/.exec(demo.output)?.[1] ?? '';
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  const { recent } = (await (await fetch(`${url}/api/v1/attacks`)).json()) as { recent: unknown[] };
  assert.equal(recent.length, 3);
  assert.ok(existsSync(file));
  demo.process.kill('SIGINT');
  assert.equal(await demo.exitCode, 0, demo.output);
  assert.ok(!existsSync(path.dirname(file)));
});

test('a demo that is interrupted between its steps ends at once and without an error', async (t) => {
  const demo = new DemoProcess(t, ANY_PORTS);
  await demo.hasSaid('Three attacks begin');
  demo.process.kill('SIGTERM');
  assert.equal(await demo.exitCode, 0, demo.output);
  assert.doesNotMatch(demo.output, /failed|Error/);
});

test('a port that is taken is named, with the flag that moves it, and the exit code is 1', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const bound = other.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const demo = new DemoProcess(t, ['--exit', '--api-port', String(port), '--flow-port', '0']);
  assert.equal(await demo.exitCode, 1);
  assert.match(demo.output, new RegExp(`${port}.*--api-port`));
});

test('wrong usage ends with 2', async () => {
  for (const args of [['--api-port', '65536'], ['--flow-port', 'x'], ['--fast'], ['now']]) {
    assert.equal((await runInProcess(demoCommand, args)).code, 2, args.join(' '));
  }
});

class DemoProcess {
  readonly process: ChildProcess;
  readonly exitCode: Promise<number | null>;
  output = '';

  constructor(t: TestContext, args: readonly string[]) {
    const child = spawn(process.execPath, [MAIN, 'demo', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    this.process = child;
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    this.exitCode = once(child, 'close').then(([code]) => code as number | null);
  }

  /** Waits for a text in the output; fails when the process ends without it. */
  async hasSaid(text: string): Promise<void> {
    const ended = this.exitCode.then(() => 'ended');
    while (!this.output.includes(text)) {
      const next = await Promise.race([ended, once(this.process.stdout ?? this.process, 'data').then(() => 'more')]);
      assert.ok(next === 'more' || this.output.includes(text), this.output);
    }
  }
}
