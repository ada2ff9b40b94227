import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import * as z from 'zod';
import { type Command, EXIT_DONE, EXIT_FAILED } from '../../src/cli/command.ts';
import { checkConfigCommand, schemaCommand } from '../../src/cli/configCommands.ts';
import { SystemClock } from '../../src/clock.ts';
import { allKeyPaths, configJsonSchema, type JsonSchema } from '../../src/config/jsonSchema.ts';
import { MINIMAL, withLines } from './configText.ts';

async function run(command: Command, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await command(args, { stdout, stderr, env, clock: new SystemClock() });
  return { code, stdout: await text(stdout.end()), stderr: await text(stderr.end()) };
}

function fileWith(t: TestContext, content: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'kapkan-config-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'kapkan.yaml');
  writeFileSync(file, content);
  return file;
}

test('check-config prints mode, networks and the method of each group', async (t) => {
  const ladder = '[{ after_seconds: 0, action: flowspec }, { after_seconds: 60, action: blackhole }]';
  const file = fileWith(t, withLines(`hostgroups: [{ name: web, networks: [192.0.2.0/25], escalation: ${ladder} }]`));
  const { code, stdout, stderr } = await run(checkConfigCommand, [file]);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  assert.match(stdout, /^mode +dry-run/m);
  assert.match(stdout, /^networks +192\.0\.2\.0\/24, 2001:db8::\/32$/m);
  assert.match(stdout, /^group global\n(?: {2}.*\n)* {2}method +blackhole$/m);
  assert.match(stdout, /^group web\n(?: {2}.*\n)* {2}method +ladder: flowspec at 0 s, blackhole at 60 s/m);
});

test('check-config says clearly that routes will be announced', async (t) => {
  const file = fileWith(t, withLines('dry_run: false', 'bgp: { next_hop: 192.0.2.1 }'));
  assert.match((await run(checkConfigCommand, [file])).stdout, /^mode +REAL: routes are announced$/m);
});

test('check-config names tokens and shows no secret', async (t) => {
  const file = fileWith(t, withLines('api: { tokens: [{ name: grafana, token_env: T, role: viewer }] }'));
  const { code, stdout } = await run(checkConfigCommand, [file], { T: 's3cret-of-grafana' });
  assert.equal(code, 0);
  assert.match(stdout, /tokens: grafana \(viewer\)/);
  assert.doesNotMatch(stdout, /s3cret/);
});

const WITH_TOKEN = withLines('api: { token_env: KAPKAN_TOKEN }');

test('check-config reads the environment file beside the config, and the one it is given', async (t) => {
  const file = fileWith(t, WITH_TOKEN);
  const beside = path.join(path.dirname(file), 'kapkan.env');
  assert.match((await run(checkConfigCommand, [file])).stderr, /^\S+:5:19: api\.token_env: .* KAPKAN_TOKEN is unset/);
  writeFileSync(beside, '# Secrets\nKAPKAN_TOKEN=0123456789#abcdef\n');
  assert.deepEqual(
    { ...(await run(checkConfigCommand, [file])), stdout: '' },
    { code: EXIT_DONE, stdout: '', stderr: '' },
  );
  writeFileSync(beside, 'KAPKAN_TOKEN=short\n');
  assert.match((await run(checkConfigCommand, [file])).stderr, /at least 16 characters/);
  assert.equal((await run(checkConfigCommand, [file], { KAPKAN_TOKEN: 'long enough'.padEnd(16, '-') })).code, 1);
  assert.equal((await run(checkConfigCommand, [file], { KAPKAN_TOKEN: 'long-enough'.padEnd(16, '-') })).code, 0);
  const other = path.join(path.dirname(file), 'other.env');
  writeFileSync(other, 'KAPKAN_TOKEN="0123456789abcdef"\n');
  assert.equal((await run(checkConfigCommand, [file, '--env-file', other])).code, EXIT_DONE);
});

test('an environment file that cannot be read is a warning, and what it may hold are warnings', async (t) => {
  const file = fileWith(t, WITH_TOKEN);
  mkdirSync(path.join(path.dirname(file), 'kapkan.env'));
  const { code, stdout, stderr } = await run(checkConfigCommand, [file]);
  assert.equal(code, EXIT_DONE);
  assert.match(stdout, /^mode +dry-run/m);
  assert.match(
    stderr,
    /^warning: \S+kapkan\.env: cannot be read: EISDIR.*\nwarning: \S+:5:19: api\.token_env: .*unset/,
  );
  const named = await run(checkConfigCommand, [file, '--env-file', '/nonexistent/kapkan.env']);
  assert.equal(named.code, EXIT_FAILED);
  assert.match(named.stderr, /^\/nonexistent\/kapkan\.env: cannot be read: ENOENT/);
});

