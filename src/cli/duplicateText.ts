/*
 * In a sentence: how many flows of an exporter count more than once, and what to do about it.
 */
import type { ExporterJson } from '../shapes/exporterJson.ts';
import { formatNumber } from './terminalOutput.ts';

/** Undefined where there are not too many. */
export function duplicateText({
  address,
  duplicates,
}: Pick<ExporterJson, 'address' | 'duplicates'>): string | undefined {
  if (duplicates?.advice === undefined) return undefined;
  const shares = duplicates.with.map(({ exporter, share }) => `${percent(share)} are also reported by ${exporter}`);
  if (duplicates.by_direction > 0) shares.unshift(`${percent(duplicates.by_direction)} at ingress and at egress`);
  return `${address}: of ${formatNumber(duplicates.checked_flows)} flows ${shares.join(', ')}; ${duplicates.advice}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
