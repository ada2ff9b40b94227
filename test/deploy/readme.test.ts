/*
 * What the READMEs tell an operator to type is run, or at least exists.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { findCommand } from '../../src/cli/commandTable.ts';
import { parseConfig } from '../../src/config/load.ts';
import { requireDaemon } from '../integration/daemons.ts';
import { freePort, Gobgpd, loopbackAddress } from '../integration/gobgpd.ts';

const root = path.resolve(import.meta.dirname, '../..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const deployReadme = readFileSync(path.join(root, 'deploy/README.md'), 'utf8');

test('the config in README is valid, and in dry-run', () => {
  const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? assert.fail('README shows no config');
  assert.equal(parseConfig(yaml, 'README.md', {}).dryRun, true);
});

test('the READMEs name only commands and files that exist', () => {
  for (const text of [readme, deployReadme]) {
    for (const [, name] of text.matchAll(/`kapkan\s+([a-z][a-z-]*)/g)) assert.ok(findCommand(name), name);
  }
  for (const [folder, text] of [
    ['', readme],
    ['deploy', deployReadme],
  ] as const) {
    for (const [, link] of text.matchAll(/\]\(([^)#]+)\)/g)) assert.ok(existsSync(path.join(root, folder, link)), link);
  }
});

test('the emergency command of README withdraws every route, as it is printed, from anywhere', async (t) => {
  const executable = requireDaemon(t, 'gobgpd');
  if (executable === undefined) return;
  const address = loopbackAddress();
  const port = await freePort(address);
  const gobgpd = await Gobgpd.start({ executable, asn: 64_512, address, port, neighbors: [] });
  t.after(() => gobgpd.dispose());
  await gobgpd.globalRib('add', '192.0.2.1/32', 'nexthop', '192.0.2.254', 'large-community', '64512:19280:1');

  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-readme-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    path.join(folder, 'kapkan.yaml'),
    `listen: { netflow: "127.0.0.1:2055" }
networks: [192.0.2.0/24]
thresholds: { pps: 1000, mbps: 100, flows_per_sec: 1000 }
ban: { ttl_seconds: 60, max_active_bans: 10 }
gobgp: { address: "${gobgpd.apiAddress}" }
`,
  );
  const [line] = /^npm .* withdraw --all .*$/m.exec(readme) ?? assert.fail('README has no emergency command');
  const here = line.replace('/opt/kapkan', root).replace('/etc/kapkan', folder);
  assert.notEqual(here, line);
  const { PATH, HOME } = process.env;
  const result = spawnSync('sh', ['-c', here], { cwd: '/', env: { PATH, HOME }, encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /withdrew ipv4-unicast 192\.0\.2\.1\/32/);
  assert.deepEqual(await gobgpd.rib('ipv4'), []);
});
