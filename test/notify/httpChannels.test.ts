import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { type Channel, DeliveryError, type Message } from '../../src/notify/channel.ts';
import { SlackChannel } from '../../src/notify/slackChannel.ts';
import { TelegramChannel } from '../../src/notify/telegramChannel.ts';
import { WebhookChannel } from '../../src/notify/webhookChannel.ts';
import { receiveHttp } from './httpReceiver.ts';
import { notificationOf } from './notifyFixture.ts';

const MESSAGE: Message = { notifications: [notificationOf()], consoleUrl: 'https://kapkan.example.net' };

function signal(ms = 5000): AbortSignal {
  return AbortSignal.timeout(ms);
}

async function failureOf(channel: Channel, within = 5000): Promise<DeliveryError> {
  try {
    await channel.deliver(MESSAGE, signal(within));
  } catch (error) {
    assert.ok(error instanceof DeliveryError, String(error));
    return error;
  }
  throw new Error('it was delivered');
}

test('a webhook gets exactly the fields of the contract, and the headers of the config', async (t) => {
  const receiver = await receiveHttp(t);
  const channel = new WebhookChannel({ url: `${receiver.url}/hook?a=1`, headers: { Authorization: 'Bearer s3cret' } });
  await channel.deliver(MESSAGE, signal());
  const [{ method, path, headers, body }] = receiver.requests;
  assert.equal(`${method} ${path}`, 'POST /hook?a=1');
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers.authorization, 'Bearer s3cret');
  const { sample, ...plain } = body;
  assert.deepEqual(plain, {
    schema_version: 1,
    event: 'attack_started',
    severity: 'info',
    scope: 'host',
    target: '203.0.113.7',
    group: 'web',
    direction: 'incoming',
    attack_id: 'attack-1',
    started_at: '2026-05-01T11:57:55.000Z',
    metric: 'pps',
    rate: 120_000.457,
    peak: 120_000.457,
    threshold: 90_000,
    pps: 120_000.457,
    mbps: 449.3,
    flows_per_sec: 310,
    ban_id: 'ban-1',
    ban_state: 'active',
    method: 'blackhole',
    route: 'blackhole 203.0.113.7/32 next-hop 192.0.2.1 community 65535:666',
    manual: false,
    expires_at: '2026-05-01T12:10:00.000Z',
    rib: { installed: true, advertised_to: ['192.0.2.7'], not_advertised_to: [] },
    dry_run: false,
    at: '2026-05-01T12:00:00.000Z',
    classification: { type: 'ntp_amplification', confidence: 0.98, src_port: 123 },
  });
  assert.deepEqual(Object.keys(sample as object), [
    'flows',
    'top_sources',
    'top_src_ports',
    'top_dst_ports',
    'protocols',
    'top_exporters',
    'top_interfaces',
    'top_asns',
    'total_packets',
    'total_bytes',
  ]);
});

test('a redirect is not followed, so that no header reaches another server', async (t) => {
  const elsewhere = await receiveHttp(t);
  for (const status of [301, 302, 303, 307, 308]) {
    const receiver = await receiveHttp(t, (response) => {
      response.writeHead(status, { Location: elsewhere.url }).end();
    });
    const channel = new WebhookChannel({ url: receiver.url, headers: { Authorization: 'Bearer s3cret' } });
    const failure = await failureOf(channel);
    assert.equal(failure.retryable, false);
    assert.match(failure.message, new RegExp(`answered ${status}; redirects are not followed`));
  }
  assert.equal(elsewhere.requests.length, 0);
});

test('temporary errors can be retried and permanent ones cannot', async (t) => {
  for (const [status, retryable] of [
    [400, false],
    [401, false],
    [404, false],
    [408, true],
    [410, false],
    [429, true],
    [500, true],
    [502, true],
    [503, true],
  ] as const) {
    const receiver = await receiveHttp(t, (response) => response.writeHead(status).end('because\n of this'));
    const failure = await failureOf(new WebhookChannel({ url: receiver.url, headers: {} }));
    assert.equal(failure.retryable, retryable, String(status));
    assert.match(failure.message, new RegExp(`answered ${status}: because of this$`));
  }
});

