import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '../../src/notify/channel.ts';
import { messageText } from '../../src/notify/messageText.ts';
import { formatAmount, formatSeconds, formatShare, formatTime, formatVector } from '../../src/notify/messageUnits.ts';
import { NOTIFICATION_EVENTS, type Notification } from '../../src/notify/notification.ts';
import { attackFacts, banFacts, NOW, notificationOf } from './notifyFixture.ts';

function textOf(...notifications: readonly Partial<Notification>[]): string {
  const [first, ...rest] = notifications.map((overrides) => notificationOf(overrides));
  const message: Message = { notifications: [first, ...rest], consoleUrl: 'https://kapkan.example.net' };
  const { subject, lines } = messageText(message);
  return [subject, ...lines].join('\n');
}

test('the start of an attack names victim, vector, rate, sources, ban, and where to look', () => {
  assert.equal(
    textOf({ tenant: 'acme' }),
    `[Kapkan] Attack on 203.0.113.7: NTP amplification from port 123, 120,000 pps, limit 90,000 pps
Victim: 203.0.113.7, group web, tenant acme
Vector: NTP amplification from port 123 (98 % of the packets)
Rate: 120,000 pps, 1.3 times the limit of 90,000 pps
All: 120,000 pps, 449 Mbit/s, 310 flows/s
Top sources: 198.51.100.1 60 %, 198.51.100.2 40 %
Top ports: from 123 98 %; to 443 100 %
Ban: active, blackhole
Route: blackhole 203.0.113.7/32 next-hop 192.0.2.1 community 65535:666
Announced: to 192.0.2.7
Until: ${formatTime(NOW + 600_000)}, and longer while the attack lasts
Time: ${formatTime(NOW)}
To lift the ban: kapkan unban 203.0.113.7
Console: https://kapkan.example.net/
API: https://kapkan.example.net/api/v1/attacks`,
  );
});

test('a limit for one kind of traffic is named beside its unit', () => {
  const attack = attackFacts({ metric: 'tcp_syn_pps', rate: 5000, threshold: 1000 });
  assert.match(textOf({ attack }), /^Rate: 5,000 pps \(tcp_syn_pps\), 5\.0 times the limit of 1,000 pps$/m);
});

test('in dry-run every message says so, in its first line and in its text', () => {
  for (const event of ['attack_started', 'attack_ended', 'ban_rejected', 'ban_failed'] as const) {
    const text = textOf({ event, dryRun: true, reason: 'why' });
    assert.match(text, /^\[Kapkan\] \[DRY-RUN\] /);
    assert.match(text, /Dry-run: nothing is announced\./);
    assert.doesNotMatch(textOf({ event, reason: 'why' }), /dry-run/i);
  }
  assert.match(textOf({ dryRun: true }), /Route it would announce: blackhole/);
});

test('the first line alone says what happened', () => {
  const firstLine = (overrides: Partial<Notification>) => textOf(overrides).split('\n')[0];
  assert.equal(firstLine({ event: 'attack_ended' }), '[Kapkan] Attack on 203.0.113.7 ended after 2 min 5 s');
  assert.equal(
    firstLine({ event: 'ban_rejected', reason: 'max_active_bans: 100 bans are active' }),
    '[Kapkan] Ban of 203.0.113.7 was refused: max_active_bans: 100 bans are active',
  );
  assert.equal(
    firstLine({
      event: 'ban_failed',
      failure: 'fallback',
      ban: banFacts({ fellBackFrom: 'flowspec' }),
      reason: 'no peer takes FlowSpec',
    }),
    '[Kapkan] Ban of 203.0.113.7 fell back from flowspec to blackhole: no peer takes FlowSpec',
  );
  assert.equal(
    firstLine({ event: 'ban_failed', failure: 'not_announced', reason: 'GoBGP is down' }),
    '[Kapkan] Ban of 203.0.113.7 is not announced: GoBGP is down',
  );
  const fellBackBefore = banFacts({ fellBackFrom: 'flowspec' });
  assert.equal(
    firstLine({ event: 'ban_failed', failure: 'not_announced', ban: fellBackBefore, reason: 'GoBGP is down' }),
    '[Kapkan] Ban of 203.0.113.7 is not announced: GoBGP is down',
    'a fallback of long ago is not what failed',
  );
  assert.equal(
    firstLine({ event: 'ban_recovered' }),
    '[Kapkan] Ban of 203.0.113.7 is announced now: blackhole, sent to 1 peer',
  );
  assert.equal(
    firstLine({ event: 'ban_announced' }),
    '[Kapkan] Ban of 203.0.113.7 is announced: blackhole, sent to 1 peer',
  );
  assert.equal(firstLine({ event: 'ban_rejected', reason: 'two\nlines' }).includes('two lines'), true);
});

test('a ban by hand on a host without an attack has no attack lines', () => {
  const ban = banFacts({ state: 'rejected', manual: true, route: '' });
  const text = textOf({ event: 'ban_rejected', attack: undefined, ban, reason: 'whitelist: 203.0.113.7' });
  assert.doesNotMatch(text, /Vector|Rate|undefined|NaN/);
  assert.match(text, /Ban: refused, blackhole, by hand\nWhy: whitelist: 203\.0\.113\.7/);
});

