/*
 * What `npm pack` makes, installed as an operator installs it and used without the checkout.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { skip } from '../integration/daemons.ts';
import { eventually } from '../integration/eventually.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
// A blank in the path: nothing may take a URL's path for a file's.
const folder = mkdtempSync(path.join(realpathSync(tmpdir()), 'kapkan package '));
const prefix = path.join(folder, 'prefix');
const installed = path.join(prefix, 'lib/node_modules/kapkan');
/** The shebang finds the Node that runs the tests. */
const PATH = `${path.dirname(process.execPath)}:${process.env.PATH}`;
/** Nothing that only a checkout's `npm test` has. */
const env = { HOME: process.env.HOME, PATH };
const CHECKOUT_ONLY = /^(npm_(?!config_)|npm_config_(local_|global_)?prefix$|INIT_CWD$|NODE_TEST)/;
/**
 * npm reaches its registry as the user set it up: proxies, certificates. What the outer npm says of the checkout is
 * left out.
 */
const npmEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !CHECKOUT_ONLY.test(name))),
  PATH,
};

/** Why the package could not be installed: without a network, npm has nothing to install from. */
let problem: string | undefined;

before(async () => {
  // Built from a copy, so that the checkout stays as it is while other tests run in it.
  const checkout = path.join(folder, 'checkout');
  mkdirSync(checkout);
  const names = ['src', 'proto', 'deploy', ...globSync('*.{json,md,example}', { cwd: root }), 'LICENSE'];
  for (const name of names) cpSync(path.join(root, name), path.join(checkout, name), { recursive: true });
  await run('ln', ['-s', realpathSync(path.join(root, 'node_modules')), path.join(checkout, 'node_modules')]);
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: checkout,
    env: npmEnv,
  });
  assert.ok(!existsSync(path.join(checkout, 'build')), 'what was compiled is left in the checkout');
  const archive = path.join(folder, stdout.trim().split('\n').at(-1) ?? '');
  // No processor of this name: the Node binaries among the optional dependencies are not needed here.
  const options = ['--global', '--prefix', prefix, '--prefer-offline', '--cpu=none', '--loglevel=error'];
  try {
    await run('npm', ['install', ...options, archive], { env: npmEnv });
  } catch (error) {
    problem = `npm cannot install the package's dependencies: ${error}`;
  }
});

after(() => rmSync(folder, { recursive: true, force: true }));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the installed command as a shell would, in a directory that holds nothing. */
async function kapkan(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Result> {
  const child = start(args, more);
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...output };
}

