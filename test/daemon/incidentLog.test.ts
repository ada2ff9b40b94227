import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { logIncident, logOperation } from '../../src/daemon/incidentLog.ts';
import type { IncidentEvent } from '../../src/incidents/incidentEvent.ts';
import type { Logger } from '../../src/log.ts';
import { OPERATIONAL_EVENT_KINDS } from '../../src/operationalEvent.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { banOf } from '../fixtures/banFixture.ts';

const AT = 1_700_000_000_000;

function logOf(write: (log: Logger) => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  write(pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) }));
  return lines;
}

function lineOf(event: IncidentEvent): Record<string, unknown> {
  const lines = logOf((log) => logIncident(log, event));
  assert.equal(lines.length, 1);
  return lines[0];
}

test('a line about an attack names it and why it is one', () => {
  const attack = attackFixture('a', '198.51.100.1', AT);
  const { msg, level, ...fields } = lineOf({ kind: 'attack_started', at: AT, attack, ban: undefined });
  assert.deepEqual([msg, level], ['attack started', 40]);
  assert.deepEqual([fields.attack, fields.target], ['a', '198.51.100.1']);
});

test('a line about a ban names its route, who made it, and when it ends', () => {
  const ban = banOf({ madeBy: 'operator' });
  const line = lineOf({ kind: 'ban_started', at: AT, ban, attack: undefined, verdicts: [] });
  assert.equal(line.msg, 'ban started');
  assert.match(String(line.route), /^blackhole 192\.0\.2\.1\/32 next-hop/);
  assert.deepEqual([line.made_by, line.expires_at], ['operator', new Date(ban.expiresAt).toISOString()]);
});

test('a line about a ban in dry-run says that nothing is announced', () => {
  const ban = banOf({ dryRun: true });
  const line = lineOf({ kind: 'ban_started', at: AT, ban, attack: undefined, verdicts: [] });
  assert.equal(line.msg, 'ban started (dry-run, nothing is announced)');
});

test('a refusal names its guard, and a failure its reason', () => {
  const ban = banOf({ state: 'rejected', rejectedBy: 'whitelist', reason: 'it is whitelisted' });
  const refused = lineOf({ kind: 'ban_rejected', at: AT, ban, attack: undefined, verdicts: [] });
  assert.deepEqual([refused.guard, refused.reason], ['whitelist', 'it is whitelisted']);
  const failed = lineOf({ kind: 'store_failed', at: AT, reason: 'disk is full' });
  assert.deepEqual([failed.level, failed.reason], [50, 'disk is full']);
});

test('every operational event is one line with its address', () => {
  for (const kind of OPERATIONAL_EVENT_KINDS) {
    const [line] = logOf((log) => logOperation(log, { kind, at: AT, subject: '192.0.2.7', detail: 'seen' }));
    assert.deepEqual([line.address, line.detail], ['192.0.2.7', 'seen'], kind);
  }
});
