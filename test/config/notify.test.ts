import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reloadProblems } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { NotifyConfig } from '../../src/config/sections/notify/notify.ts';
import { configSummary } from '../../src/config/summary.ts';
import { ConfigError, formatConfigProblem } from '../../src/errors.ts';

const BASE = `
listen: { netflow: ":2055" }
networks: [203.0.113.0/24]
thresholds: { pps: 1000, mbps: 100, flows_per_sec: 1000 }
ban: { ttl_seconds: 60, max_active_bans: 10 }
hostgroups: [{ name: web, networks: [203.0.113.0/28], tenant: acme }]
`;

const ENVIRONMENT = {
  BOT: '123456:AA-bb',
  HOOK: 'https://hooks.slack.example/services/T/B/x',
  USERNAME: 'kapkan',
  PASSWORD: 's3cret-password',
  AUTHORIZATION: 'Bearer s3cret-bearer',
  HEADERS: 'X-One: 1\nX-Two: two: with a colon\n',
};

function configOf(notify: string, env: NodeJS.ProcessEnv = ENVIRONMENT) {
  return parseConfig(`${BASE}notify: ${notify}\n`, '/etc/kapkan/kapkan.yaml', env);
}

function notifyOf(notify: string): NotifyConfig {
  return configOf(notify).notify;
}

function problemsOf(notify: string, env: NodeJS.ProcessEnv = ENVIRONMENT): string[] {
  try {
    configOf(notify, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map((problem) => formatConfigProblem(problem).replace(/^[^ ]+: /, ''));
  }
  return [];
}

test('without the section, and with an empty one, nobody is notified', () => {
  const plain = parseConfig(BASE, '/etc/kapkan/kapkan.yaml', {}).notify;
  assert.deepEqual(plain, notifyOf('{}'));
  assert.deepEqual([plain.telegram, plain.slack, plain.email, plain.webhook, plain.exec], Array(5).fill(undefined));
});

test('every channel has its secrets from the environment, and its defaults', () => {
  const notify = notifyOf(`
  telegram: { token_env: BOT, chat_id: -1001234 }
  slack: { webhook_url_env: HOOK }
  email: { smtp_host: mail.example.net, from: k@example.net, to: [noc@example.net], username_env: USERNAME, password_env: PASSWORD }
  webhook: { url: "http://127.0.0.1:9000/hook", headers_env: { Authorization: AUTHORIZATION } }
  exec: { command: ./on-attack }`);
  assert.deepEqual(notify.telegram, { token: '123456:AA-bb', chatId: '-1001234', apiUrl: 'https://api.telegram.org' });
  assert.deepEqual(notify.slack, { webhookUrl: ENVIRONMENT.HOOK });
  assert.deepEqual(notify.email, {
    host: 'mail.example.net',
    port: 587,
    from: 'k@example.net',
    to: ['noc@example.net'],
    credentials: { username: 'kapkan', password: 's3cret-password' },
    requireTls: true,
    caFile: undefined,
  });
  assert.deepEqual(notify.webhook, {
    url: 'http://127.0.0.1:9000/hook',
    headers: { Authorization: 'Bearer s3cret-bearer' },
  });
  assert.deepEqual(notify.exec, { command: '/etc/kapkan/on-attack', timeoutSeconds: 10, format: 'kapkan' });
});

test('headers may also come as the lines of one variable', () => {
  const { webhook } = notifyOf('{ webhook: { url: "http://a.example/", headers_env: HEADERS } }');
  assert.deepEqual(webhook?.headers, { 'X-One': '1', 'X-Two': 'two: with a colon' });
});

test('the port of the mail server is the one written, else the default for TLS or for plain text', () => {
  const portOf = (host: string, more = '') => {
    const { email } = notifyOf(`{ email: { smtp_host: "${host}", from: a@b.example, to: [c@d.example]${more} } }`);
    return `${email?.host} ${email?.port}`;
  };
  assert.equal(portOf('mail.example.net'), 'mail.example.net 25');
  assert.equal(portOf('mail.example.net', ', require_tls: true'), 'mail.example.net 587');
  assert.equal(portOf('mail.example.net:2525', ', require_tls: true'), 'mail.example.net 2525');
  assert.equal(portOf('127.0.0.1:465'), '127.0.0.1 465');
  assert.equal(portOf('[2001:db8::1]:26'), '2001:db8::1 26');
  assert.equal(portOf('2001:db8::1'), '2001:db8::1 25');
});

test('a channel or route that could never deliver is refused, with its place', () => {
  const mail = 'from: a@b.example, to: [c@d.example]';
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{ telegram: { token_env: NOBODY, chat_id: 1 } }', /^notify\.telegram\.token_env: .*NOBODY is unset or empty$/],
    ['{ telegram: { token_env: BOT, chat_id: noc } }', /^notify\.telegram\.chat_id: must be the number of a chat/],
    ['{ slack: {} }', /^notify\.slack: must state one of webhook_url and webhook_url_env$/],
    ['{ slack: { webhook_url_env: BOT } }', /^notify\.slack\.webhook_url_env: .*BOT does not$/],
    ['{ slack: { webhook_url: "ftp://a.example" } }', /^notify\.slack\.webhook_url: must be an http or https URL/],
    [`{ email: { smtp_host: "a:b:c/d", ${mail} } }`, /^notify\.email\.smtp_host: must be/],
    [`{ email: { smtp_host: "a.example:70000", ${mail} } }`, /^notify\.email\.smtp_host: must be "HOST"/],
    [
      `{ email: { smtp_host: a.example, username_env: USERNAME, ${mail} } }`,
      /^notify\.email\.password_env: is missing/,
    ],
    [
      '{ email: { smtp_host: a.example, from: nobody, to: [a@b.example] } }',
      /^notify\.email\.from: must be a mail address/,
    ],
    ['{ email: { smtp_host: a.example, from: a@b.example, to: [] } }', /^notify\.email\.to: must hold at least one/],
    ['{ webhook: { url: "http://user:pw@a.example/" } }', /^notify\.webhook\.url: .*without a user name/],
    [
      '{ webhook: { url: "http://a.example", headers_env: USERNAME } }',
      /headers_env: must name a variable of "Name: value" lines/,
    ],
    ['{ webhook: { url: "http://a.example", headers_env: { "a b": BOT } } }', /must name HTTP headers/],
    ['{ webhook: { url: "http://a.example", headers_env: { Host: BOT } } }', /must not set Host/],
    [
      '{ exec: { command: a, timeout_seconds: 0 } }',
      /^notify\.exec\.timeout_seconds: must be an integer from 1 to 300/,
    ],
    ['{ exec: { command: a }, routes: [{ channels: [] }] }', /^notify\.routes\[0\]\.channels: must name at least one/],
    ['{ exec: { command: a }, routes: [{ channels: [slack] }] }', /channels\[0\]: .*notify\.slack is not$/],
    [
      '{ exec: { command: a }, routes: [{ channels: [exec], groups: [wbe] }] }',
      /groups\[0\]: must be the name of a hostgroup/,
    ],
    ['{ exec: { command: a }, routes: [{ channels: [exec], tenants: [x] }] }', /tenants\[0\]: must be the tenant/],
    [
      '{ exec: { command: a }, routes: [{ channels: [exec], email_to: [a@b.example] }] }',
      /email_to: has a meaning only/,
    ],
  ];
  for (const [notify, expected] of cases) {
    const problems = problemsOf(notify);
    assert.equal(problems.length, 1, `${notify}: ${problems.join('; ')}`);
    assert.match(problems[0], expected, notify);
  }
});

