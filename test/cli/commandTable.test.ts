import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { COMMANDS, HELP } from '../../src/cli/commandTable.ts';
import { type CommandResult, runInProcess } from './commandRun.ts';

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts');

function kapkan(...args: string[]): CommandResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { code: status ?? -1, stdout, stderr };
}

function lastLine(text: string): string | undefined {
  return text.trimEnd().split('\n').at(-1);
}

test('every command of the contract that is built is listed once, and help names it', () => {
  const names = COMMANDS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(HELP, new RegExp(`^  ${name}\\b`, 'm'));
});

for (const { name, load } of COMMANDS) {
  test(`${name} --help says how it is used and gives an example`, async () => {
    const { code, stdout, stderr } = await runInProcess(await load(), ['--help']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, new RegExp(`^Usage: kapkan ${name}\\b`));
    assert.match(stdout, new RegExp(`^Examples?:\n(  .*\n)*  kapkan ${name}\\b`, 'm'));
    for (const line of stdout.split('\n')) assert.ok(line.length <= 120, line);
  });

  test(`${name} says what is wrong with its arguments in the last line, and exits 2`, async () => {
    const command = await load();
    for (const [args, message] of [
      [['--no-such-option'], /^kapkan: there is no option --no-such-option/],
      [['--no-such-option=1'], /^kapkan: there is no option --no-such-option/],
      [['-z'], /^kapkan: there is no option -z/],
      [['one', 'two', 'three'], /^kapkan: (unexpected "|)/],
    ] as const) {
      const { code, stdout, stderr } = await runInProcess(command, args);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(lastLine(stderr) ?? '', message);
      assert.match(stderr, new RegExp(`^Usage: kapkan ${name}\\b.*\n"kapkan ${name} --help" says more\\.\n`));
      assert.equal(stderr.split('\n').length, 4);
    }
  });
}

test('the message for an option without its value, or with one that it does not take, is in plain words', async () => {
  const load = (name: string) => COMMANDS.find((command) => command.name === name)?.load() ?? assert.fail(name);
  for (const [name, args, message] of [
    ['run', ['--config'], 'kapkan: --config needs a value'],
    ['run', ['--config', '--log-level', 'info'], '--config needs a value; one that begins with a dash is written'],
    ['run', ['--confg', 'x'], 'kapkan: there is no option --confg; did you mean --config?'],
    ['run', ['--config', 'x', '--log-level', 'loud'], '--log-level must be one of trace, debug, info'],
    ['run', ['x'], 'kapkan: unexpected "x"'],
    ['run', [], 'kapkan: --config FILE is missing'],
    ['demo', ['--exit=now'], 'kapkan: --exit takes no value'],
    ['demo', ['--api-port', '70000'], '--api-port must be a whole number from 0 to 65535, got "70000"'],
    ['flowgen', ['--target', '192.0.2.1', '--pps', 'many'], '--pps must be a number from 1 to'],
    ['hosts', ['--limit', 'all'], '--limit must be a whole number from 1 to 10000, got "all"'],
    ['hosts', ['--limit', '0'], '--limit must be a whole number from 1 to 10000, got "0"'],
    ['hosts', ['--sort', 'bytes'], '--sort must be one of pps, mbps, flows_per_sec, got "bytes"'],
    ['decode', [], 'kapkan: a capture file is missing'],
    ['decode', ['a', 'b\u001b[2J'], 'kapkan: unexpected "b\ufffd[2J"'],
  ] as const) {
    const { code, stderr } = await runInProcess(await load(name), args);
    assert.equal(code, 2, stderr);
    assert.ok(lastLine(stderr)?.includes(message), stderr);
  }
});

test('a command that does not exist is the last line, with the one that was meant', () => {
  const wrong = kapkan('chek-config', 'x');
  assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
  assert.equal(lastLine(wrong.stderr), 'kapkan: there is no command "chek-config"; did you mean "check-config"?');
  const none = kapkan();
  assert.equal(none.code, 2);
  assert.equal(none.stderr, `${HELP}kapkan: a command is missing\n`);
});

test('help can be requested in every usual way', () => {
  for (const word of ['help', '--help', '-h']) assert.deepEqual(kapkan(word), { code: 0, stdout: HELP, stderr: '' });
  assert.match(kapkan('help', 'flowgen').stdout, /^Usage: kapkan flowgen/);
  assert.match(kapkan('version', '-h').stdout, /^Usage: kapkan version/);
});
