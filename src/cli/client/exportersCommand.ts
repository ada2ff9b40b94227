/*
 * `kapkan exporters`: who sends telemetry, and what of it cannot be read.
 */
import type { ExporterJson } from '../../shapes/exporterJson.ts';
import { duplicateText } from '../duplicateText.ts';
import { formatAge, formatNumber, formatTable } from '../terminalOutput.ts';
import { readingCommand } from './clientCommand.ts';

export const exportersCommand = readingCommand({
  name: 'exporters',
  help: 'Lists who sends telemetry: protocol, sampling rate and where it comes from, active timeout, and what\ncannot be decoded, is not believed, or is reported more than once.\n',
  text: (body, nowMs) => exportersText(body as { exporters: ExporterJson[] }, nowMs),
});

function exportersText({ exporters }: { exporters: ExporterJson[] }, nowMs: number): string {
  if (exporters.length === 0) return 'No exporter has sent anything.\n';
  const columns = [
    { title: 'EXPORTER' },
    { title: 'PROTOCOL' },
    { title: 'DATAGRAMS', align: 'right' },
    { title: 'FLOWS', align: 'right' },
    { title: 'SAMPLING' },
    { title: 'TIMEOUT', align: 'right' },
    { title: 'LAST SEEN' },
    { title: 'LOST', align: 'right' },
    { title: 'TEMPLATES', align: 'right' },
    { title: 'PROBLEMS' },
  ] as const;
  const rows = exporters.map((exporter) => [
    exporter.address,
    exporter.protocols.join(' '),
    formatNumber(exporter.datagrams),
    formatNumber(exporter.flows),
    exporter.sampling === undefined ? '' : `1:${exporter.sampling.rate} (${exporter.sampling.source})`,
    exporter.active_timeout === undefined ? '' : `${formatNumber(exporter.active_timeout.seconds)}s`,
    `${formatAge(exporter.last_seen, nowMs)} ago`,
    formatNumber(exporter.sequence_gaps),
    String(exporter.templates),
    problemsOf(exporter).join(', '),
  ]);
  const duplicates = exporters.map(duplicateText).filter((text) => text !== undefined);
  return [formatTable(columns, rows), ...duplicates.map((text) => `${text}\n`)].join('\n');
}

function problemsOf(exporter: ExporterJson): string[] {
  const problems = Object.entries(exporter.decode_errors).map(([reason, count]) => `${reason} ${formatNumber(count)}`);
  const doubts = Object.entries(exporter.doubts).map(([reason, count]) => `${reason} ${formatNumber(count)}`);
  if (doubts.length > 0) problems.push(`not believed: ${doubts.join(', ')}`);
  if (exporter.awaiting_template > 0) problems.push(`${exporter.awaiting_template} sets await a template`);
  if (exporter.not_at_border > 0) problems.push(`${formatNumber(exporter.not_at_border)} flows not at the border`);
  if (exporter.blind) problems.unshift('nothing can be decoded');
  return problems;
}
