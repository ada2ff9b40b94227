/*
 * The hot path of accounting: from the flows of a datagram to the rows of their hosts, and their counters.
 *
 * Both functions are made once for each receiving thread, and are closures, not methods. Of a function of which there is
 * only one closure, V8 compiles what it closes over as constants. So an array is read with one check instead of four
 * loads and three checks, which takes a third of the time off a flow. With several of them in a process, as in tests, they
 * are only slower.
 */
import { type FlowBatch, NO_HOST } from '../flowBatch.ts';
import { type CandidateHosts, SHARES_PER_GROUP } from './candidateHosts.ts';
import { type FlowPlacing, LATE_AFTER } from './flowPlacing.ts';
import {
  CANDIDATE_PLACE,
  ENTRY_SLOT,
  GROUP_AND_FLAGS,
  GROUP_MASK,
  type HostTable,
  IN_PROGRESS,
  LAST_BUCKET,
  LASTING_ROW,
  LATE_DELAYS,
  ROW_VALUES,
  ROW_WORDS,
  SLOT_BITS,
  SLOT_MASK,
} from './hostTable.ts';
import type { RateWindow } from './rateWindow.ts';
import { addSampled, BYTES, FLOWS, kindsOf, PACKETS } from './trafficCounters.ts';

/*
 * An imported constant is read from its module and checked at every use. Of copies that are made here V8 knows the values
 * when it compiles, which takes a fifth of the time off a flow.
 */
const NO_SLOT = NO_HOST;
const SHARES = SHARES_PER_GROUP;
const LATE = LATE_AFTER;
const CANDIDATE = CANDIDATE_PLACE;
const ENTRY = ENTRY_SLOT;
const GROUP = GROUP_AND_FLAGS;
const GROUP_BITS = GROUP_MASK;
const COUNTERS = IN_PROGRESS;
const BUCKET = LAST_BUCKET;
const LASTING = LASTING_ROW;
const ROW_END = LATE_DELAYS;
const VALUES = ROW_VALUES;
const WORDS = ROW_WORDS;
const TAG_SHIFT = SLOT_BITS;
const SLOT = SLOT_MASK;
const AT_PACKETS = PACKETS;
const AT_BYTES = BYTES;
const AT_FLOWS = FLOWS;

/** Up to so many hosts, their rows and index entries are in the caches anyway. */
const HOSTS_IN_CACHE = 4096;

const CACHE_LINE_WORDS = 16;

/**
 * Makes the function that writes the slot of each flow's destination, or NO_HOST, to `hostSlot`, for the flows of the
 * batch's current datagram.
 *
 * With many hosts, this mostly waits for memory. So two passes over the flows go before, each with so little work that the
 * processor has the reads of many flows in progress at once: the first reads their index entries, the second reads the
 * rows that these name. Then the rows are in the cache, for counting too.
 */
