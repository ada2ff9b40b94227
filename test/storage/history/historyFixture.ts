/*
 * Rows of history for tests, and the questions that are put to every backend: whatever holds the rows, the answers are
 * the same.
 */
import assert from 'node:assert/strict';
import type { AttackEventRow, AuditEventRow, TrafficRow } from '../../../src/storage/history/historyRows.ts';
import type {
  AttackQuery,
  HistoryBackend,
  HistoryReader,
  TrafficQuery,
} from '../../../src/storage/history/historyStore.ts';

/** A round time of late, so that no retention removes it, and the start of ten minutes. */
export const T0 = Math.floor(Date.now() / 600_000) * 600_000 - 3_600_000;

export function attackRow(changes: Partial<AttackEventRow> = {}): AttackEventRow {
  const attackId = changes.attackId ?? 'a1';
  return {
    sequence: T0 * 1000,
    eventTime: T0,
    event: 'attack_started',
    attackId,
    startedAt: T0,
    endedAt: 0,
    scope: 'host',
    target: '192.0.2.1',
    group: 'global',
    tenant: '',
    direction: 'incoming',
    type: 'udp_flood',
    metric: 'pps',
    rate: 120_000.5,
    threshold: 100_000,
    pps: 120_000.5,
    mbps: 800.25,
    flowsPerSec: 12,
    banState: '',
    method: '',
    route: '',
    dryRun: true,
    code: '',
    detail: '',
    attack: JSON.stringify({ id: attackId, said: changes.event ?? 'attack_started', text: "it's \\ 'ü'" }),
    ...changes,
  };
}

export function trafficRow(changes: Partial<TrafficRow> = {}): TrafficRow {
  return {
    time: T0,
    intervalSeconds: 10,
    scope: 'host',
    target: '192.0.2.1',
    group: 'global',
    tenant: '',
    mean: { pps: 1000, mbps: 8, flows_per_sec: 2 },
    peak: { pps: 1500.125, mbps: 12, flows_per_sec: 3 },
    ...changes,
  };
}

export function auditRow(sequence: number, changes: Partial<AuditEventRow> = {}): AuditEventRow {
  return {
    sequence,
    eventTime: T0 + sequence * 1000,
    action: 'ban',
    result: 'active',
    operator: 'noc',
    role: 'operator',
    tenant: '',
    target: '192.0.2.1',
    targetType: 'host',
    reason: '',
    source: 'api',
    client: '127.0.0.1',
    banState: 'active',
    dryRun: false,
    code: '',
    ...changes,
  };
}

export const ANY_ATTACK: AttackQuery = {
  from: undefined,
  to: undefined,
  target: undefined,
  group: undefined,
  type: undefined,
  tenant: undefined,
  limit: 100,
  cursor: undefined,
};

export function trafficOf(changes: Partial<TrafficQuery> = {}): TrafficQuery {
  const target = changes.target ?? '192.0.2.1';
  return { scope: 'host', target, from: T0, to: T0 + 60_000, stepSeconds: 10, tenant: undefined, ...changes };
}

/** What every backend must keep and give back. */
export async function checkBackend(backend: HistoryBackend): Promise<void> {
  await checkAttacks(backend);
  await checkTraffic(backend);
  await checkAudit(backend);
}

async function idsOf(reader: HistoryReader, query: Partial<AttackQuery>): Promise<string[]> {
  return (await reader.attacks({ ...ANY_ATTACK, ...query })).rows.map(({ id }) => id);
}