test('groups of the file, their tenants and "global" may stand in a route', () => {
  const { routes } = notifyOf(
    '{ exec: { command: a }, routes: [{ channels: [exec], groups: [web, global], tenants: [acme], min_severity: critical, quiet_seconds: 60 }] }',
  );
  assert.deepEqual(routes, [
    {
      groups: ['web', 'global'],
      tenants: ['acme'],
      channels: ['exec'],
      minSeverity: 'critical',
      quietSeconds: 60,
      emailTo: undefined,
      telegramChatId: undefined,
    },
  ]);
});

test('no message and no summary shows a secret, nor what was written in place of a variable', () => {
  const texts = [
    ...problemsOf('{ telegram: { token_env: "123456:AA-bb", chat_id: 1 } }'),
    ...problemsOf('{ webhook: { url: "http://a.example", headers_env: { Authorization: "Bearer s3cret-bearer" } } }'),
    ...problemsOf('{ webhook: { url: "http://a.example", headers_env: PASSWORD } }'),
    ...problemsOf('{ slack: { webhook_url_env: PASSWORD } }'),
    configSummary(configOf('{ telegram: { token_env: BOT, chat_id: 1 }, slack: { webhook_url_env: HOOK } }')),
  ];
  assert.equal(texts.length, 5);
  for (const text of texts) assert.doesNotMatch(text, /AA-bb|s3cret|hooks\.slack/);
  assert.match(texts[4], /^notify +telegram, slack; each receives everything$/m);
});

test('a channel that no route leads to is noted in the summary', () => {
  const summary = configSummary(
    configOf('{ exec: { command: a }, webhook: { url: "http://a.example" }, routes: [{ channels: [exec] }] }'),
  );
  assert.match(summary, /^note: no route leads to webhook, which receives nothing$/m);
});

test('everything about notifications can be reloaded', () => {
  const before = configOf('{ exec: { command: a } }');
  const after = configOf('{ webhook: { url: "http://a.example" }, routes: [{ channels: [webhook] }] }');
  assert.deepEqual(reloadProblems(before, after), []);
});
