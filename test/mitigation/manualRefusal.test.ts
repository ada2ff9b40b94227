import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address } from '../fixtures/addressFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { START, started } from './controllerFixture.ts';

const VICTIM = address('198.51.100.1');
const NO_SCRUBBING = groupFixture({ scrubbing: undefined });

const UNUSABLE = [
  {
    why: 'the rule budget is used up',
    method: 'flowspec',
    guard: 'flowspec_max_rules',
    config: { flowspecMaxRules: 0 },
  },
  { why: 'no peer negotiated FlowSpec', method: 'flowspec', guard: 'audience', config: {} },
  { why: 'there is no scrubbing centre', method: 'divert', guard: 'next_hop', config: { groups: [NO_SCRUBBING] } },
] as const;

test('a ban by hand that cannot be what was asked is refused, and says what could be done instead', () => {
  for (const { why, method, guard, config } of UNUSABLE) {
    for (const dryRun of [false, true]) {
      const { controller, gobgp, keys } = started(configFixture({ ...config, dryRun }));
      gobgp.hears = new Set(['ipv4-unicast', 'ipv6-unicast']);
      // In dry-run every family is taken as heard, as no peer is asked.
      if (dryRun && guard === 'audience') continue;
      const { ok, ban } = controller.ban({ target: VICTIM, operator: 'ana', method }, START + 1000);
      assert.deepEqual([ok, ban.state, ban.rejectedBy, ban.routes], [false, 'rejected', guard, []], why);
      assert.match(ban.reason, /with allow_fallback a blackhole would take its place/, why);
      assert.deepEqual(keys(), [], why);
    }
  }
});

test('with allow_fallback a blackhole takes its place, whatever ban.fallback says of automatic bans', () => {
  for (const { why, method, config } of UNUSABLE) {
    const { controller, gobgp, keys } = started(
      configFixture({
        ...config,
        groups: [
          groupFixture({
            ...('groups' in config ? config.groups[0] : {}),
            ban: { ...NO_SCRUBBING.ban, fallback: 'none' },
          }),
        ],
      }),
    );
    gobgp.hears = new Set(['ipv4-unicast', 'ipv6-unicast']);
    const { ban } = controller.ban({ target: VICTIM, operator: 'ana', method, allowFallback: true }, START + 1000);
    assert.deepEqual([ban.state, ban.method, ban.fellBackFrom], ['active', 'blackhole', method], why);
    assert.deepEqual(keys(), ['ipv4-unicast 198.51.100.1/32'], why);
  }
});

test('a FlowSpec ban by hand never becomes a blackhole later: not where peers are lost, nor where GoBGP refuses it', () => {
  for (const lose of [
    ({ gobgp }: ReturnType<typeof started>) => gobgp.hears.delete('ipv4-flowspec'),
    ({ gobgp }: ReturnType<typeof started>) => {
      gobgp.refuses = ({ kind }) => kind === 'flowspec';
    },
    ({ controller }: ReturnType<typeof started>) =>
      controller.reconfigure(configFixture({ flowspecMaxRules: 0 }), [], START + 2000),
  ]) {
    const world = started();
    const { controller, announcer, keys } = world;
    controller.ban({ target: VICTIM, operator: 'ana', method: 'flowspec' }, START + 1000);
    lose(world);
    for (let now = START + 2000; now < START + 40_000; now += 500) {
      controller.tick(now);
      announcer.reconcile();
      assert.ok(
        keys().every((key) => key.startsWith('ipv4-flowspec ')),
        keys().join(),
      );
    }
  }
});