test('Retry-After is kept', async (t) => {
  const receiver = await receiveHttp(t, (response) => response.writeHead(503, { 'Retry-After': '17' }).end());
  const failure = await failureOf(new WebhookChannel({ url: receiver.url, headers: {} }));
  assert.equal(failure.retryAfterMs, 17_000);
});

test('a silent, closing or missing server fails in time and can be retried', async (t) => {
  const silent = await receiveHttp(t, () => undefined);
  const slowBody = await receiveHttp(t, (response) => response.writeHead(500).write('never ends'));
  const closing = await receiveHttp(t, (response) => response.destroy());
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const { port } = gone.address() as { port: number };
  await new Promise((resolve) => gone.close(resolve));
  for (const url of [silent.url, slowBody.url, closing.url, `http://127.0.0.1:${port}`]) {
    const failure = await failureOf(new WebhookChannel({ url, headers: {} }), 200);
    assert.equal(failure.retryable, true, url);
  }
});

test('an answer of 200 counts as delivered, even if its body never ends', async (t) => {
  const receiver = await receiveHttp(t, (response) => response.writeHead(200).write('never ends'));
  await new WebhookChannel({ url: receiver.url, headers: {} }).deliver(MESSAGE, signal());
});

test('Telegram gets plain text for the chat, and its pause is kept', async (t) => {
  const receiver = await receiveHttp(t, (response, number) => {
    if (number === 1) response.end('{"ok":true}');
    else response.writeHead(429).end('{"ok":false,"error_code":429,"parameters":{"retry_after":31}}');
  });
  const channel = new TelegramChannel({ token: '123456:AA-bb_CC', chatId: '-1001', apiUrl: receiver.url });
  await channel.deliver(MESSAGE, signal());
  const [{ path, body }] = receiver.requests;
  assert.equal(path, '/bot123456:AA-bb_CC/sendMessage');
  assert.equal(body.chat_id, '-1001');
  assert.equal(body.parse_mode, undefined);
  assert.match(String(body.text), /^\[Kapkan\] Attack on 203\.0\.113\.7: NTP amplification from port 123/);
  const failure = await failureOf(channel);
  assert.equal(failure.retryAfterMs, 31_000);
});

test("no error contains Telegram's token", async (t) => {
  const receiver = await receiveHttp(t, (response) => response.writeHead(404).end());
  for (const apiUrl of [receiver.url, 'http://127.0.0.1:1', 'http://unknown.invalid']) {
    const failure = await failureOf(new TelegramChannel({ token: '1:SECRET', chatId: '1', apiUrl }));
    assert.doesNotMatch(failure.message, /SECRET/);
  }
});

test('text from an attacker or an operator has no control characters for Slack', async (t) => {
  const receiver = await receiveHttp(t);
  const channel = new SlackChannel({ webhookUrl: `${receiver.url}/services/T/B/x` });
  const notification = notificationOf({ event: 'ban_rejected', reason: '<!channel> & more' });
  await channel.deliver({ ...MESSAGE, notifications: [notification] }, signal());
  const text = String(receiver.requests[0].body.text);
  assert.match(text, /&lt;!channel&gt; &amp; more/);
  assert.doesNotMatch(text, /<!channel>/);
});

test('texts stay within the limits of the services, however long the reason is', async (t) => {
  const receiver = await receiveHttp(t);
  const notifications: Message['notifications'] = [notificationOf({ event: 'ban_failed', reason: '<'.repeat(50_000) })];
  await new SlackChannel({ webhookUrl: receiver.url }).deliver({ ...MESSAGE, notifications }, signal());
  const telegram = new TelegramChannel({ token: '1:a', chatId: '1', apiUrl: receiver.url });
  await telegram.deliver({ ...MESSAGE, notifications }, signal());
  for (const { body } of receiver.requests) assert.ok(String(body.text).length <= 4096);
});
