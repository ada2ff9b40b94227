/*
 * The commands an operator reaches for at night, against a real gobgpd of each generation and a router that hears it:
 * `ban` says what is really announced, `pause` and `withdraw --all` take everything out and keep it out.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand } from '../../src/cli/commandTable.ts';
import { type CommandResult, runInProcess } from '../cli/commandRun.ts';
import { receiveHttp } from '../notify/httpReceiver.ts';
import { eventually } from './eventually.ts';
import type { Kapkan } from './kapkan.ts';
import { startLive } from './kapkanLab.ts';

const VICTIM = '203.0.113.20';
const ROUTE = `${VICTIM}/32`;

/** Codes and notes of gRPC and of the system. */
const GRPC_WORDS = /UNAVAILABLE|DEADLINE_EXCEEDED|Resolution note|Last error|ECONN|No connection established|GetBgp/;

async function run(name: string, args: readonly string[]): Promise<CommandResult> {
  const entry = findCommand(name) ?? assert.fail(name);
  return runInProcess(await entry.load(), args);
}

function ask(kapkan: Kapkan, name: string, ...args: string[]): Promise<CommandResult> {
  return run(name, [...args, '--api', kapkan.api]);
}

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: ban ends with 0 when the route was read back, and says which peers were sent it`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router, injector } = live;
    const done = await ask(kapkan, 'ban', VICTIM);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /^in GoBGP +yes$/m);
    assert.match(done.stdout, new RegExp(`^sent to +${router.options.address.replaceAll('.', '\\.')}$`, 'm'));

    await injector.end('SIGKILL');
    await eventually(async () =>
      assert.equal(await kapkan.metric(`kapkan_gobgp_up{address="${injector.apiAddress}"}`), 0),
    );
    const kept = await ask(kapkan, 'ban', '203.0.113.21');
    assert.equal(kept.code, 4, kept.stdout);
    assert.match(kept.stdout, /^state +active, not announced$/m);
    assert.match(kept.stderr, /GoBGP at .* cannot be reached/);
    assert.equal((await kapkan.activeBan('203.0.113.21'))?.rib?.installed, false);
    await injector.launch();
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), [ROUTE, '203.0.113.21/32']));
  });

  test(`${api}: when GoBGP is killed, no notification, answer or command has a word of gRPC in it`, async (t) => {
    const receiver = await receiveHttp(t);
    const live = await startLive(t, api, { notify: `{ webhook: { url: "${receiver.url}" } }` });
    if (live === undefined) return;
    const { kapkan, injector } = live;
    const at = injector.apiAddress;
    const bodyOf = (event: string) => receiver.requests.find(({ body }) => body.event === event)?.body;
    assert.equal((await ask(kapkan, 'ban', VICTIM)).code, 0);
    await injector.end('SIGKILL');
    await eventually(() => assert.ok(bodyOf('gobgp_down') !== undefined && bodyOf('ban_failed') !== undefined), 40_000);
    assert.match(String(bodyOf('gobgp_down')?.reason), /^connection refused; not reached for 10 s$/);
    assert.match(
      String(bodyOf('ban_failed')?.reason),
      new RegExp(`GoBGP at ${at} cannot be reached: connection refused`),
    );
    const said = [JSON.stringify(receiver.requests), JSON.stringify(await kapkan.get('/api/v1/status')), kapkan.log];
    for (const [name, ...args] of [['peers'], ['status'], ['bans'], ['ban', '203.0.113.21']]) {
      const { stdout, stderr } = await ask(kapkan, name, ...args);
      said.push(stdout + stderr);
    }
    const [peers] = said.slice(3);
    assert.match(peers, new RegExp(`GoBGP at ${at} .*connection refused`));
    for (const text of said) assert.doesNotMatch(text, GRPC_WORDS);
  });

  test(`${api}: pause and resume are notified, with who paused and what was withdrawn`, async (t) => {
    const receiver = await receiveHttp(t);
    const live = await startLive(t, api, { notify: `{ webhook: { url: "${receiver.url}" } }` });
    if (live === undefined) return;
    const { kapkan } = live;
    const reasonOf = (event: string) => receiver.requests.find(({ body }) => body.event === event)?.body.reason;
    assert.equal((await ask(kapkan, 'ban', VICTIM)).code, 0);
    assert.equal((await ask(kapkan, 'pause')).code, 0);
    await eventually(() => assert.equal(reasonOf('paused'), 'by an operator; withdrawn: 1 route'));
    assert.equal((await ask(kapkan, 'resume')).code, 0);
    await eventually(() =>
      assert.match(String(reasonOf('resumed')), /^by an operator; paused by an operator for \d+ s$/),
    );
  });

  test(`${api}: a pause withdraws every route, outlives kill -9, and resume announces what is still in force`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router } = live;
    assert.equal((await ask(kapkan, 'ban', VICTIM)).code, 0);
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), [ROUTE]));
    assert.equal((await ask(kapkan, 'pause')).code, 0);
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), []));
    assert.equal(await kapkan.metric('kapkan_mitigate_paused'), 1);
    assert.match((await ask(kapkan, 'status')).stdout, /PAUSED since/);
    const held = await ask(kapkan, 'ban', '203.0.113.22', '--ttl', '1s');
    assert.equal(held.code, 1, 'an operator must not believe that it is announced');
    assert.match(held.stdout, /announcements are paused/);
    const stop = kapkan.flood({ target: '203.0.113.99' });
    await eventually(async () => assert.equal((await kapkan.activeBan('203.0.113.99'))?.rib?.installed, false));

    await kapkan.end('SIGKILL');
    await kapkan.start();
    await eventually(async () => assert.equal((await kapkan.activeBan(VICTIM))?.state, 'active'));
    await sleep(2000);
    assert.deepEqual(await router.rib('ipv4'), []);
    await stop();
    await eventually(async () => assert.equal(await kapkan.activeBan('203.0.113.99'), undefined));
    assert.equal((await ask(kapkan, 'resume')).code, 0);
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), [ROUTE]));
    assert.equal(await kapkan.metric('kapkan_mitigate_paused'), 0);
    assert.doesNotMatch(kapkan.log, /could not be announced/);
  });

  test(`${api}: withdraw --all beside a running daemon takes the routes out for good`, async (t) => {
    const live = await startLive(t, api);
    if (live === undefined) return;
    const { kapkan, router } = live;
    assert.equal((await ask(kapkan, 'ban', VICTIM)).code, 0);
    const { code, stdout, stderr } = await run('withdraw', ['--all', '--config', kapkan.configFile]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /the daemon is paused/);
    await sleep(3000);
    assert.deepEqual(await router.rib('ipv4'), []);
    assert.equal((await ask(kapkan, 'resume')).code, 0);
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), [ROUTE]));
  });

  test(`${api}: withdraw --all that may not pause the daemon withdraws nothing and says so`, async (t) => {
    process.env.KAPKAN_TEST_TOKEN = 'a-token-of-an-operator';
    const live = await startLive(t, api, { api: '{ listen: "127.0.0.1:0", token_env: KAPKAN_TEST_TOKEN }' });
    if (live === undefined) return;
    const { kapkan, router } = live;
    const token = ['--token-env', 'KAPKAN_TEST_TOKEN'];
    const entry = findCommand('ban') ?? assert.fail();
    const env = { KAPKAN_TEST_TOKEN: process.env.KAPKAN_TEST_TOKEN };
    const made = await runInProcess(await entry.load(), [VICTIM, '--api', kapkan.api, ...token], env);
    assert.equal(made.code, 0, made.stderr);
    const refused = await run('withdraw', ['--all', '--config', kapkan.configFile]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /could not be paused: .*401[\s\S]*nothing was withdrawn/);
    assert.deepEqual(await router.rib('ipv4'), [ROUTE]);
    const withdraw = findCommand('withdraw') ?? assert.fail();
    const args = ['--all', '--config', kapkan.configFile, ...token];
    assert.equal((await runInProcess(await withdraw.load(), args, env)).code, 0);
    await eventually(async () => assert.deepEqual(await router.rib('ipv4'), []));
  });
}