test('many notifications are counted by kind, group, vector and reason, and problems and victims are named', () => {
  const started = Array.from({ length: 30 }, (_, i) => ({
    target: `203.0.113.${i}`,
    group: i < 20 ? 'web' : 'global',
    attack: attackFacts({ id: `${i}`, rate: 100_000 + i * 1000 }),
  }));
  const refused = started
    .slice(0, 12)
    .map((one) => ({ ...one, event: 'ban_rejected' as const, reason: 'cap reached' }));
  const text = textOf(...started, ...refused);
  assert.match(text, /^\[Kapkan\] 12 bans refused, 30 attacks started$/m);
  assert.match(text, /^Groups: web 32, global 10$/m);
  assert.match(text, /^Vectors: NTP amplification from port 123 30$/m);
  assert.match(text, /^Not as wanted: cap reached 12$/m);
  const largest = [...text.matchAll(/^ {2}(203\.0\.113\.\d+): /gm)].map(([, target]) => target);
  assert.deepEqual(
    largest,
    Array.from({ length: 10 }, (_, i) => `203.0.113.${29 - i}`),
  );
});

test('a summary of both kinds says how many were in dry-run', () => {
  assert.match(textOf({ dryRun: true }, {}, {}), /^In dry-run: 1 of them$/m);
});

test('a ban that is not in GoBGP, or that no peer got, is not said to be announced', () => {
  const missing = banFacts({ rib: { installed: false, last_error: 'connection refused' } });
  assert.match(textOf({ ban: missing }), /^Announced: not yet, connection refused$/m);
  assert.match(textOf({ ban: missing, reason: 'connection refused' }), /^Announced: no$/m);
  const paused = banFacts({ rib: { installed: true, held_back: 'announcements are paused' } });
  assert.match(textOf({ ban: paused }), /^Announced: no, announcements are paused$/m);
  const unheard = banFacts({
    rib: {
      installed: true,
      advertised_to: [],
      not_advertised_to: [{ peer: '192.0.2.8', why: 'session down' }],
    },
  });
  assert.match(
    textOf({ ban: unheard }),
    /^Announced: in GoBGP, but sent to no peer yet; not to 192\.0\.2\.8 \(session down\)$/m,
  );
  assert.doesNotMatch(textOf({ ban: banFacts({ rib: undefined }), dryRun: true }), /^Announced/m);
});

test('a ban by hand names who made it, why, and that it ends', () => {
  const ban = banFacts({ manual: true, operator: 'ana', comment: 'ticket 17' });
  const text = textOf({ event: 'ban_announced', attack: undefined, ban });
  assert.match(text, /^Ban: active, blackhole, by hand \(ana\)$/m);
  assert.match(text, /^Comment: ticket 17$/m);
  assert.match(text, /^Until: [^,]*$/m);
});

test('a problem of the installation says what was seen and what it means', () => {
  const gobgp = { event: 'gobgp_down', scope: 'gobgp', target: '127.0.0.1:50051', reason: 'refused' } as const;
  const text = textOf({ ...gobgp, attack: undefined, ban: undefined });
  assert.match(text, /^\[Kapkan\] GoBGP 127\.0\.0\.1:50051 is not reached\nWhat was seen: refused\nEffect: Kapkan can/);
  assert.doesNotMatch(text, /Victim|undefined/);
});

test('every event has its own first line, by itself and in a summary', () => {
  const lines = NOTIFICATION_EVENTS.map((event) => textOf({ event, reason: 'why' }).split('\n')[0]);
  assert.equal(new Set(lines).size, NOTIFICATION_EVENTS.length);
  const summaries = NOTIFICATION_EVENTS.map((event) => textOf({ event }, { event }).split('\n')[0]);
  assert.equal(new Set(summaries).size, NOTIFICATION_EVENTS.length);
  for (const line of [...lines, ...summaries]) assert.doesNotMatch(line, /undefined/);
});

test('a summary names every victim, not only those whose attack just started', () => {
  const failed = { event: 'ban_failed', failure: 'not_announced', reason: 'GoBGP is down' } as const;
  const victims = [1, 2, 3, 4].map((i) => ({ target: `203.0.113.${i}`, attack: attackFacts({ id: `${i}` }) }));
  const text = textOf(victims[3], ...victims.map((victim) => ({ ...victim, ...failed })));
  for (const { target } of victims) {
    assert.match(text, new RegExp(`^ {2}${target.replaceAll('.', '\\.')}: 120,000 pps`, 'm'));
    assert.match(
      text,
      new RegExp(`^ {2}Ban of ${target.replaceAll('.', '\\.')} is not announced: GoBGP is down$`, 'm'),
    );
  }
});

test('times are local and in UTC', () => {
  assert.equal(formatTime(NOW, 'Europe/Berlin'), '2026-05-01 14:00:00 CEST (2026-05-01T12:00:00Z)');
  assert.equal(formatTime(NOW, 'UTC'), '2026-05-01 12:00:00 UTC (2026-05-01T12:00:00Z)');
});

test('amounts, shares and durations are formatted for people', () => {
  assert.equal(formatAmount(48_120.4, 'udp_pps'), '48,120 pps');
  assert.equal(formatAmount(1.25, 'mbps'), '1.3 Mbit/s');
  assert.equal(formatAmount(310, 'flows_per_sec'), '310 flows/s');
  assert.deepEqual([0, 0.001, 0.5, 1].map(formatShare), ['0 %', '<1 %', '50 %', '100 %']);
  assert.deepEqual([-1, 59, 60, 3725].map(formatSeconds), ['0 s', '59 s', '1 min 0 s', '1 h 2 min']);
  assert.equal(
    formatVector({ type: 'memcached_amplification', confidence: 1, srcPort: 11211 }),
    'memcached amplification from port 11211',
  );
  assert.equal(formatVector({ type: 'syn_flood', confidence: 1, srcPort: undefined }), 'SYN flood');
  assert.equal(formatVector({ type: 'mixed', confidence: 1, srcPort: undefined }), 'mixed traffic');
});