async function checkAttacks(backend: HistoryBackend): Promise<void> {
  const events = ['a', 'b', 'c', 'd'].map((attackId, i) =>
    attackRow({
      attackId,
      sequence: T0 * 1000 + i,
      startedAt: T0 + i * 60_000,
      eventTime: T0 + i * 60_000,
      target: i < 2 ? '192.0.2.1' : '2001:db8::1',
      group: i === 3 ? 'web' : 'global',
      tenant: i === 3 ? 'acme' : '',
      type: i === 1 ? 'syn_flood' : 'udp_flood',
    }),
  );
  const end = attackRow({
    ...events[0],
    event: 'attack_ended',
    sequence: T0 * 1000 + 10,
    eventTime: T0 + 30_000,
    endedAt: T0 + 30_000,
    code: 'attack_ended',
    detail: "it's over",
    attack: '{"id":"a","said":"attack_ended"}',
  });
  await backend.insert('attack_events', events, 'attacks-1');
  await backend.insert('attack_events', [end], 'attacks-2');
  assert.deepEqual(await idsOf(backend, {}), ['d', 'c', 'b', 'a']);
  assert.deepEqual(await idsOf(backend, { target: '192.0.2.1' }), ['b', 'a']);
  assert.deepEqual(await idsOf(backend, { group: 'web' }), ['d']);
  assert.deepEqual(await idsOf(backend, { type: 'syn_flood' }), ['b']);
  assert.deepEqual(await idsOf(backend, { tenant: 'acme' }), ['d']);
  assert.deepEqual(await idsOf(backend, { to: T0 + 60_000 }), ['a']);
  assert.deepEqual(await idsOf(backend, { from: T0 + 30_001 }), ['d', 'c', 'b'], 'the first was over by then');
  const { rows } = await backend.attacks({ ...ANY_ATTACK, to: T0 + 1 });
  assert.equal(rows[0].attack, end.attack, 'what last happened to it');
  assert.deepEqual(JSON.parse((await backend.attacks(ANY_ATTACK)).rows[0].attack).text, "it's \\ 'ü'");

  assert.equal(await backend.attack('nobody'), undefined);
  const one = await backend.attack('a');
  assert.deepEqual([one?.id, one?.attack], ['a', end.attack]);
  assert.deepEqual(one?.timeline, [
    { time: T0, event: 'attack_started', code: '', detail: '' },
    { time: T0 + 30_000, event: 'attack_ended', code: 'attack_ended', detail: "it's over" },
  ]);

  const seen: string[] = [];
  for (let cursor: string | undefined, pages = 0; pages < 4; pages++) {
    const page = await backend.attacks({ ...ANY_ATTACK, limit: 3, cursor });
    seen.push(...page.rows.map(({ id }) => id));
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  assert.deepEqual(seen, ['d', 'c', 'b', 'a']);
}

async function checkTraffic(backend: HistoryBackend): Promise<void> {
  const rows = [0, 10, 20, 40].map((seconds, i) =>
    trafficRow({
      time: T0 + seconds * 1000,
      mean: { pps: 1000 * (i + 1), mbps: 0.001, flows_per_sec: 2 },
      peak: { pps: 1500.125 + i, mbps: 12, flows_per_sec: 3 },
    }),
  );
  const others = [
    trafficRow({ scope: 'group', target: 'global', mean: { pps: 7000, mbps: 1, flows_per_sec: 1 } }),
    trafficRow({ target: '2001:db8::1', tenant: 'acme', group: 'web' }),
  ];
  await backend.insert('traffic', [...rows, ...others], 'traffic-1');
  const points = await backend.traffic(trafficOf());
  assert.deepEqual(
    points.map(({ time, mean }) => [time - T0, mean.pps]),
    [
      [0, 1000],
      [10_000, 2000],
      [20_000, 3000],
      [40_000, 4000],
    ],
  );
  assert.deepEqual(points[0], {
    time: T0,
    mean: { pps: 1000, mbps: 0.001, flows_per_sec: 2 },
    peak: { pps: 1500.125, mbps: 12, flows_per_sec: 3 },
  });
  const [coarse, ...more] = await backend.traffic(trafficOf({ stepSeconds: 60 }));
  assert.deepEqual(more, []);
  assert.equal(coarse.mean.pps, 1666.667, 'intervals without a row had no traffic');
  assert.equal(coarse.peak.pps, 1503.125);
  const [group] = await backend.traffic(trafficOf({ scope: 'group', target: 'global' }));
  assert.equal(group.mean.pps, 7000);
  assert.equal((await backend.traffic(trafficOf({ target: '2001:db8::1', tenant: 'acme' }))).length, 1);
  assert.equal((await backend.traffic(trafficOf({ target: '2001:db8::1', tenant: 'other' }))).length, 0);
}

async function checkAudit(backend: HistoryBackend): Promise<void> {
  const rows = [
    auditRow(1),
    auditRow(2, { action: 'unban', result: 'withdrawn', banState: 'withdrawn' }),
    auditRow(3, { action: 'config_reload', result: 'error', target: '', targetType: 'config', reason: "can't" }),
    auditRow(4, { tenant: 'acme', dryRun: true }),
  ];
  await backend.insert('audit_events', rows, 'audit-1');
  const all = { from: undefined, to: undefined, action: undefined, target: undefined, tenant: undefined };
  const ask = async (query: object): Promise<number[]> => {
    const page = await backend.audit({ ...all, limit: 100, cursor: undefined, ...query });
    return page.rows.map((row) => row.sequence);
  };
  const whole = await backend.audit({ ...all, limit: 100, cursor: undefined });
  assert.deepEqual(
    whole.rows.map((row) => ({ ...row })),
    rows.toReversed(),
  );
  assert.deepEqual(await ask({ action: 'unban' }), [2]);
  assert.deepEqual(await ask({ target: '192.0.2.1' }), [4, 2, 1]);
  assert.deepEqual(await ask({ tenant: 'acme' }), [4]);
  assert.deepEqual(await ask({ from: T0 + 2000, to: T0 + 3000 }), [2]);
  const first = await backend.audit({ ...all, limit: 3, cursor: undefined });
  assert.deepEqual(await ask({ cursor: first.nextCursor }), [1]);
}
