/*
 * The border of an exporter (`sampling.boundary`). A router that samples on every interface reports a packet again at
 * each one that it passes, and every router on the way reports it too, so rates would be a multiple of the traffic. With
 * a border a flow counts once: traffic to a protected host where it enters an external interface, all other traffic
 * where it leaves through one.
 *
 * One crossing may still be observed twice, when it enters the router and when it leaves. Of these two records
 *
 *   to a protected host    that of the ingress counts
 *   other traffic          that of the egress where the exporter samples there, else that of the ingress
 *
 * and a record that does not say where it was observed counts. With `egress_sampling` the other record counts as long
 * as the exporter sends none of the kind above for the interface: it may sample on one side only.
 */
import type { BoundaryConfig } from '../config/sections/sampling.ts';
import type { ExporterState } from '../decode/exporter/exporterState.ts';
import { copyRow } from '../decode/flowRows.ts';
import { DIRECTION_EGRESS, DIRECTION_INGRESS, type FlowBatch, NO_HOST } from '../flowBatch.ts';
import { NO_MATCH, type PrefixTable } from '../net/prefixTable.ts';

/** How long after its last such record an interface is known to report those that count. */
const REMEMBERED_MS = 600_000;

const NEVER = Number.NEGATIVE_INFINITY;

/** When records were last seen that count for an external interface. */
class Crossings {
  inwardAt = NEVER;
  outwardAt = NEVER;
}

export class Boundary {
  readonly #external = new Map<number, Crossings>();
  /** Of all external interfaces. */
  readonly #anywhere = new Crossings();
  readonly #egressSampling: boolean;

  constructor({ externalInterfaces, egressSampling }: BoundaryConfig) {
    for (const ifIndex of externalInterfaces) this.#external.set(ifIndex, new Crossings());
    this.#egressSampling = egressSampling;
  }

  /**
   * Removes the datagram's rows that do not count from the batch, and returns their number. A row whose interface is not
   * known counts, because a missed attack is worse, and the exporter is doubted.
   */
  keepCrossings(batch: FlowBatch, networks: PrefixTable, exporter: ExporterState, now: number): number {
    if (this.#egressSampling) this.#learn(batch, networks, now);
    const { direction, start, end } = batch;
    let kept = start;
    let unknown = 0;
    for (let row = start; row < end; row++) {
      const inward = isInward(batch, row, networks);
      const ifIndex = crossedInterface(batch, row, inward);
      const crossings = ifIndex === 0 ? this.#anywhere : this.#external.get(ifIndex);
      if (crossings === undefined) continue;
      if (direction[row] === this.#repeated(inward) && !this.#isOnlyRecord(crossings, inward, now)) continue;
      if (ifIndex === 0) unknown++;
      if (kept !== row) copyRow(batch, row, kept);
      kept++;
    }
    if (unknown > 0) exporter.doubt('interface_unknown', unknown, 0);
    // Rows after the end are not accounted; what is left there of earlier flows must not be sampled.
    batch.hostSlot.fill(NO_HOST, kept, end);
    batch.end = kept;
    return end - kept;
  }

  /** Notes which external interfaces report records that count. */
  #learn(batch: FlowBatch, networks: PrefixTable, now: number): void {
    for (let row = batch.start; row < batch.end; row++) {
      const inward = isInward(batch, row, networks);
      const crossings = this.#external.get(crossedInterface(batch, row, inward));
      if (crossings === undefined || batch.direction[row] === this.#repeated(inward)) continue;
      if (inward) {
        crossings.inwardAt = now;
        this.#anywhere.inwardAt = now;
      } else {
        crossings.outwardAt = now;
        this.#anywhere.outwardAt = now;
      }
    }
  }

  /** The direction of the record that does not count where there are two. */
  #repeated(inward: boolean): number {
    return inward || !this.#egressSampling ? DIRECTION_EGRESS : DIRECTION_INGRESS;
  }

  /** Whether a record of the repeated direction is the only one of its crossing. */
  #isOnlyRecord(crossings: Crossings, inward: boolean, now: number): boolean {
    return this.#egressSampling && now - (inward ? crossings.inwardAt : crossings.outwardAt) > REMEMBERED_MS;
  }
}

function isInward({ dst0, dst1, dst2, dst3 }: FlowBatch, row: number, networks: PrefixTable): boolean {
  return networks.lookup(dst0[row], dst1[row], dst2[row], dst3[row]) !== NO_MATCH;
}

/** The interface at which the row would have crossed the border; 0 where it is not known. */
function crossedInterface({ inInterface, outInterface }: FlowBatch, row: number, inward: boolean): number {
  return inward ? inInterface[row] : outInterface[row];
}
