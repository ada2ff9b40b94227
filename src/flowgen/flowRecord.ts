/*
 * One flow as an exporter accounts it: what the traffic generators hand to the encoders. It shares nothing with the
 * columns of the decoder, so that a mistake in one is not repeated in the other.
 */
import type { Address } from '../net/address.ts';

export interface FlowRecord {
  readonly src: Address;
  /** Of the same family as `src`. */
  readonly dst: Address;
  readonly srcPort: number;
  /** For ICMP: type × 256 + code. */
  readonly dstPort: number;
  readonly ipProtocol: number;
  readonly tcpFlags: number;
  /** Whether the packets are later fragments, which carry no ports. */
  readonly fragment: boolean;
  /** Packets that the exporter sampled. A whole number, at least 1. */
  readonly packets: number;
  /** Length of those packets from the IP header on, together. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly inInterface: number;
  readonly outInterface: number;
}
