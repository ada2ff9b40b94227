/*
 * What a replay found, as text for people and as JSON for programs.
 */
import type { CaptureSummary } from '../capture/capturedPacket.ts';
import { toRfc3339 } from '../clock.ts';
import { type BanIncidentEvent, eventDetail } from '../incidents/incidentEvent.ts';
import type { IngestSnapshot } from '../ingest/ingestSnapshot.ts';
import { routeSummary } from '../mitigation/route.ts';
import { attackJson } from '../shapes/attackJson.ts';
import { exporterJson } from '../shapes/exporterJson.ts';
import { METRICS } from '../trafficMetrics.ts';
import type { CaptureReplay, ReplayedAttack } from './captureReplay.ts';
import { duplicateText } from './duplicateText.ts';

export function replayText(file: string, replay: CaptureReplay, capture: CaptureSummary): string {
  const attacks = replay.attacks();
  const found = attacks.length === 0 ? 'no attack' : attacks.length === 1 ? '1 attack' : `${attacks.length} attacks`;
  const lines = [...captureLines(file, replay, capture), '', found];
  for (const attack of attacks) lines.push('', ...attackLines(attack, replay));
  return `${lines.join('\n')}\n`;
}

/** Attacks as `GET /api/v1/attacks` shows them, with `guards` and `decisions` beside. */
export function replayJson(file: string, replay: CaptureReplay, capture: CaptureSummary): string {
  const replayed = replay.attacks();
  const { firstMs, lastMs } = replay.span();
  const ingest = replay.ingest();
  const attacks = replayed.map((attack) => ({
    ...attackJson(attack, replay.config),
    guards: attack.verdicts,
    decisions: attack.decisions.map(decisionJson),
  }));
  const report = {
    capture: {
      file,
      from: ingest === undefined ? undefined : toRfc3339(firstMs),
      to: ingest === undefined ? undefined : toRfc3339(lastMs),
      packets: capture.packets,
      telemetry_datagrams: replay.datagrams().telemetry,
      other_datagrams: replay.datagrams().other,
      flows: flowsOf(ingest),
      decode_error_datagrams: ingest?.decodeErrorDatagrams ?? 0,
      exporters: ingest?.exporters.map(exporterJson) ?? [],
      truncated: capture.truncated,
    },
    attacks,
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function captureLines(file: string, replay: CaptureReplay, capture: CaptureSummary): string[] {
  const { telemetry, other } = replay.datagrams();
  const ingest = replay.ingest();
  const beside = other === 0 ? '' : `, ${other} other UDP datagrams`;
  if (ingest === undefined) return [`${file}: ${capture.packets} packets, no telemetry among them${beside}`];
  const { firstMs, lastMs } = replay.span();
  const lines = [
    `${file}: ${toRfc3339(firstMs)} to ${toRfc3339(lastMs)}, ${seconds(lastMs - firstMs)}`,
    `  ${telemetry} telemetry datagrams of ${ingest.exporters.length} exporters, ${flowsOf(ingest)} flows, ` +
      `${ingest.decodeErrorDatagrams} datagrams with errors${beside}`,
  ];
  if (ingest.untrustedDatagrams > 0) {
    lines.push(
      `  ${ingest.untrustedDatagrams} datagrams dropped: not from flow_sources, which flow_sources_enforce demands`,
    );
  }
  for (const text of ingest.exporters.map(exporterJson).map(duplicateText)) {
    if (text !== undefined) lines.push(`  ${text}`);
  }
  if (capture.truncated !== undefined) lines.push(`  the capture is cut off: ${capture.truncated}`);
  return lines;
}

function attackLines({ attack, verdicts, decisions }: ReplayedAttack, replay: CaptureReplay): string[] {
  const { type, confidence } = attack.classification;
  const end = attack.endedAt === undefined ? 'active at the end of the capture' : `to ${toRfc3339(attack.endedAt)}`;
  const { name } = replay.config.groups[attack.group];
  const rates = METRICS.filter((metric) => (attack.rates[metric] ?? 0) > 0).map(
    (metric) => `${metric} ${formatRate(attack.rates[metric] ?? 0)}`,
  );
  return [
    `${attack.targetText} (group ${name}): ${type}, ${Math.round(confidence * 100)} % of the sample`,
    `  when       ${toRfc3339(attack.startedAt)}, ${end}`,
    `  why        ${attack.reason.text}`,
    `  peak       ${attack.metric} ${formatRate(attack.peakRate)}, limit ${formatRate(attack.threshold)}`,
    `  rates      ${rates.join(', ')}`,
    '  guards',
    ...verdicts.map(({ guard, ok, reason }) => `    ${ok ? 'ok     ' : 'REFUSES'}  ${guard.padEnd(20)} ${reason}`),
    '  decisions',
    ...(decisions.length === 0 ? ['    none: the method is "none"'] : decisions.map(decisionLine)),
  ];
}

function decisionLine(event: BanIncidentEvent): string {
  const { text, route, reason } = decisionOf(event);
  return `    ${toRfc3339(event.at)}  ${[text, route, reason].filter((part) => part !== '').join(': ')}`;
}

function decisionJson(event: BanIncidentEvent) {
  const { route, reason } = decisionOf(event);
  return {
    at: toRfc3339(event.at),
    event: event.kind,
    method: event.ban.method,
    route: route === '' ? undefined : route,
    reason: reason === '' ? undefined : reason,
  };
}

function decisionOf(event: BanIncidentEvent): { text: string; route: string; reason: string } {
  const route = routeSummary(event.ban);
  switch (event.kind) {
    case 'ban_started':
      return { text: 'would announce', route, reason: '' };
    case 'ban_changed': {
      const reason = event.change === 'fallback' ? (event.ban.fellBackReason ?? '') : '';
      return {
        text: event.change === 'fallback' ? 'falls back, would announce' : 'would announce in its place',
        route,
        reason,
      };
    }
    case 'ban_ended':
      return { text: 'would withdraw', route, reason: event.ban.reason };
    case 'ban_rejected':
      return { text: 'refused', route: '', reason: event.ban.reason };
    case 'ban_unconfirmed':
    case 'ban_confirmed':
    case 'ban_advertised':
    case 'ban_failed':
    case 'ban_recovered':
      return { text: event.kind, route, reason: eventDetail(event) };
  }
}

function flowsOf(ingest: IngestSnapshot | undefined): number {
  return ingest === undefined ? 0 : Object.values(ingest.flows).reduce((sum, flows) => sum + flows, 0);
}

function formatRate(rate: number): string {
  return rate.toLocaleString('en-US', { maximumFractionDigits: rate < 100 ? 1 : 0 });
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
