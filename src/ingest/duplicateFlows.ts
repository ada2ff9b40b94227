/*
 * Flows that are reported more than once: at the ingress and at the egress of one exporter, or by several exporters on
 * the way. Their traffic counts as often, so hosts seem to be attacked that are not. It is only shown;
 * `sampling.boundary` ends it. They are found in the sampled flows of all receiving threads together.
 *
 * A sampling exporter may have seen one packet of a flow and the next exporter none of it. So a flow is checked only
 * where the exporter itself counted a few packets of it: then an exporter that samples the same packets as often misses
 * all of them once in fifty times.
 */
import { type FlowSightings, REPORTS } from './sightedFlows.ts';

/** Packets, before the sampling correction, from which a flow is checked. */
const ENOUGH_PACKETS = 4;

/** From this share of at least so many checked flows on, the exporter has too many duplicates. */
const TOO_MANY_SHARE = 0.3;
const ENOUGH_CHECKED = 100;

/** Partners of one exporter that are shown. */
const MOST_PARTNERS = 8;

/** The flows of one exporter in the last two to four minutes. */
export interface DuplicateCounts {
  readonly checked: number;
  /** Those of them that it reported at ingress and at egress. */
  readonly byDirection: number;
  /** Those of them that this other exporter reported as well, most first. */
  readonly partners: readonly { readonly exporter: string; readonly flows: number }[];
  /** So many that rates are wrong. */
  readonly tooMany: boolean;
}

/** The same while it is counted. */
interface Tally {
  checked: number;
  byDirection: number;
  readonly partners: Map<string, number>;
}

/** What one exporter counted of one flow. */
interface Report {
  packets: number;
  /** Bit 0: at ingress, or it does not say; bit 1: at egress. */
  directions: number;
}

/** The counts of every exporter of which flows were checked, by its address. */
export function duplicatesOf(sightings: readonly FlowSightings[]): Map<string, DuplicateCounts> {
  const tallies = new Map<string, Tally>();
  for (const round of new Set(sightings.map((sighting) => sighting.round))) {
    const reports = reportsOf(sightings.filter((sighting) => sighting.round === round));
    for (const flow of reports.values()) addFlow(tallies, flow);
  }
  return new Map(Array.from(tallies, ([exporter, tally]) => [exporter, countsOf(tally)]));
}

/** The flows of one round by their key, each with its exporters by address. */
function reportsOf(sightings: readonly FlowSightings[]): Map<number, Map<string, Report>> {
  // A thread with more flows has asked for more zero bits. The flows that all threads have kept are compared.
  const mask = (1 << Math.max(...sightings.map(({ level }) => level))) - 1;
  const flows = new Map<number, Map<string, Report>>();
  for (const { low, high, reporters, packets, exporters } of sightings) {
    for (let i = 0; i < low.length; i++) {
      if ((low[i] & mask) !== 0) continue;
      // 53 bits of the key, exact in a number.
      const key = (high[i] >>> 0) * 0x20_0000 + (low[i] >>> 11);
      const flow = flows.get(key) ?? new Map<string, Report>();
      flows.set(key, flow);
      for (let at = i * REPORTS; at < (i + 1) * REPORTS && reporters[at] !== 0; at++) {
        const code = reporters[at] - 1;
        const exporter = exporters[code >>> 1];
        const report = flow.get(exporter) ?? { packets: 0, directions: 0 };
        flow.set(exporter, report);
        report.packets += packets[at];
        report.directions |= 1 << (code & 1);
      }
    }
  }
  return flows;
}

function addFlow(tallies: Map<string, Tally>, flow: ReadonlyMap<string, Report>): void {
  for (const [exporter, { packets, directions }] of flow) {
    if (packets < ENOUGH_PACKETS) continue;
    const tally = tallies.get(exporter) ?? { checked: 0, byDirection: 0, partners: new Map<string, number>() };
    tallies.set(exporter, tally);
    tally.checked++;
    if (directions === 3) tally.byDirection++;
    for (const partner of flow.keys()) {
      if (partner !== exporter) tally.partners.set(partner, (tally.partners.get(partner) ?? 0) + 1);
    }
  }
}

function countsOf({ checked, byDirection, partners }: Tally): DuplicateCounts {
  const ranked = Array.from(partners, ([exporter, flows]) => ({ exporter, flows })).sort(
    (a, b) => b.flows - a.flows || (a.exporter < b.exporter ? -1 : 1),
  );
  const most = Math.max(byDirection, ranked[0]?.flows ?? 0);
  const tooMany = checked >= ENOUGH_CHECKED && most >= TOO_MANY_SHARE * checked;
  return { checked, byDirection, partners: ranked.slice(0, MOST_PARTNERS), tooMany };
}
