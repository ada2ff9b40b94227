/*
 * The flows of a named attack, as an exporter near the victim sees them. Same seed, same flows.
 */
import { type Address, addressOfWords, type IpVersion } from '../net/address.ts';
import { ICMP, ICMPV6, TCP, UDP } from '../net/protocolNumbers.ts';
import { ATTACK_PROFILES, type AttackName, type AttackVector } from './attackProfiles.ts';
import { SeededRandom } from './seededRandom.ts';
import type { FlowRecord } from './telemetryEncoder.ts';

/** Interfaces through which the traffic enters and leaves the exporter. */
const IN_INTERFACE = 1;
const OUT_INTERFACE = 2;

/** ICMP echo request, type × 256 + code. */
const ECHO_REQUEST = 8 << 8;
const ECHO_REQUEST_V6 = 128 << 8;

export interface AttackTrafficOptions {
  readonly attack: AttackName;
  readonly target: Address;
  /** Length of each packet from the IP header on; undefined = what the attack usually has. */
  readonly packetBytes: number | undefined;
  /** Most packets in one record. */
  readonly packetsPerRecord: number;
  readonly seed: number;
}

export class AttackTraffic {
  readonly #options: AttackTrafficOptions;
  readonly #random: SeededRandom;
  #recordsMade = 0;

  constructor(options: AttackTrafficOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  /** The flows of the next `packets` sampled packets, which took `spanMs` to come. */
  take(packets: number, spanMs: number): FlowRecord[] {
    const records: FlowRecord[] = [];
    const { packetsPerRecord } = this.#options;
    for (let left = packets; left > 0; left -= packetsPerRecord) {
      records.push(this.#record(Math.min(left, packetsPerRecord), spanMs));
    }
    return records;
  }

  #record(packets: number, spanMs: number): FlowRecord {
    const { attack, target, packetBytes } = this.#options;
    const vectors: readonly AttackVector[] = ATTACK_PROFILES[attack];
    const vector = vectors[this.#recordsMade++ % vectors.length];
    const portless = vector.fragment || vector.transport === 'icmp';
    return {
      src: sourceAddress(target.version, this.#random.below(vector.sources)),
      dst: target,
      srcPort: portless ? 0 : this.#port(vector.srcPort),
      dstPort: vector.transport === 'icmp' ? echoRequest(target.version) : portless ? 0 : this.#port(vector.dstPort),
      ipProtocol: ipProtocolOf(vector, target.version),
      tcpFlags: vector.tcpFlags,
      fragment: vector.fragment,
      packets,
      bytes: packets * (packetBytes ?? usualPacketBytes(vector, target.version)),
      durationMs: packets === 1 ? 0 : Math.round(spanMs),
      endAgoMs: 0,
      inInterface: IN_INTERFACE,
      outInterface: OUT_INTERFACE,
    };
  }

  #port(port: number | 'any'): number {
    return port === 'any' ? 1_024 + this.#random.below(65_536 - 1_024) : port;
  }
}

/** Mean length of the attack's packets from the IP header on, where none is given. */
export function meanPacketBytes(attack: AttackName, version: IpVersion): number {
  const lengths = ATTACK_PROFILES[attack].map((vector) => usualPacketBytes(vector, version));
  return lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
}

/** The shortest packet that has room for all headers of the attack. */
export function shortestPacketBytes(attack: AttackName, version: IpVersion): number {
  return Math.max(...ATTACK_PROFILES[attack].map((vector) => ipHeaderBytes(vector, version) + transportHeader(vector)));
}

function usualPacketBytes(vector: AttackVector, version: IpVersion): number {
  return ipHeaderBytes(vector, version) + vector.transportBytes;
}

/** In IPv6 a fragment has an extension header of 8 bytes (RFC 8200 §4.5). */
function ipHeaderBytes(vector: AttackVector, version: IpVersion): number {
  if (version === 4) return 20;
  return vector.fragment ? 48 : 40;
}

function transportHeader(vector: AttackVector): number {
  return vector.transport === 'tcp' ? 20 : 8;
}

function ipProtocolOf(vector: AttackVector, version: IpVersion): number {
  if (vector.transport === 'udp') return UDP;
  if (vector.transport === 'tcp') return TCP;
  return version === 4 ? ICMP : ICMPV6;
}

function echoRequest(version: IpVersion): number {
  return version === 4 ? ECHO_REQUEST : ECHO_REQUEST_V6;
}

/**
 * Sources lie in the networks set aside for benchmarks, 198.18.0.0/15 (RFC 2544) and 2001:2::/48 (RFC 5180), so that
 * no real host appears as an attacker.
 */
function sourceAddress(version: IpVersion, number: number): Address {
  // An odd step visits each of the 2^17 addresses of the /15 once, neighbours far apart.
  const spread = Math.imul(number, 40_503) & 0x1ffff;
  if (version === 4) return addressOfWords(0, 0, 0xffff, 0xc6120000 + spread);
  return addressOfWords(0x20010002, spread >>> 1, 0, 1 + (spread & 1));
}
