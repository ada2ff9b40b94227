/*
 * The real daemon over a state that is damaged, cannot be written, or was announced elsewhere.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Kapkan } from '../integration/kapkan.ts';

const CONFIG = `
dry_run: false
listen: { netflow: "127.0.0.1:0" }
networks: [192.0.2.0/24]
thresholds: { pps: 20000, mbps: 100000, flows_per_sec: 100000 }
ban: { ttl_seconds: 60, max_active_bans: 10 }
bgp: { next_hop: 192.0.2.254 }
gobgp: { address: 127.0.0.1:1, instance_id: 1 }
api: { listen: "127.0.0.1:0" }
`;

test('the daemon starts over one damaged ban, names it, and adopts the others', async (t) => {
  const kapkan = new Kapkan(t, CONFIG);
  await kapkan.start();
  for (const ip of ['192.0.2.1', '192.0.2.2']) await kapkan.post('/api/v1/ban', { ip });
  await kapkan.end();
  const db = new DatabaseSync(kapkan.stateFile);
  db.exec(`UPDATE bans SET checksum = checksum + 1 WHERE json_extract(ban, '$.targetText') = '192.0.2.1'`);
  db.close();
  await kapkan.start();
  assert.equal(await kapkan.activeBan('192.0.2.1'), undefined);
  assert.equal((await kapkan.activeBan('192.0.2.2'))?.state, 'active');
  assert.match(kapkan.log, /of 192\.0\.2\.1 is damaged/);
});

test('with bans in force a start under another mark is refused, and says what to do', async (t) => {
  const kapkan = new Kapkan(t, CONFIG);
  await kapkan.start();
  await kapkan.post('/api/v1/ban', { ip: '192.0.2.1' });
  await kapkan.end();
  const config = readFileSync(kapkan.configFile, 'utf8');
  writeFileSync(kapkan.configFile, config.replace('instance_id: 1', 'instance_id: 2'));
  await assert.rejects(kapkan.start());
  assert.match(kapkan.log, /gobgp\.instance_id was 1 and is 2.*kapkan withdraw --all/);
  writeFileSync(kapkan.configFile, config);
  await kapkan.start();
  await kapkan.post('/api/v1/unban', { ip: '192.0.2.1' });
  await kapkan.end();
  writeFileSync(kapkan.configFile, config.replace('instance_id: 1', 'instance_id: 2'));
  await kapkan.start();
});
