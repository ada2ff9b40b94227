import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NotifyRoute } from '../../src/config/sections/notify/routes.ts';
import { silentLogger } from '../../src/log.ts';
import { type Notification, severityOf } from '../../src/notify/notification.ts';
import { Notifier } from '../../src/notify/notifier.ts';
import { SystemScheduler } from '../../src/notify/scheduler.ts';
import { FIRST_GATHERING_MS, SINGLE_MESSAGES, StormGate } from '../../src/notify/stormGate.ts';
import { eventually } from '../integration/eventually.ts';
import { FakeScheduler } from './fakeScheduler.ts';
import { type HttpReceiver, receiveHttp } from './httpReceiver.ts';
import { attackFacts, banFacts, NOW, notificationOf, notifyConfigOf } from './notifyFixture.ts';

function routeOf(overrides: Partial<NotifyRoute>): NotifyRoute {
  return {
    groups: undefined,
    tenants: undefined,
    channels: ['webhook'],
    minSeverity: 'info',
    quietSeconds: 0,
    emailTo: undefined,
    telegramChatId: undefined,
    ...overrides,
  };
}

function notifierOf(config: Parameters<typeof notifyConfigOf>[0], scheduler = new SystemScheduler()): Notifier {
  return new Notifier(notifyConfigOf(config), {
    log: silentLogger(),
    scheduler,
    env: process.env,
    apiUrl: () => 'http://127.0.0.1:8080',
  });
}

function webhookTo(receiver: HttpReceiver) {
  return { url: receiver.url, headers: {} };
}

/** `event target` of what a webhook received, in order. */
function told(receiver: HttpReceiver): string[] {
  return receiver.requests.map(({ body }) => `${body.event} ${body.target}`);
}

test('a webhook hears of an attack within 200 ms', async (t) => {
  const receiver = await receiveHttp(t);
  const notifier = notifierOf({ webhook: webhookTo(receiver) });
  const began = performance.now();
  notifier.notify(notificationOf());
  await eventually(() => receiver.requests.length === 1);
  const took = receiver.requests[0].receivedAt - began;
  t.diagnostic(`${took.toFixed(1)} ms`);
  assert.ok(took < 200, `${took} ms`);
});

test('1,000 attacks at once are few messages for people, each of them for programs, and no time for the caller', async (t) => {
  const slack = await receiveHttp(t);
  const webhook = await receiveHttp(t);
  const scheduler = new FakeScheduler();
  const notifier = notifierOf({ slack: { webhookUrl: slack.url }, webhook: webhookTo(webhook) }, scheduler);
  const began = performance.now();
  for (let i = 0; i < 1000; i++) {
    const target = `203.0.${i >> 8}.${i & 255}`;
    notifier.notify(notificationOf({ target, attack: attackFacts({ id: `attack-${i}` }), dryRun: true }));
  }
  const took = performance.now() - began;
  t.diagnostic(`${took.toFixed(1)} ms for 1,000`);
  assert.ok(took < 100, `${took} ms`);
  await eventually(() => webhook.requests.length === 1000);
  await scheduler.advance(FIRST_GATHERING_MS);
  await eventually(() => slack.requests.length === SINGLE_MESSAGES + 1);
  const summary = String(slack.requests.at(-1)?.body.text);
  assert.match(summary, /\[DRY-RUN\] 995 attacks started/);
  assert.match(summary, /Groups: web 995/);
  await eventually(() => notifier.counts().slack.ok === 1000);
  assert.deepEqual(notifier.counts().webhook, { ok: 1000, error: 0, dropped: 0 });
});

test('a storm that goes on is told of less and less often, and nothing is lost', async () => {
  const scheduler = new FakeScheduler();
  const passed: number[] = [];
  const gate = new StormGate({
    scheduler,
    pass: (notifications) => passed.push(notifications.length),
    drop: () => assert.fail('nothing is dropped'),
  });
  const hours = 4;
  for (let second = 0; second < hours * 3600; second++) {
    gate.take(notificationOf());
    await scheduler.advance(1000);
  }
  gate.flush();
  assert.equal(
    passed.reduce((sum, count) => sum + count, 0),
    hours * 3600,
  );
  assert.ok(passed.length < 80, `${passed.length} messages`);
});

