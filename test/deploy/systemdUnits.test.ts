import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { findExecutable, howToInstall, requireDaemon, skip } from '../integration/daemons.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const units = path.join(root, 'deploy/systemd');

/** Stands for Debian's gobgpd.service, which the drop-in changes. */
const GOBGPD_UNIT = `[Service]
Type=notify
ExecStart=/bin/true -f /etc/gobgpd.conf --sdnotify $GOBGPD_OPTIONS
`;

function unit(name: string): string {
  return readFileSync(path.join(units, name), 'utf8');
}

test('systemd finds nothing wrong with the shipped units', async (t) => {
  const analyze = requireDaemon(t, 'systemd-analyze');
  if (analyze === undefined) return;
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-units-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(units, folder, { recursive: true });
  writeFileSync(path.join(folder, 'gobgpd.service'), GOBGPD_UNIT);
  const files = globSync('*.{service,timer}', { cwd: folder }).map((file) => path.join(folder, file));
  // It looks for the programs too, and here they are where this checkout is.
  for (const file of files) writeFileSync(file, readFileSync(file, 'utf8').replaceAll('/opt/kapkan', root));
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:/lib/systemd/system:/usr/lib/systemd/system` };
  const { stdout, stderr } = await run(analyze, ['verify', '--man=no', ...files], { env });
  assert.equal(`${stdout}${stderr}`, '');
});

test('the service reloads by SIGHUP and withdraws what has run out, however it ended', () => {
  const service = unit('kapkan.service');
  assert.match(service, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m);
  assert.match(service, /^ExecStopPost=-.* withdraw --expired --config \/etc\/kapkan\/kapkan\.yaml$/m);
});

test('the dead man’s switch needs no daemon and sees the same state as the same user', () => {
  const [daemon, withdraw, timer] = ['kapkan.service', 'kapkan-withdraw.service', 'kapkan-withdraw.timer'].map(unit);
  assert.match(withdraw, /^ExecStart=.* withdraw --expired --config \/etc\/kapkan\/kapkan\.yaml$/m);
  assert.doesNotMatch(`${withdraw}${timer}`, /^(Requires|BindsTo|PartOf|Wants)=.*kapkan\.service/m);
  const settings = (text: string) => text.match(/^(DynamicUser|User|StateDirectory|StateDirectoryMode)=.*$/gm);
  assert.deepEqual(settings(withdraw), settings(daemon));
});

test('starting or enabling the service does the same to the timer, which then stays whatever becomes of the service', async (t) => {
  const [service, timer] = ['kapkan.service', 'kapkan-withdraw.timer'].map(unit);
  assert.match(service, /^Wants=.*\bkapkan-withdraw\.timer\b/m);
  assert.match(service, /^Also=kapkan-withdraw\.timer$/m);
  assert.doesNotMatch(timer, /^(PartOf|BindsTo|Conflicts|StopPropagatedFrom)=/m);

  const systemctl = findExecutable('systemctl');
  if (systemctl === undefined) {
    skip(t, `systemctl is missing; ${howToInstall('systemd-analyze')}`);
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-root-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(units, path.join(folder, 'etc/systemd/system'), { recursive: true });
  await run(systemctl, ['--root', folder, 'enable', 'kapkan.service']);
  const enabled = globSync('etc/systemd/system/*.wants/*', { cwd: folder }).map((file) => path.basename(file));
  assert.deepEqual(enabled.sort(), ['kapkan-withdraw.timer', 'kapkan.service']);
});

test('GoBGP’s API is kept on loopback, and on the port that Kapkan asks by default', () => {
  assert.match(
    unit('gobgpd.service.d/kapkan.conf'),
    /^Environment="GOBGPD_OPTIONS=.*--api-hosts 127\.0\.0\.1:50051\b/m,
  );
});
