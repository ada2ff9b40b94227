/*
 * Converts rows to ClickHouse's JSONEachRow, with the names of its columns.
 */
import type { AttackEventRow, AuditEventRow, HistoryTable, RowOf, TrafficRow } from '../history/historyRows.ts';

type Columns = Record<string, unknown>;

export function clickhouseRows<Table extends HistoryTable>(table: Table, rows: readonly RowOf[Table][]): Columns[] {
  if (table === 'attack_events') return (rows as readonly AttackEventRow[]).map(attackColumns);
  if (table === 'traffic') return (rows as readonly TrafficRow[]).map(trafficColumns);
  return (rows as readonly AuditEventRow[]).map(auditColumns);
}

function attackColumns(row: AttackEventRow): Columns {
  const { sequence, event, scope, target, group, tenant, direction, type, metric, rate, threshold } = row;
  const { pps, mbps, method, route, code, detail, attack } = row;
  return {
    ...{ sequence, event, scope, target, group, tenant, direction, type, metric, rate, threshold },
    ...{ pps, mbps, method, route, code, detail, attack },
    event_time: timeText(row.eventTime),
    attack_id: row.attackId,
    started_at: timeText(row.startedAt),
    ended_at: row.endedAt === 0 ? null : timeText(row.endedAt),
    flows_per_sec: row.flowsPerSec,
    ban_state: row.banState,
    dry_run: row.dryRun,
  };
}

function trafficColumns({ time, intervalSeconds, scope, target, group, tenant, mean, peak }: TrafficRow): Columns {
  return {
    time: timeText(time),
    interval_seconds: intervalSeconds,
    ...{ scope, target, group, tenant },
    mean_pps: mean.pps,
    mean_mbps: mean.mbps,
    mean_flows_per_sec: mean.flows_per_sec,
    peak_pps: peak.pps,
    peak_mbps: peak.mbps,
    peak_flows_per_sec: peak.flows_per_sec,
  };
}

function auditColumns(row: AuditEventRow): Columns {
  const { sequence, action, result, operator, role, tenant, target, reason, source, client, code } = row;
  return {
    ...{ sequence, action, result, operator, role, tenant, target, reason, source, client, code },
    event_time: timeText(row.eventTime),
    target_type: row.targetType,
    ban_state: row.banState,
    dry_run: row.dryRun,
  };
}

/** `2026-01-31 12:34:56.789` in UTC, which the server parses with any setting. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}
