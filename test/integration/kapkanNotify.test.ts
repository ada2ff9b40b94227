/*
 * From telemetry to the recipients: the real daemon, in dry-run and so without GoBGP, over real sockets.
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { receiveHttp } from '../notify/httpReceiver.ts';
import { eventually } from './eventually.ts';
import { Kapkan } from './kapkan.ts';
import { liveConfig } from './kapkanLab.ts';

const FLOOD = { target: '203.0.113.7', attack: 'ntp_amplification' } as const;

function start(t: TestContext, notify: string, changes: { readonly [key: string]: string } = {}): Promise<Kapkan> {
  const config = liveConfig('127.0.0.1:1', { dry_run: 'true', notify, ...changes });
  return new Kapkan(t, config).start();
}

/** The attack's log line is written in the same turn as the notification is made. */
function loggedAt(kapkan: Kapkan, message: string): number {
  const line = kapkan.log.split('\n').find((text) => text.includes(`"${message}"`));
  return Date.parse((JSON.parse(line ?? '{}') as { time: string }).time);
}

test('a webhook gets the start and the end of an attack within 200 ms of the decision', async (t) => {
  const arrivals: number[] = [];
  const receiver = await receiveHttp(t, (response) => {
    arrivals.push(Date.now());
    response.end();
  });
  const kapkan = await start(t, `{ webhook: { url: "${receiver.url}" } }`);
  const stop = kapkan.flood(FLOOD);
  await eventually(() => receiver.requests.length > 0);
  await stop();
  const { body } = receiver.requests[0];
  assert.equal(body.event, 'attack_started');
  assert.equal(body.target, FLOOD.target);
  assert.equal(body.group, 'web');
  assert.equal(body.ban_state, 'active');
  assert.equal(body.method, 'flowspec');
  assert.equal(body.dry_run, true);
  assert.match(String(body.route), /^flowspec: dst 203\.0\.113\.7\/32 proto udp src-port 123/);
  assert.equal((body.classification as { type: string }).type, 'ntp_amplification');
  const took = arrivals[0] - loggedAt(kapkan, 'attack started');
  t.diagnostic(`${took} ms from decision to webhook`);
  assert.ok(took <= 200, `${took} ms`);
  await eventually(() => receiver.requests.some((request) => request.body.event === 'attack_ended'));
  const ended = receiver.requests.at(-1)?.body;
  assert.equal(ended?.ban_state, 'withdrawn');
  assert.equal(await kapkan.metric('kapkan_notify_notifications_total{channel="webhook",result="ok"}'), 2);
  const { notify } = await kapkan.get<{ notify: { channels: string[] } }>('/api/v1/status');
  assert.deepEqual(notify.channels, ['webhook']);
});

test('a refused ban is sent after its attack, and a refused ban by hand too', async (t) => {
  const receiver = await receiveHttp(t);
  const kapkan = await start(t, `{ webhook: { url: "${receiver.url}" } }`, {
    protected_whitelist: `[${FLOOD.target}]`,
  });
  const stop = kapkan.flood(FLOOD);
  await eventually(() => receiver.requests.length > 1);
  await stop();
  const [started, refused] = receiver.requests.map(({ body }) => body);
  assert.deepEqual([started.event, started.ban_state], ['attack_started', 'rejected']);
  assert.deepEqual([refused.event, refused.ban_state], ['ban_rejected', 'rejected']);
  assert.match(String(refused.reason), /^whitelist: /);
  assert.equal((await kapkan.post('/api/v1/ban', { ip: FLOOD.target })).status, 409);
  await eventually(() => receiver.requests.length > 2);
  assert.equal(receiver.requests.filter(({ body }) => body.event === 'ban_rejected').length, 2);
});

test('in dry-run a fastnetmon script gets only attack_details', async (t) => {
  const kapkan = await start(t, '{ exec: { command: ./on-attack, format: fastnetmon } }');
  const folder = path.dirname(kapkan.configFile);
  const calls = path.join(folder, 'calls');
  writeFileSync(path.join(folder, 'on-attack'), `#!/bin/sh\necho "$@" >> '${calls}'\n`);
  chmodSync(path.join(folder, 'on-attack'), 0o755);
  const stop = kapkan.flood(FLOOD);
  await eventually(() => readFileSync(calls, 'utf8').split('\n').length > 1);
  await stop();
  await eventually(() => readFileSync(calls, 'utf8').split('\n').length > 2);
  for (const line of readFileSync(calls, 'utf8').trim().split('\n')) {
    assert.match(line, /^203\.0\.113\.7 incoming \d+ attack_details$/);
  }
});

test('a reload changes the recipients, and a test is sent on request', async (t) => {
  const receiver = await receiveHttp(t);
  const kapkan = await start(t, '{}');
  assert.deepEqual((await kapkan.post('/api/v1/notify/test')).body, { results: [] });
  const notify = `{ webhook: { url: "${receiver.url}" }, slack: { webhook_url: "http://127.0.0.1:1/" } }`;
  kapkan.configure(liveConfig('127.0.0.1:1', { dry_run: 'true', notify }));
  assert.equal((await kapkan.post('/api/v1/config/reload')).status, 200);
  const { status, body } = await kapkan.post('/api/v1/notify/test');
  assert.equal(status, 200);
  const { results } = body as unknown as { results: { channel: string; delivered: boolean }[] };
  assert.deepEqual(
    results.map(({ channel, delivered }) => `${channel} ${delivered}`),
    ['slack false', 'webhook true'],
  );
  assert.equal(receiver.requests[0].body.event, 'test');
});
