/*
 * What a webhook and a FastNetMon script are sent while a real GoBGP and a real peer are killed and come back.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { receiveHttp } from '../notify/httpReceiver.ts';
import { eventually } from './eventually.ts';
import { liveConfig, startLive } from './kapkanLab.ts';

const VICTIM = '203.0.113.99';

test('a webhook and a script are sent what is announced, what fails, and what works again', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, router, injector } = live;
  const receiver = await receiveHttp(t);
  const folder = path.dirname(kapkan.configFile);
  const calls = path.join(folder, 'calls');
  writeFileSync(path.join(folder, 'on-attack'), `#!/bin/sh\necho "$@" >> '${calls}'\n`);
  chmodSync(path.join(folder, 'on-attack'), 0o755);
  const channels = `webhook: { url: "${receiver.url}" }, exec: { command: ./on-attack, format: fastnetmon }`;
  kapkan.configure(liveConfig(injector.apiAddress, { notify: `{ ${channels}, update_seconds: 1 }` }));
  assert.equal((await kapkan.post('/api/v1/config/reload')).status, 200);
  const sent = (event: string, target: string) =>
    receiver.requests.find(({ body }) => body.event === event && body.target === target)?.body;
  const actions = () =>
    existsSync(calls)
      ? readFileSync(calls, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split(' ')[3])
      : [];
  const arrives = async (event: string, target: string, ms = 40_000) => {
    await eventually(() => assert.ok(sent(event, target) !== undefined, `${event} ${target}`), ms);
    return sent(event, target) ?? {};
  };

  const stop = kapkan.flood({ target: VICTIM, attack: 'syn_flood' });
  const peer = router.options.address;
  const announced = await arrives('ban_announced', VICTIM);
  assert.deepEqual((announced.rib as { advertised_to: string[] }).advertised_to, [peer]);
  assert.match(String(announced.expires_at), /^\d{4}-/);
  assert.equal(announced.attack_id, sent('attack_started', VICTIM)?.attack_id);
  await arrives('attack_updated', VICTIM);
  await eventually(() => assert.equal(actions().filter((action) => action === 'ban').length, 1));

  await injector.end('SIGKILL');
  const down = await arrives('gobgp_down', injector.apiAddress);
  assert.equal(down.severity, 'critical');
  const failed = await arrives('ban_failed', VICTIM);
  assert.equal(failed.failure, 'not_announced');
  assert.equal((failed.rib as { installed: boolean }).installed, false);
  await injector.launch();
  await arrives('gobgp_up', injector.apiAddress);
  await arrives('ban_recovered', VICTIM);

  await eventually(async () => assert.deepEqual(await router.rib('ipv4'), [`${VICTIM}/32`]), 30_000);
  receiver.requests.length = 0;
  await router.end('SIGKILL');
  await arrives('peer_down', peer);
  const unsent = await arrives('ban_failed', VICTIM);
  assert.equal(unsent.failure, 'not_announced');
  assert.match(String(unsent.reason), /^in GoBGP, but sent to no peer: \S+ \(/);
  assert.equal((unsent.rib as { installed: boolean }).installed, true);
  assert.equal(await kapkan.metric('kapkan_mitigate_unsent_announcements'), 1);
  await router.launch();
  await arrives('peer_up', peer);
  await arrives('ban_recovered', VICTIM);

  await stop();
  await arrives('attack_ended', VICTIM);
  const ended = await arrives('ban_ended', VICTIM);
  assert.equal(ended.ended_by, 'attack_ended');
  await eventually(() => assert.equal(actions().filter((action) => action === 'unban').length, 1));
  assert.equal(actions().filter((action) => action === 'ban').length, 1, 'told once, though GoBGP was restarted');
  assert.ok(actions().lastIndexOf('unban') > actions().indexOf('ban'));
});

test('while GoBGP is down a ban is neither announced nor told to a FastNetMon script', async (t) => {
  const live = await startLive(t, 'v3');
  if (live === undefined) return;
  const { kapkan, injector } = live;
  const receiver = await receiveHttp(t);
  await injector.end('SIGKILL');
  kapkan.configure(liveConfig(injector.apiAddress, { notify: `{ webhook: { url: "${receiver.url}" } }` }));
  assert.equal((await kapkan.post('/api/v1/config/reload')).status, 200);
  const stop = kapkan.flood({ target: VICTIM, attack: 'syn_flood' });
  await eventually(() => assert.ok(receiver.requests.some(({ body }) => body.event === 'ban_failed')), 40_000);
  await stop();
  await eventually(() => assert.ok(receiver.requests.some(({ body }) => body.event === 'attack_ended')), 30_000);
  const events = receiver.requests.map(({ body }) => String(body.event));
  assert.ok(!events.includes('ban_announced'), events.join());
  assert.ok(!events.includes('ban_ended'), 'what was not announced does not end');
});
