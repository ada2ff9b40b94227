/*
 * What the counters of a template are of: deltas since the record before (elements 1, 2, RFC 7012), totals since the flow
 * began (85, 86), both, or the events of a firewall; and those of the reverse direction (RFC 5103).
 */
import { BYTES_ARE_TOTAL, PACKETS_ARE_TOTAL } from '../../flowBatch.ts';
import { type CounterKind, NO_FIELD } from '../exporter/template.ts';
import { IE, REVERSE } from './informationElements.ts';
import { MAX_INTEGER_BYTES } from './recordFields.ts';
import type { Fields } from './templateFields.ts';

/** The reverse direction has an element of its own, or that of the forward one under the number of RFC 5103. */
export function findReverse(fields: Fields, responder: number, delta: number, total: number): number {
  const own = fields.find(responder, 1, MAX_INTEGER_BYTES);
  if (own !== NO_FIELD) return own;
  const reverse = fields.find(delta, 1, MAX_INTEGER_BYTES, REVERSE);
  return reverse !== NO_FIELD ? reverse : fields.find(total, 1, MAX_INTEGER_BYTES, REVERSE);
}

/** See `CounterKind`. */
export function counterKind(fields: Fields): CounterKind {
  const has = (...elements: readonly number[]): boolean => fields.findAny(elements, 1, MAX_INTEGER_BYTES) !== NO_FIELD;
  if (has(IE.firewallEvent) && has(IE.initiatorOctets, IE.responderOctets, IE.initiatorPackets)) return 'events';
  const hasReverse = (...elements: readonly number[]): boolean =>
    elements.some((element) => fields.find(element, 1, MAX_INTEGER_BYTES, REVERSE) !== NO_FIELD);
  const deltas = [
    IE.octetDeltaCount,
    IE.packetDeltaCount,
    IE.layer2OctetDeltaCount,
    IE.postOctetDeltaCount,
    IE.postPacketDeltaCount,
  ];
  const totals = [IE.octetTotalCount, IE.packetTotalCount];
  if (!has(...totals) && !hasReverse(...totals)) return 'deltas';
  return has(...deltas) || hasReverse(...deltas) ? 'mixed' : 'totals';
}

/** Marks of the reverse counters that are totals; a delta comes first. */
export function reverseMarks(fields: Fields): number {
  const isTotal = (responder: number, delta: number, total: number): boolean =>
    fields.find(total, 1, MAX_INTEGER_BYTES, REVERSE) !== NO_FIELD &&
    findReverse(fields, responder, delta, total) === fields.find(total, 1, MAX_INTEGER_BYTES, REVERSE);
  return (
    (isTotal(IE.responderPackets, IE.packetDeltaCount, IE.packetTotalCount) ? PACKETS_ARE_TOTAL : 0) |
    (isTotal(IE.responderOctets, IE.octetDeltaCount, IE.octetTotalCount) ? BYTES_ARE_TOTAL : 0)
  );
}

/** Marks of the counters that are there as a delta and as a total; none where there are reverse counters besides. */
export function bothMarks(fields: Fields): number {
  const hasReverse = [
    findReverse(fields, IE.responderOctets, IE.octetDeltaCount, IE.octetTotalCount),
    findReverse(fields, IE.responderPackets, IE.packetDeltaCount, IE.packetTotalCount),
  ].some((field) => field !== NO_FIELD);
  if (hasReverse) return 0;
  return (
    (fields.has(IE.packetDeltaCount) && fields.has(IE.packetTotalCount) ? PACKETS_ARE_TOTAL : 0) |
    (fields.has(IE.octetDeltaCount) && fields.has(IE.octetTotalCount) ? BYTES_ARE_TOTAL : 0)
  );
}