test('without secrets a variable that is not set is a warning, and every other fault still an error', async (t) => {
  const secrets = withLines(
    'api: { tokens: [{ name: a, token_env: A, role: viewer }, { name: b, token_env: B, role: operator }] }',
    'notify: { telegram: { token_env: BOT, chat_id: 1 }, slack: { webhook_url_env: HOOK }, webhook: { url: "http://a.example", headers_env: HEADERS } }',
    'storage: { clickhouse: { url: "http://ch", password_env: CH } }',
  );
  const file = fileWith(t, secrets);
  const strict = await run(checkConfigCommand, [file]);
  assert.equal(strict.code, EXIT_FAILED);
  assert.match(strict.stderr, /^6 problems found$/m);
  const loose = await run(checkConfigCommand, ['--without-secrets', file]);
  assert.equal(loose.code, EXIT_DONE);
  assert.equal(loose.stderr.match(/^warning: \S+:\d+:\d+: \S+: .* is unset or empty$/gm)?.length, 6);
  assert.match(loose.stdout, /tokens: a \(viewer\), b \(operator\)/);
  const short = await run(checkConfigCommand, ['--without-secrets', file], { A: 'short' });
  assert.equal(short.code, EXIT_FAILED);
  assert.match(short.stderr, /^1 problem found$/m);
  assert.equal(short.stdout, '');
});

test('check-config exits 1 with every problem on stderr and nothing on stdout', async (t) => {
  const file = fileWith(t, `${MINIMAL}dry_run: 1\nfoo: 2\n`);
  const { code, stdout, stderr } = await run(checkConfigCommand, [file]);
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.equal(stderr.split('\n').length, 4);
  assert.ok(stderr.startsWith(`${file}:5:10: dry_run: must be true or false, got 1\n${file}:6:1: foo: is not a known`));
});

test('check-config warns on stderr of what can hardly be meant, and exits 0', async (t) => {
  const file = fileWith(t, MINIMAL.replace('192.0.2.0/24', '0.0.0.0/0').replace('pps: 100000', 'pps: 1'));
  const { code, stdout, stderr } = await run(checkConfigCommand, [file]);
  assert.equal(code, EXIT_DONE);
  assert.match(stdout, /^mode +dry-run/m);
  assert.deepEqual(stderr.match(/^warning: \S+kapkan\.yaml: \S+: /gm)?.length, 2, stderr);
});

test('wrong usage exits 2 and asking for help does not', async () => {
  for (const args of [[], ['a', 'b'], ['--nope', 'a']]) assert.equal((await run(checkConfigCommand, args)).code, 2);
  assert.equal((await run(schemaCommand, ['extra'])).code, 2);
  for (const command of [checkConfigCommand, schemaCommand]) {
    const { code, stdout } = await run(command, ['--help']);
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: kapkan/);
  }
});

test('schema prints the JSON Schema of the file', async () => {
  const { code, stdout } = await run(schemaCommand, []);
  assert.equal(code, 0);
  const schema = JSON.parse(stdout) as JsonSchema;
  assert.deepEqual(schema, configJsonSchema());
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.deepEqual(schema.required, ['listen', 'networks', 'thresholds', 'ban']);
});

test('every key has a description, every mapping is closed, and defaults are within their own limits', () => {
  const visit = (schema: JsonSchema, at: string): void => {
    assert.notEqual(schema.description ?? '', '', `${at} has no description`);
    if (schema.default !== undefined) {
      const own = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
      assert.ok(own.safeParse(schema.default).success, `${at} refuses its own default`);
    }
    if (schema.properties !== undefined) assert.equal(schema.additionalProperties, false, `${at} is open`);
    for (const [key, child] of Object.entries(schema.properties ?? {})) visit(child, `${at}.${key}`);
    if (schema.items?.properties !== undefined) visit(schema.items, `${at}[]`);
  };
  visit(configJsonSchema(), '');
  assert.ok(allKeyPaths().includes('hostgroups[].ban.ttl_seconds'));
});