function start(args: readonly string[], more: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(path.join(prefix, 'bin/kapkan'), args, {
    cwd: prefix,
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function isInstalled(t: TestContext): boolean {
  if (problem !== undefined) skip(t, problem);
  return problem === undefined;
}

test('the package holds what is needed to run and deploy Kapkan, and nothing of the tests', (t) => {
  if (!isInstalled(t)) return;
  const files = globSync('**/*', { cwd: installed, exclude: ['node_modules'], withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(installed, path.join(entry.parentPath, entry.name)));
  for (const file of [
    'package.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'gobgp.conf.example',
    'src/kapkan.js',
    'build/main.js',
    'build/ingest/receivingWorker.js',
    ...globSync('proto/*', { cwd: root }),
    ...globSync('deploy/**/*.{conf,yaml,md,service,timer}', { cwd: root }),
  ]) {
    assert.ok(files.includes(file), `${file} is missing`);
  }
  assert.deepEqual(
    files.filter((file) => file.endsWith('.ts') || file.startsWith('test/')),
    [],
  );
});

test('whatever the program reads beside its sources is in the package too', (t) => {
  if (!isInstalled(t)) return;
  const assets = globSync('src/**/*.*', { cwd: root }).filter((file) => !/(\.ts|README\.md|kapkan\.js)$/.test(file));
  for (const file of assets) assert.ok(existsSync(path.join(installed, file.replace(/^src/, 'build'))), file);
});

test('an installed kapkan says its version, lists its commands and checks the example config', async (t) => {
  if (!isInstalled(t)) return;
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
  assert.deepEqual(await kapkan(['version']), { code: 0, stdout: `${version}\n`, stderr: '' });
  assert.match((await kapkan(['help'])).stdout, /^Usage: kapkan COMMAND/);
  const checked = await kapkan(['check-config', path.join(installed, 'deploy/kapkan.example.yaml')]);
  assert.equal(checked.code, 0, checked.stderr);
  assert.match(checked.stdout, /^mode +dry-run/);
});

test('an installed kapkan finds the wire definitions of GoBGP', async (t) => {
  if (!isInstalled(t)) return;
  const config = configFile('gobgp: { address: "127.0.0.1:1", timeout_seconds: 1 }');
  const { code, stderr } = await kapkan(['withdraw', '--all', '--config', config]);
  assert.equal(code, 4, stderr);
  assert.match(stderr, /127\.0\.0\.1:1/);
  assert.doesNotMatch(stderr, /ENOENT|proto/);
});

test('an installed kapkan runs the demo to its end', async (t) => {
  if (!isInstalled(t)) return;
  const { code, stdout, stderr } = await kapkan(['demo', '--exit', '--api-port', '0', '--flow-port', '0']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /would announce +flowspec: dst 203\.0\.113\.10\/32 proto udp src-port 123/);
});

test('an installed daemon receives telemetry, keeps history and answers the commands that ask it', async (t) => {
  if (!isInstalled(t)) return;
  const daemon = start(['run', '--config', configFile(), '--log-format', 'pretty']);
  t.after(() => daemon.kill('SIGKILL'));
  let log = '';
  daemon.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  await eventually(() => log.includes('Kapkan is running') || daemon.exitCode !== null);
  const api = ['--api', /api=(http:\S+)/.exec(log)?.[1] ?? assert.fail(log)];
  const collector = /127\.0\.0\.1:\d+/.exec(log.slice(log.lastIndexOf('telemetry=')))?.[0] ?? assert.fail(log);
  const sent = await kapkan(['flowgen', '--target', '192.0.2.9', '--seconds', '3', '--to', collector]);
  assert.equal(sent.code, 0, sent.stderr);
  const status = await kapkan(['status', ...api]);
  assert.equal(status.code, 0, status.stderr);
  assert.match(status.stdout, /^mode +dry-run/m);
  const attacks = await kapkan(['attacks', '--json', ...api]);
  assert.match(attacks.stdout, /"target": "192\.0\.2\.9"/);
  daemon.kill('SIGTERM');
  await eventually(() => daemon.exitCode !== null);
  assert.equal(daemon.exitCode, 0, log);
  assert.doesNotMatch(log, /ERROR|FATAL/);
});

test('on a Node that is too old, the only output names the Node that is needed', async (t) => {
  if (!isInstalled(t)) return;
  const versions = "{value:{...process.versions,node:'20.1.0'}}";
  const old = `data:text/javascript,Object.defineProperty(process,'versions',${versions})`;
  const { code, stdout, stderr } = await kapkan(['version'], { NODE_OPTIONS: `--import=${old}` });
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^kapkan: Node\.js 24 or newer is needed.*\n$/);
});

function configFile(line = ''): string {
  const directory = mkdtempSync(path.join(folder, 'config-'));
  const file = path.join(directory, 'kapkan.yaml');
  writeFileSync(
    file,
    `listen: { netflow: "127.0.0.1:0" }
networks: [192.0.2.0/24]
thresholds: { pps: 1000, mbps: 100, flows_per_sec: 1000 }
ban: { ttl_seconds: 60, max_active_bans: 10 }
api: { listen: "127.0.0.1:0" }
storage: { path: state }
${line}
`,
  );
  return file;
}