test('after a storm the next attack is told by itself again', async () => {
  const scheduler = new FakeScheduler();
  const passed: number[] = [];
  const gate = new StormGate({ scheduler, pass: (all) => passed.push(all.length), drop: () => undefined });
  for (let i = 0; i < 100; i++) gate.take(notificationOf());
  await scheduler.advance(120_000);
  gate.take(notificationOf());
  assert.deepEqual(passed, [1, 1, 1, 1, 1, 95, 1]);
});

test('severity goes by how far an attack is over its limit, and what covers nobody is critical', () => {
  const severity = (overrides: Partial<Notification>) => severityOf(notificationOf(overrides));
  const ofRatio = (ratio: number) => severity({ attack: attackFacts({ rate: 1000 * ratio, threshold: 1000 }) });
  assert.deepEqual([1, 1.99, 2, 9.99, 10].map(ofRatio), ['info', 'info', 'warning', 'warning', 'critical']);
  assert.equal(severity({ event: 'ban_rejected' }), 'critical');
  assert.equal(severity({ event: 'ban_failed' }), 'critical');
  assert.equal(severity({ event: 'ban_failed', ban: banFacts({ fellBackFrom: 'flowspec' }) }), 'warning');
});

test('a route tells of its groups and tenants from its severity on, and of nothing else', async (t) => {
  const receiver = await receiveHttp(t);
  const route = routeOf({ groups: ['web', 'dns'], tenants: ['acme'], minSeverity: 'warning' });
  const notifier = notifierOf({ webhook: webhookTo(receiver), routes: [route] });
  const big = attackFacts({ rate: 500_000 });
  const send = (target: string, overrides: Partial<Notification>) =>
    notifier.notify(notificationOf({ target, tenant: 'acme', attack: { ...big, id: target }, ...overrides }));
  send('other group', { group: 'mail' });
  send('no tenant', { tenant: undefined });
  send('other tenant', { tenant: 'globex' });
  send('small', { attack: attackFacts({ id: 'small' }) });
  send('fits', {});
  await eventually(() => receiver.requests.length === 1);
  assert.deepEqual(told(receiver), ['attack_started fits']);
  await notifier.stop();
});

test('the end of an attack goes to those who heard of the attack, and to nobody else', async (t) => {
  const receiver = await receiveHttp(t);
  const notifier = notifierOf({ webhook: webhookTo(receiver), routes: [routeOf({ minSeverity: 'critical' })] });
  const attackOn = (target: string, rate: number) => ({ target, attack: attackFacts({ id: target, rate }) });
  const huge = attackOn('huge', 900_000);
  const grown = attackOn('grown', 100_000);
  const refused = attackOn('refused', 100_000);
  for (const attack of [huge, grown, refused]) notifier.notify(notificationOf(attack));
  notifier.notify(notificationOf({ ...refused, event: 'ban_rejected', reason: 'cap' }));
  for (const attack of [huge, refused]) notifier.notify(notificationOf({ ...attack, event: 'attack_ended' }));
  notifier.notify(notificationOf({ ...attackOn('grown', 9_000_000), event: 'attack_ended' }));
  await notifier.stop();
  assert.deepEqual(told(receiver).sort(), [
    'attack_ended huge',
    'attack_ended refused',
    'attack_started huge',
    'ban_rejected refused',
  ]);
});

test('the end of an attack of before a restart is told by the routes', async (t) => {
  const receiver = await receiveHttp(t);
  const notifier = notifierOf({ webhook: webhookTo(receiver) });
  notifier.notify(notificationOf({ event: 'attack_ended' }));
  await notifier.stop();
  assert.deepEqual(told(receiver), ['attack_ended 203.0.113.7']);
});

