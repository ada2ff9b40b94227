import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NotifyRoute } from '../../src/config/sections/notify/routes.ts';
import { FIRST_GROUP_WAIT_MS, SINGLE_MESSAGES } from '../../src/notify/alertGrouping.ts';
import { BY_ROUTES, type Notification } from '../../src/notify/notification.ts';
import { Notifier } from '../../src/notify/notifier.ts';
import { SystemScheduler } from '../../src/notify/scheduler.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
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
function eventsOf(receiver: HttpReceiver): string[] {
  return receiver.requests.map(({ body }) => `${body.event} ${body.target}`);
}

test('a webhook gets an attack, and the caller does not wait for it', async (t) => {
  const receiver = await receiveHttp(t);
  const notifier = notifierOf({ webhook: webhookTo(receiver) });
  const began = performance.now();
  notifier.notify(notificationOf());
  assert.equal(receiver.requests.length, 0);
  await eventually(() => receiver.requests.length === 1);
  t.diagnostic(`${(receiver.requests[0].receivedAt - began).toFixed(1)} ms`);
});

test('1,000 attacks at once are few messages for people and 1,000 for programs, and do not block the caller', async (t) => {
  const slack = await receiveHttp(t);
  const webhook = await receiveHttp(t);
  const scheduler = new FakeScheduler();
  const notifier = notifierOf({ slack: { webhookUrl: slack.url }, webhook: webhookTo(webhook) }, scheduler);
  const began = performance.now();
  for (let i = 0; i < 1000; i++) {
    const target = `203.0.${i >> 8}.${i & 255}`;
    notifier.notify(notificationOf({ target, attack: attackFacts({ id: `attack-${i}` }), dryRun: true }));
  }
  t.diagnostic(`${(performance.now() - began).toFixed(1)} ms for 1,000`);
  assert.equal(webhook.requests.length, 0, 'all is sent later');
  await eventually(() => webhook.requests.length === 1000);
  await scheduler.advance(FIRST_GROUP_WAIT_MS);
  await eventually(() => slack.requests.length === SINGLE_MESSAGES + 1);
  const summary = String(slack.requests.at(-1)?.body.text);
  assert.match(summary, /\[DRY-RUN\] 990 attacks started/);
  assert.match(summary, /Groups: web 990/);
  await eventually(() => notifier.counts().slack.ok === 1000);
  assert.deepEqual(notifier.counts().webhook, { ok: 1000, error: 0, dropped: 0 });
});

test('a route passes its groups and tenants at its severity or above, and nothing else', async (t) => {
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
  assert.deepEqual(eventsOf(receiver), ['attack_started fits']);
  await notifier.stop();
});

test('the end of an attack goes to those who got its start, and to nobody else', async (t) => {
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
  assert.deepEqual(eventsOf(receiver).sort(), [
    'attack_ended huge',
    'attack_ended refused',
    'attack_started huge',
    'ban_rejected refused',
  ]);
});

test('the end of an attack that started before a restart follows the routes', async (t) => {
  const receiver = await receiveHttp(t);
  const notifier = notifierOf({ webhook: webhookTo(receiver) });
  notifier.notify(notificationOf({ event: 'attack_ended' }));
  await notifier.stop();
  assert.deepEqual(eventsOf(receiver), ['attack_ended 203.0.113.7']);
});

test('with quiet_seconds an attack that comes and goes is sent once, start and end', async (t) => {
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

test('a notification that matches several routes reaches each recipient once', async (t) => {
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

test('a reload changes the recipients, keeps the counts, and delivers what is queued', async (t) => {
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
  assert.deepEqual([...eventsOf(before), ...eventsOf(after)], ['attack_started a', 'attack_started b']);
  assert.equal(notifier.counts().webhook.ok, 2);
});

test('a test goes through every channel once and names what failed', async (t) => {
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

test('the status names the channels and their errors', async (t) => {
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

test('a recovery goes to those who got the problem and to nobody else, and a problem is announced again after it', async (t) => {
  const receiver = await receiveHttp(t);
  const critical = routeOf({ minSeverity: 'critical' });
  const notifier = notifierOf({ webhook: webhookTo(receiver), routes: [critical] });
  const down: Partial<Notification> = {
    event: 'gobgp_down',
    scope: 'gobgp',
    group: '',
    attack: undefined,
    ban: undefined,
  };
  const send = (target: string, dryRun: boolean) => {
    const recipients = { ...BY_ROUTES, opens: [target] };
    notifier.notify(notificationOf({ ...down, target, dryRun, recipients }));
    const end = { ...BY_ROUTES, followUpOf: target, routes: 'never', closes: true } as const;
    notifier.notify(notificationOf({ ...down, event: 'gobgp_up', target, dryRun, recipients: end }));
  };
  send('live', false);
  send('dry', true);
  send('live', false);
  await notifier.stop();
  assert.deepEqual(eventsOf(receiver), ['gobgp_down live', 'gobgp_up live', 'gobgp_down live', 'gobgp_up live']);
});

test('what people read in another notification goes to programs only', async (t) => {
  const slack = await receiveHttp(t);
  const webhook = await receiveHttp(t);
  const notifier = notifierOf({ slack: { webhookUrl: slack.url }, webhook: webhookTo(webhook) });
  notifier.notify(notificationOf({ event: 'ban_ended', audience: 'programs' }));
  await notifier.stop();
  assert.deepEqual([slack.requests.length, webhook.requests.length], [0, 1]);
});

test('what happens once is sent once', async (t) => {
  const receiver = await receiveHttp(t);
  const notifier = notifierOf({ webhook: webhookTo(receiver) });
  const recipients = { ...BY_ROUTES, opens: ['ban ban-1'], once: true };
  for (let peer = 0; peer < 3; peer++) notifier.notify(notificationOf({ event: 'ban_announced', recipients }));
  await notifier.stop();
  assert.deepEqual(eventsOf(receiver), ['ban_announced 203.0.113.7']);
});

test('a channel that only routes of tenants lead to gets no peers and no errors; one of the operator gets them', async (t) => {
  const tenants = await receiveHttp(t);
  const operator = await receiveHttp(t);
  const notifier = notifierOf({
    webhook: webhookTo(tenants),
    slack: { webhookUrl: operator.url },
    routes: [routeOf({ tenants: ['acme'] }), routeOf({ channels: ['slack'] })],
  });
  const rib = { installed: false, last_error: 'connection refused', advertised_to: [], not_advertised_to: [] };
  const failed = notificationOf({
    event: 'ban_failed',
    failure: 'not_announced',
    tenant: 'acme',
    ban: banFacts({ rib }),
    reason: 'connection refused',
    recipients: BY_ROUTES,
  });
  notifier.notify(failed);
  await eventually(() => tenants.requests.length === 1 && operator.requests.length === 1);
  assert.doesNotMatch(JSON.stringify(tenants.requests[0].body), /connection refused/);
  assert.match(JSON.stringify(operator.requests[0].body), /connection refused/);
  // The same channel through a route for all as well: it is the operator's own.
  notifier.reconfigure(
    notifyConfigOf({ webhook: webhookTo(tenants), routes: [routeOf({ tenants: ['acme'] }), routeOf({})] }),
  );
  notifier.notify(failed);
  await eventually(() => tenants.requests.length === 2);
  assert.match(JSON.stringify(tenants.requests[1].body), /connection refused/);
});
