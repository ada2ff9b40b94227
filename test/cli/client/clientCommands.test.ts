import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ApiClient, UnreachableError } from '../../../src/cli/client/apiClient.ts';
import { findCommand } from '../../../src/cli/commandTable.ts';
import { NO_EVIDENCE } from '../../../src/mitigation/announcer.ts';
import { FakeDaemon } from '../../api/fakeDaemon.ts';
import { OPERATOR, type RunningApi, runApi, VIEWER } from '../../api/runningApi.ts';
import { type CommandResult, runInProcess } from '../commandRun.ts';

const CLIENT_COMMANDS = [
  'status',
  'attacks',
  'hosts',
  'bans',
  'peers',
  'exporters',
  'ban',
  'unban',
  'reload',
  'notify-test',
];

async function run(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  const entry = findCommand(name) ?? assert.fail(name);
  return runInProcess(await entry.load(), args, env);
}

/** As an operator by default. */
function ask(api: RunningApi, name: string, args: readonly string[] = [], token = OPERATOR): Promise<CommandResult> {
  return run(name, [...args, '--api', api.url], { KAPKAN_TOKEN: token });
}

/** A server that gives one answer to everything; its URL. */
async function answering(t: TestContext, status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('every command says how it is used', async () => {
  for (const name of CLIENT_COMMANDS) {
    const { code, stdout } = await run(name, ['--help']);
    assert.equal(code, 0, name);
    assert.match(stdout, new RegExp(`^Usage: kapkan ${name}`));
    assert.match(stdout, /--token-env NAME/);
  }
});

test('every command that reads prints a table for people and the answer itself for programs', async (t) => {
  const api = await runApi(t);
  for (const name of ['status', 'attacks', 'hosts', 'bans', 'peers', 'exporters'] as const) {
    const people = await ask(api, name, [], VIEWER);
    assert.deepEqual([people.code, people.stderr], [0, ''], name);
    assert.throws(() => JSON.parse(people.stdout), name);
    const programs = await ask(api, name, ['--json'], VIEWER);
    assert.deepEqual(JSON.parse(programs.stdout), (await api.get(`/api/v1/${name}`, VIEWER)).json);
  }
});

test('the tables hold what an operator looks for', async (t) => {
  const api = await runApi(t);
  for (const [name, ...expected] of [
    ['status', 'live: bans are announced', '192.0.2.0/24 2001:db8::/32', 'v3', '1 of 1 peers established', '990 flows'],
    ['attacks', '192.0.2.130', 'ntp_amplification', '81,234.6', '20,000', 'active, flowspec', 'Ended, newest first'],
    ['hosts', '192.0.2.130', '81,300.1', '325.2', 'on udp_pps', '2001:db8::5'],
    ['bans', '192.0.2.77', 'rejected', '192.0.2.77 is whitelisted', 'flowspec', 'by noc; by hand', 'pending', 'nobody'],
    ['peers', '192.0.2.2', '65001', 'established', '1h', 'ipv4-unicast ipv4-flowspec'],
    ['exporters', '198.51.100.1', 'netflow5', '1:1000 (header)', 'header_truncated 3', '300 flows not at the border'],
    ['exporters', 'nothing can be decoded', 'of 200 flows 75 % are also reported by 2001:db8:ffff::1; its traffic'],
  ] as const) {
    const { stdout } = await ask(api, name);
    for (const text of expected) assert.ok(stdout.includes(text), `${name} lacks "${text}":\n${stdout}`);
  }
});

test('an active ban whose route is not in GoBGP is shown as not announced', async (t) => {
  const api = await runApi(t);
  assert.match((await ask(api, 'bans')).stdout, /active, not announced .*pending/);
  assert.match((await ask(api, 'ban', ['192.0.2.10'])).stdout, /^state +active, not announced$/m);
});

test('a ban of an operator without a name is called one by hand', async (t) => {
  const api = await runApi(t);
  const [ban] = api.daemon.allBans;
  api.daemon.allBans = [{ ...ban, madeBy: 'operator', operator: 'anonymous', comment: undefined }];
  assert.match((await ask(api, 'bans')).stdout, / by hand\b/);
});

test('columns line up', async (t) => {
  const api = await runApi(t);
  const lines = (await ask(api, 'hosts')).stdout.trimEnd().split('\n');
  const end = lines[0].indexOf('PACKETS/S') + 'PACKETS/S'.length;
  assert.deepEqual(
    lines.slice(1).map((line) => /[\d.,]+( ±\d+%)?$/.exec(line.slice(0, end))?.[0]),
    ['81,300.1', '10 ±39%'],
  );
});

test('empty lists say so in words', async (t) => {
  const api = await runApi(t);
  Object.assign(api.daemon, { attacks: [], ended: [], allBans: [], neighbours: [] });
  api.daemon.hostReport = { ...api.daemon.hostReport, count: 0 };
  api.daemon.snapshot = { ...api.daemon.snapshot, exporters: [] };
  for (const [name, text] of [
    ['attacks', 'No attack in progress.\n'],
    ['bans', 'No ban, active or past.\n'],
    ['hosts', 'No protected host has traffic.\n'],
    ['exporters', 'No exporter has sent anything.\n'],
  ] as const) {
    assert.equal((await ask(api, name)).stdout, text);
  }
});

test('text from the network cannot move the cursor', async (t) => {
  const api = await runApi(t);
  api.daemon.allBans = [{ ...api.daemon.allBans[0], comment: 'a\u001b[2Jb\u202ec\nd' }];
  const { stdout } = await ask(api, 'bans');
  assert.ok(stdout.includes('a\ufffd[2Jb\ufffdc\ufffdd'), stdout);
});

test('hosts are requested with limit, metric and group', async (t) => {
  const api = await runApi(t);
  assert.equal((await ask(api, 'hosts', ['--limit', '5', '--sort', 'mbps', '--group', 'web'])).code, 0);
  assert.deepEqual(api.daemon.hostQueries, [{ metric: 'mbps', limit: 5, groups: [1] }]);
  const wrong = await ask(api, 'hosts', ['--group', 'no&limit=1']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /group: must be one of global, web/);
});

test('ban sends what its flags say', async (t) => {
  const api = await runApi(t);
  api.daemon.evidence = () => ({ ...NO_EVIDENCE, installed: true, advertisedTo: ['192.0.2.2'] });
  const { code, stdout } = await ask(api, 'ban', [
    '192.0.2.10',
    '--ttl',
    '10m',
    '--method',
    'blackhole',
    '--comment',
    'x y',
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /^route +blackhole 192\.0\.2\.10\/32 next-hop 192\.0\.2\.1/m);
  const [{ target: _target, ...asked }] = api.daemon.banRequests;
  assert.deepEqual(asked, {
    ttlSeconds: 600,
    method: 'blackhole',
    match: undefined,
    allowFallback: false,
    comment: 'x y',
    operator: 'noc',
  });
});

test('every match flag reaches the rule', async (t) => {
  const api = await runApi(t);
  api.daemon.evidence = () => ({ ...NO_EVIDENCE, installed: true, advertisedTo: ['192.0.2.2'] });
  const flags =
    '--proto tcp --src 203.0.113.0/24 --src-port 1024-2047 --dst-port 80,443 --tcp-flags syn,!ack --fragment';
  const further = '--packet-length 40-60 --dscp 0,46';
  const { code, stderr } = await ask(api, 'ban', ['192.0.2.10', ...flags.split(' '), ...further.split(' ')]);
  assert.equal(code, 0, stderr);
  const { match, method } = api.daemon.banRequests[0];
  assert.equal(method, 'flowspec');
  assert.deepEqual(match?.protocols, [6]);
  assert.equal(match?.source?.text, '203.0.113.0/24');
  assert.deepEqual(match?.sourcePorts, [{ from: 1024, to: 2047 }]);
  assert.deepEqual(
    match?.destinationPorts.map(({ from }) => from),
    [80, 443],
  );
  assert.deepEqual(match?.tcpFlags, { set: 2, clear: 16 });
  assert.equal(match?.fragment, true);
  assert.deepEqual(match?.packetLengths, [{ from: 40, to: 60 }]);
  assert.deepEqual(match?.dscp, [0, 46]);
  assert.equal((await ask(api, 'ban', ['192.0.2.10', '--proto', 'icmp', '--icmp-type', '8'])).code, 0);
  assert.deepEqual(api.daemon.banRequests[1].match?.icmpTypes, [8]);
});

test('a ban that a safety rule refuses exits 3, and programs get the ban', async (t) => {
  const api = await runApi(t);
  api.daemon.refusal = 'it is whitelisted';
  const people = await ask(api, 'ban', ['192.0.2.10']);
  assert.deepEqual([people.code, people.stdout, people.stderr], [3, '', 'kapkan: refused: it is whitelisted\n']);
  const programs = await ask(api, 'ban', ['192.0.2.10', '--json']);
  assert.deepEqual([programs.code, JSON.parse(programs.stdout).state], [3, 'rejected']);
});

test('unban ends a ban, and exits 1 where there is none', async (t) => {
  const api = await runApi(t);
  const ended = await ask(api, 'unban', ['192.0.2.10']);
  assert.equal(ended.code, 0);
  assert.match(ended.stdout, /^state +withdrawn$/m);
  const none = await ask(api, 'unban', ['192.0.2.99']);
  assert.deepEqual([none.code, none.stderr], [1, 'kapkan: no ban of this address is active\n']);
});

test('reload says the mode, or every problem and exits 1', async (t) => {
  const api = await runApi(t);
  const done = await ask(api, 'reload');
  assert.deepEqual([done.code, done.stdout], [0, 'Reloaded, live.\n']);
  api.daemon.reloadOutcome = { reloaded: false, errors: ['kapkan.yaml:3:1: bad', 'kapkan.yaml:4:1: worse'] };
  const refused = await ask(api, 'reload');
  assert.deepEqual(
    [refused.code, refused.stderr],
    [1, 'kapkan: kapkan.yaml:3:1: bad\nkapkan: kapkan.yaml:4:1: worse\n'],
  );
});

test('wrong usage exits 2, says what is wrong and makes no request', async (t) => {
  const api = await runApi(t);
  for (const [name, args, message] of [
    ['status', ['extra'], /unexpected "extra"/],
    ['status', ['--ttl', '5'], /--ttl/],
    ['status', ['--api', 'ftp://x'], /--api must be an http or https URL/],
    ['status', ['--api', 'localhost'], /--api must be an http or https URL/],
    ['status', ['--token-env', 'NOT_SET'], /NOT_SET, which is not set/],
    ['status', ['--json=yes'], /--json/],
    ['ban', [], /the IP address is missing/],
    ['ban', ['192.0.2.1', '192.0.2.2'], /unexpected "192\.0\.2\.2"/],
    ['ban', ['router'], /"router" is not an IPv4 or IPv6 address/],
    ['ban', ['192.0.2.1', '--ttl', 'soon'], /--ttl must be/],
    ['ban', ['192.0.2.1', '--ttl', '0'], /ttl_seconds/],
    ['ban', ['192.0.2.1', '--method', 'none'], /--method must be one of blackhole, flowspec, divert/],
    ['ban', ['192.0.2.1', '--method', 'blackhole', '--proto', 'udp'], /--proto only goes with --method flowspec/],
    ['ban', ['192.0.2.1', '--src-port', '70000'], /src_port must be/],
    ['unban', ['here'], /"here" is not/],
  ] as const) {
    const { code, stderr, stdout } = await run(name, ['--api', api.url, ...args], { KAPKAN_TOKEN: OPERATOR });
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, message);
  }
  assert.deepEqual(api.daemon.banRequests, []);
});

test('a token comes from the variable that is named, and none is said to be missing', async (t) => {
  const api = await runApi(t);
  const named = await run('bans', ['--api', api.url, '--token-env', 'MINE'], { MINE: VIEWER, KAPKAN_TOKEN: 'wrong' });
  assert.equal(named.code, 0);
  const missing = await run('bans', ['--api', api.url]);
  assert.equal(missing.code, 1);
  assert.match(
    missing.stderr,
    /a valid bearer token is needed; --token-env names the environment variable that holds it/,
  );
  const viewer = await ask(api, 'ban', ['192.0.2.10'], VIEWER);
  assert.deepEqual([viewer.code, viewer.stderr], [1, 'kapkan: this needs the role operator\n']);
});

test('a token with blanks is refused without being shown', async (t) => {
  const api = await runApi(t);
  const { code, stderr } = await ask(api, 'bans', [], 'secret\nInjected: header');
  assert.equal(code, 2);
  assert.ok(!stderr.includes('secret'));
});

test('a daemon that is not there exits 4 with one line that says so', async () => {
  // Port 1 of loopback: reserved, and nothing listens.
  const { code, stdout, stderr } = await run('status', ['--api', 'http://127.0.0.1:1']);
  assert.deepEqual([code, stdout], [4, '']);
  assert.equal(
    stderr,
    'kapkan: cannot reach Kapkan at http://127.0.0.1:1/: connection refused; is the daemon running?\n',
  );
});

test('a daemon that is starting exits 4', async (t) => {
  const api = await runApi(t);
  api.daemon.isReady = false;
  const { code, stderr } = await ask(api, 'status');
  assert.deepEqual([code, stderr], [4, 'kapkan: Kapkan is starting\n']);
});

test('another program that listens there is not mistaken for Kapkan', async (t) => {
  for (const [status, body, message] of [
    [200, '<html>', /answered 200, but not as Kapkan's API does/],
    [404, 'null', /the API answered 404/],
    [302, '{}', /the API answered 302/],
  ] as const) {
    const { code, stderr } = await run('status', ['--api', await answering(t, status, body)]);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
});

test('peers says which GoBGP cannot be reached, and exits 4 even where other neighbours are known', async (t) => {
  const api = await runApi(t);
  const [first] = api.daemon.gobgps;
  const away = { ...first, address: '127.0.0.1:50052', connected: false, lastError: 'connection refused' };
  api.daemon.gobgps = [first, away];
  const some = await ask(api, 'peers');
  assert.equal(some.code, 4);
  assert.match(some.stdout, /192\.0\.2\.2/);
  assert.equal(some.stderr, 'kapkan: GoBGP at 127.0.0.1:50052 cannot be reached: connection refused\n');

  Object.assign(api.daemon, { gobgps: [away], neighbours: [] });
  const none = await ask(api, 'peers');
  assert.deepEqual([none.code, none.stdout], [4, '']);
  assert.match(none.stderr, /^kapkan: GoBGP at 127\.0\.0\.1:50052 cannot be reached/);
  const programs = await ask(api, 'peers', ['--json']);
  assert.deepEqual([programs.code, JSON.parse(programs.stdout)], [4, { peers: [] }]);
  assert.match(
    (await ask(api, 'status')).stdout,
    /^mode +live, but NOTHING CAN BE ANNOUNCED: GoBGP cannot be reached$/m,
  );
  assert.match((await ask(api, 'status')).stdout, /^GoBGP +127\.0\.0\.1:50052 cannot be reached: connection refused$/m);

  Object.assign(api.daemon, { gobgps: [first], neighbours: [] });
  const empty = await ask(api, 'peers');
  assert.deepEqual(
    [empty.code, empty.stdout, empty.stderr],
    [0, 'GoBGP has no neighbours: no router gets a route.\n', ''],
  );
});

test('a daemon that does not answer in time is unreachable', async (t) => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const client = new ApiClient(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), undefined, 50);
  await assert.rejects(client.get('api/v1/status'), (error) => {
    assert.ok(error instanceof UnreachableError);
    return /no answer within 0\.05 seconds/.test(error.message);
  });
});

test('a path that a proxy puts before the API is kept', async (t) => {
  const paths: (string | undefined)[] = [];
  const server = createServer(({ url }, response) => {
    paths.push(url);
    response.end('{"bans": []}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/kapkan`;
  for (const url of [base, `${base}/`]) assert.equal((await run('bans', ['--api', url])).code, 0);
  assert.deepEqual(paths, ['/kapkan/api/v1/bans', '/kapkan/api/v1/bans']);
});

test('a dry-run ban is shown as dry-run', async (t) => {
  const api = await runApi(t);
  const daemon = new FakeDaemon();
  api.daemon.running = { ...daemon.running, dryRun: true };
  api.daemon.allBans = daemon.allBans.map((ban) => ({ ...ban, dryRun: true }));
  assert.match((await ask(api, 'status')).stdout, /dry-run: nothing is announced/);
  assert.match((await ask(api, 'bans')).stdout, /active \(dry-run\)/);
  assert.match((await ask(api, 'attacks')).stdout, /active, flowspec \(dry-run\)/);
});

test('notify-test says what arrived and what did not, and fails unless everything did', async (t) => {
  const api = await runApi(t);
  const partly = await ask(api, 'notify-test');
  assert.equal(partly.code, 1);
  assert.match(partly.stdout, /^email +yes +-$/m);
  assert.match(partly.stdout, /^webhook +no +hook\.example\.net answered 500$/m);
  api.daemon.testOutcomes = [{ channel: 'email', error: undefined }];
  assert.equal((await ask(api, 'notify-test')).code, 0);
  api.daemon.testOutcomes = [];
  const nobody = await ask(api, 'notify-test');
  assert.deepEqual([nobody.code, nobody.stdout], [1, 'No channel is configured, so nobody is notified.\n']);
  assert.equal((await ask(api, 'notify-test', [], VIEWER)).code, 1);
  assert.equal(api.daemon.notificationTests, 3);
});