export function destinationFinder(batch: FlowBatch, table: HostTable): () => void {
  const { dst0, dst1, dst2, dst3, hostSlot } = batch;
  const { index, indexShift, words, hash, find } = table;

  /**
   * Writes for each flow the first index entry of its probe, which is mostly the right one, XOR the expected tag. The
   * result is slot + 1, or a larger number where the entry is another host's. No branch depends on what is read.
   */
  function probe(start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const bits = hash(dst0[i] | 0, dst1[i] | 0, dst2[i] | 0, dst3[i] | 0);
      hostSlot[i] = index[bits >>> indexShift] ^ (bits << TAG_SHIFT);
    }
  }

  /** Turns the results of `probe` into slots, and brings the address and the counters of each row into the cache. */
  function touchRows(start: number, end: number): void {
    let sum = 0;
    for (let i = start; i < end; i++) {
      const slot = hostSlot[i] - 1;
      if (slot >>> 0 >= ENTRY) {
        hostSlot[i] = NO_SLOT;
        continue;
      }
      hostSlot[i] = slot;
      const row = (slot & SLOT) * WORDS;
      sum = (sum + words[row] + words[row + CACHE_LINE_WORDS] + words[row + ROW_END]) | 0;
    }
    table.touched = sum;
  }

  function isGuessed(i: number): boolean {
    const slot = hostSlot[i];
    const row = (slot & SLOT) * WORDS;
    return (
      slot !== NO_SLOT &&
      words[row + 3] === (dst3[i] | 0) &&
      words[row + 2] === (dst2[i] | 0) &&
      words[row + 1] === (dst1[i] | 0) &&
      words[row] === (dst0[i] | 0)
    );
  }

  function findDestinations(): void {
    const { start, end } = batch;
    const mayMissCache = table.count > HOSTS_IN_CACHE;
    if (mayMissCache) {
      probe(start, end);
      touchRows(start, end);
    }
    for (let i = start; i < end; i++) {
      if (mayMissCache && isGuessed(i)) continue;
      hostSlot[i] = find(dst0[i], dst1[i], dst2[i], dst3[i]);
    }
  }

  return findDestinations;
}

/**
 * Makes the function that counts the flows of the batch's current datagram, and writes their time of receipt. `admit`
 * takes the row of a flow whose destination has no slot, and returns its slot, or NO_HOST.
 */
export function flowCounter(
  batch: FlowBatch,
  table: HostTable,
  candidates: CandidateHosts,
  placing: FlowPlacing,
  admit: (row: number) => number,
): (window: RateWindow) => void {
  const { sampledPackets, sampledBytes, samplingRate, durationMs, endAgoMs } = batch;
  const { ipProtocol, tcpFlags, fragment, hostSlot, receivedAtMs } = batch;
  const { values, words } = table;

  function countFlows(window: RateWindow): void {
    const { start, end } = batch;
    const { shares } = candidates;
    const { now, bucket } = window;
    const elapsedMs = now - window.bucketStartMs;
    const lateMs = window.bucketMs * LATE;
    const windowMs = window.windowSeconds * 1000;
    for (let i = start; i < end; i++) {
      receivedAtMs[i] = now;
      let slot = hostSlot[i];
      if (slot === NO_SLOT) {
        slot = admit(i);
        hostSlot[i] = slot;
        if (slot === NO_SLOT) continue;
      }
      const row = (slot & SLOT) * WORDS;
      if (words[row + BUCKET] !== bucket) placing.roll(slot);
      const kinds = kindsOf(ipProtocol[i], tcpFlags[i], fragment[i]);
      const rate = samplingRate[i];
      const packets = sampledPackets[i] * rate;
      const bytes = sampledBytes[i] * rate;
      // Also a short record may be the last one of a flow that is carried forward.
      if (durationMs[i] > windowMs || words[row + LASTING] !== 0) {
        placing.countLasting(i, slot, kinds, packets, bytes);
        continue;
      }
      const endAgo = endAgoMs[i];
      if (endAgo > lateMs) placing.noteLate(i, slot, packets);
      const isCandidate = words[row + CANDIDATE] !== 0;
      // Most records are of packets that just passed.
      if (isCandidate && Math.max(endAgo, 0) + durationMs[i] > elapsedMs) {
        if (placing.place(i, slot, durationMs[i], kinds, packets, bytes)) continue;
      }
      const at = (slot & SLOT) * VALUES + COUNTERS;
      values[at + AT_FLOWS] += 1;
      addSampled(values, at, packets, bytes, kinds, rate);
      if (isCandidate) continue;
      const sharesAt = (words[row + GROUP] & GROUP_BITS) * SHARES;
      if (
        values[at + AT_PACKETS] > shares[sharesAt] ||
        values[at + AT_BYTES] > shares[sharesAt + 1] ||
        values[at + AT_FLOWS] > shares[sharesAt + 2]
      )
        candidates.admit(slot);
    }
  }

  return countFlows;
}
