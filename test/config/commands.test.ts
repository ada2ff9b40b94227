import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import * as z from 'zod';
import { checkConfigCommand } from '../../src/cli/checkConfigCommand.ts';
import type { Command } from '../../src/cli/command.ts';
import { schemaCommand } from '../../src/cli/schemaCommand.ts';
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

test('check-config says loudly that routes will be announced', async (t) => {
  const file = fileWith(t, withLines('dry_run: false', 'bgp: { next_hop: 192.0.2.1 }'));
  assert.match((await run(checkConfigCommand, [file])).stdout, /^mode +REAL: routes are announced$/m);
});

test('check-config names tokens and shows no secret', async (t) => {
  const file = fileWith(t, withLines('api: { tokens: [{ name: grafana, token_env: T, role: viewer }] }'));
  const { code, stdout } = await run(checkConfigCommand, [file], { T: 's3cret' });
  assert.equal(code, 0);
  assert.match(stdout, /tokens: grafana \(viewer\)/);
  assert.doesNotMatch(stdout, /s3cret/);
});

test('check-config exits 1 with every problem on stderr and nothing on stdout', async (t) => {
  const file = fileWith(t, `${MINIMAL}dry_run: 1\nfoo: 2\n`);
  const { code, stdout, stderr } = await run(checkConfigCommand, [file]);
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.equal(stderr.split('\n').length, 4);
  assert.ok(stderr.startsWith(`${file}:5:10: dry_run: must be true or false, got 1\n${file}:6:1: foo: is not a known`));
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
