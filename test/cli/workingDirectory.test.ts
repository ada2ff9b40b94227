import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { userDirectory } from '../../src/cli/workingDirectory.ts';

const root = path.resolve(import.meta.dirname, '../..');
const CONFIG = `listen: { netflow: "127.0.0.1:2055" }
networks: [192.0.2.0/24]
thresholds: { pps: 1000, mbps: 100, flows_per_sec: 1000 }
ban: { ttl_seconds: 60, max_active_bans: 10 }
gobgp: { address: "127.0.0.1:1", timeout_seconds: 1 }
`;

function somewhere(t: TestContext): string {
  const directory = mkdtempSync(path.join(realpathSync(tmpdir()), 'kapkan-user-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** `npm run kapkan` as a user calls it from `cwd`. */
function npmRun(cwd: string, ...args: string[]) {
  const npm = ['--prefix', root, 'run', '--silent', 'kapkan', '--', ...args];
  const { PATH, HOME } = process.env;
  return spawnSync('npm', npm, { cwd, env: { PATH, HOME }, encoding: 'utf8' });
}

test("npm run resolves relative paths from the user's folder, for every command that takes one", (t) => {
  const user = somewhere(t);
  writeFileSync(path.join(user, 'mine.yaml'), CONFIG);
  const capture = 'v5-juniper-mx80.netflow.pcap';
  copyFileSync(path.join(root, 'test/fixtures/captures', capture), path.join(user, 'mine.pcap'));
  for (const [code, ...args] of [
    [0, 'check-config', './mine.yaml'],
    [0, 'decode', 'mine.pcap'],
    [0, 'replay', './mine.pcap', '--config', 'mine.yaml'],
    [4, 'withdraw', '--all', '--config', 'mine.yaml'],
  ] as const) {
    const result = npmRun(user, ...args);
    assert.equal(result.status, code, `${args.join(' ')}: ${result.stderr}`);
  }
});

test('npm run from a folder of the checkout does the same', (t) => {
  const user = mkdtempSync(path.join(root, 'test/cli/somewhere-'));
  t.after(() => rmSync(user, { recursive: true }));
  writeFileSync(path.join(user, 'mine.yaml'), CONFIG);
  const { PATH, HOME } = process.env;
  const args = ['run', '--silent', 'kapkan', '--', 'check-config', './mine.yaml'];
  const result = spawnSync('npm', args, { cwd: user, env: { PATH, HOME }, encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
});

test('INIT_CWD counts only where npm put the process into the folder of this package', (t) => {
  const user = somewhere(t);
  assert.equal(userDirectory(root, { INIT_CWD: user }), user);
  assert.equal(userDirectory(root, {}), root);
  assert.equal(userDirectory(root, { INIT_CWD: '' }), root);
  assert.equal(userDirectory(root, { INIT_CWD: 'relative' }), root);
  assert.equal(userDirectory(root, { INIT_CWD: path.join(user, 'gone') }), root);
  assert.equal(userDirectory('/', { INIT_CWD: user }), '/');
  const link = path.join(user, 'link');
  symlinkSync(root, link);
  mkdirSync(path.join(user, 'sub'));
  assert.equal(userDirectory(link, { INIT_CWD: path.join(user, 'sub') }), path.join(user, 'sub'));
});