test('where a route asks for quiet, an attack that comes and goes is told once, start and end', async (t) => {
  const receiver = await receiveHttp(t);
  const notifier = notifierOf({ webhook: webhookTo(receiver), routes: [routeOf({ quietSeconds: 600 })] });
  for (let minute = 0; minute < 12; minute++) {
    const attack = attackFacts({ id: `attack-${minute}` });
    const at = NOW + minute * 60_000;
    notifier.notify(notificationOf({ attack, at }));
    notifier.notify(notificationOf({ attack, at: at + 30_000, event: 'attack_ended' }));
  }
  await notifier.stop();
  assert.deepEqual(
    receiver.requests.map(({ body }) => `${body.event} ${body.at}`),
    [
      'attack_started 2026-05-01T12:00:00.000Z',
      'attack_ended 2026-05-01T12:00:30.000Z',
      'attack_started 2026-05-01T12:10:00.000Z',
      'attack_ended 2026-05-01T12:10:30.000Z',
    ],
  );
});

test('a notification that fits several routes reaches each addressee once', async (t) => {
  const receiver = await receiveHttp(t);
  const telegram = { token: '1:a', chatId: '100', apiUrl: receiver.url };
  const routes = [
    routeOf({ channels: ['telegram'] }),
    routeOf({ channels: ['telegram'], groups: ['web'] }),
    routeOf({ channels: ['telegram'], groups: ['web'], telegramChatId: '200' }),
    routeOf({ channels: ['telegram'], groups: ['dns'], telegramChatId: '300' }),
  ];
  const notifier = notifierOf({ telegram, routes });
  notifier.notify(notificationOf());
  await notifier.stop();
  assert.deepEqual(receiver.requests.map(({ body }) => body.chat_id).sort(), ['100', '200']);
});

test('a reload changes who is told, keeps the counts, and what is queued is delivered', async (t) => {
  const before = await receiveHttp(t);
  const after = await receiveHttp(t);
  const notifier = notifierOf({ webhook: webhookTo(before) });
  notifier.notify(notificationOf({ target: 'a' }));
  notifier.reconfigure(notifyConfigOf({ webhook: webhookTo(after) }));
  notifier.notify(notificationOf({ target: 'b' }));
  await eventually(() => before.requests.length === 1 && after.requests.length === 1);
  notifier.reconfigure(notifyConfigOf());
  notifier.notify(notificationOf({ target: 'c' }));
  await notifier.stop();
  assert.deepEqual([...told(before), ...told(after)], ['attack_started a', 'attack_started b']);
  assert.equal(notifier.counts().webhook.ok, 2);
});

test('a test goes through every channel once and tells what failed', async (t) => {
  const good = await receiveHttp(t);
  const bad = await receiveHttp(t, (response) => response.writeHead(500).end());
  const notifier = notifierOf({ webhook: webhookTo(good), slack: { webhookUrl: bad.url } });
  const outcomes = await notifier.test(NOW);
  assert.deepEqual(
    outcomes.map(({ channel, error }) => [channel, error === undefined]),
    [
      ['slack', false],
      ['webhook', true],
    ],
  );
  assert.match(outcomes[0].error ?? '', /answered 500/);
  assert.equal(bad.requests.length, 1);
  assert.equal(good.requests[0].body.event, 'test');
  assert.equal(good.requests[0].body.dry_run, true);
  assert.deepEqual(notifier.counts().slack, { ok: 0, error: 1, dropped: 0 });
});

test('the status names the channels and what fails', async (t) => {
  const bad = await receiveHttp(t, (response) => response.writeHead(403).end());
  const notifier = notifierOf({ webhook: webhookTo(bad) });
  assert.deepEqual(notifier.status(), { channels: ['webhook'], queued: 0, errors: [] });
  notifier.notify(notificationOf());
  assert.equal(notifier.status().queued, 1);
  await eventually(() => notifier.counts().webhook.error === 1);
  const { errors, queued } = notifier.status();
  assert.equal(queued, 0);
  assert.match(errors[0].error, /answered 403/);
});
