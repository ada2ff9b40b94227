/*
 * Traffic as packets: sources that send, in steps of simulated time, packets of flows to protected hosts. A network takes
 * them: it counts the truth and shows each packet to the exporter on its path.
 *
 * Packets are paced, not drawn, so that the rate of a source is exact to one packet at any time and "0.9 times the limit"
 * is never above it. What is random is which flow a packet belongs to, addresses and ports.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { type Address, addressOfWords } from '../../../../src/net/address.ts';
import { ACK, FIN, SYN, TCP, UDP } from '../../../../src/net/protocolNumbers.ts';

/** All packets of a step pass at the beginning of it. */
export const STEP_MS = 10;

/** What packets have in common, whatever flow they belong to. */
export interface PacketKind {
  /** Index of the destination among the hosts of the scenario. */
  readonly host: number;
  /** Index of the exporter that sees them. */
  readonly exporter: number;
  readonly ipProtocol: number;
  readonly tcpFlags: number;
  /** From the IP header on. */
  readonly packetBytes: number;
}

/** One flow; the object is its identity. */
export interface Flow extends PacketKind {
  readonly src: Address;
  readonly dst: Address;
  readonly srcPort: number;
  readonly dstPort: number;
}

export interface Network {
  /** Packets of one flow pass now; `tcpFlags` where they are not those of the flow. */
  send(flow: Flow, packets: number, tcpFlags?: number): void;
  /** Packets pass now of which each is a flow of its own. */
  scatter(kind: PacketKind, packets: number): void;
}

/** Sends what is due in the step that begins at this time, in milliseconds since the scenario began. */
export type Source = (timeMs: number, network: Network) => void;

/** Packets a second at this time, in milliseconds since the scenario began. */
export type Rate = (timeMs: number) => number;

export const UDP_PACKETS = { host: 0, exporter: 0, ipProtocol: UDP, tcpFlags: 0, packetBytes: 512 };
export const TCP_DATA = { host: 0, exporter: 0, ipProtocol: TCP, tcpFlags: ACK, packetBytes: 1000 };
export const SYN_PACKETS = { host: 0, exporter: 0, ipProtocol: TCP, tcpFlags: SYN, packetBytes: 60 };

/** 10.0.0.1 and those after it. */
export function hostAddress(host: number): Address {
  return addressOfWords(0, 0, 0xffff, 0x0a000001 + host);
}

/** A flow of this kind from a random source. */
export function newFlow(kind: PacketKind, random: SeededRandom): Flow {
  return {
    ...kind,
    src: addressOfWords(0, 0, 0xffff, 0xcb000000 + random.below(1 << 24)),
    dst: hostAddress(kind.host),
    srcPort: 1024 + random.below(64_512),
    dstPort: 443,
  };
}

/** A constant rate in [fromMs, untilMs). */
export function steady(fromMs: number, untilMs: number, packetsPerSecond: number): Rate {
  return (timeMs) => (timeMs >= fromMs && timeMs < untilMs ? packetsPerSecond : 0);
}

/** The same, which grows evenly from zero during the first `rampMs`. */
export function ramp(fromMs: number, untilMs: number, rampMs: number, packetsPerSecond: number): Rate {
  const full = steady(fromMs, untilMs, packetsPerSecond);
  return (timeMs) => full(timeMs) * Math.min(1, (timeMs - fromMs) / rampMs);
}

/** On for `onMs` at this rate, then off for `offMs`, in [fromMs, untilMs). */
export function pulses(fromMs: number, untilMs: number, onMs: number, offMs: number, packetsPerSecond: number): Rate {
  const full = steady(fromMs, untilMs, packetsPerSecond);
  return (timeMs) => ((timeMs - fromMs) % (onMs + offMs) < onMs ? full(timeMs) : 0);
}

/** One flow. With `closesAtMs` its last packet has a FIN and passes then. */
export function lastingFlow(flow: Flow, rate: Rate, closesAtMs?: number): Source {
  const pacer = new Pacer(rate);
  return (timeMs, network) => {
    const packets = pacer.take(timeMs);
    if (packets > 0) network.send(flow, packets);
    if (timeMs === closesAtMs) network.send(flow, 1, flow.tcpFlags | FIN);
  };
}

/** Packets of which each is a flow of its own, as with forged sources. */
export function scattered(kind: PacketKind, rate: Rate): Source {
  const pacer = new Pacer(rate);
  return (timeMs, network) => {
    const packets = pacer.take(timeMs);
    if (packets > 0) network.scatter(kind, packets);
  };
}

/** So many flows at once; each ends after `packetsPerFlow`, TCP with a FIN, and another takes its place. */
export function shortFlows(
  kind: PacketKind,
  rate: Rate,
  concurrent: number,
  packetsPerFlow: number,
  random: SeededRandom,
): Source {
  const pacer = new Pacer(rate);
  const flows = Array.from({ length: concurrent }, () => newFlow(kind, random));
  const left = new Array<number>(concurrent).fill(packetsPerFlow);
  return (timeMs, network) => {
    for (let packets = pacer.take(timeMs); packets > 0; packets--) {
      const place = random.below(concurrent);
      const isLast = --left[place] === 0;
      network.send(flows[place], 1, isLast && kind.ipProtocol === TCP ? kind.tcpFlags | FIN : kind.tcpFlags);
      if (!isLast) continue;
      flows[place] = newFlow(kind, random);
      left[place] = packetsPerFlow;
    }
  };
}

/**
 * So many flows at once, whose lengths and rates differ much, as in ordinary traffic: most last seconds, a few minutes,
 * and a few carry most of the packets. A flow that is over is closed, and another takes its place.
 */
export function variedFlows(kind: PacketKind, rate: Rate, concurrent: number, random: SeededRandom): Source {
  const pacer = new Pacer(rate);
  const flows = Array.from({ length: concurrent }, () => newFlow(kind, random));
  const untilMs = flows.map(() => random.below(heavyTailed(random)));
  return (timeMs, network) => {
    for (let packets = pacer.take(timeMs); packets > 0; packets--) {
      const uniform = random.below(2 ** 32) / 2 ** 32;
      const place = Math.floor(concurrent * uniform ** 3);
      const isLast = timeMs >= untilMs[place];
      network.send(flows[place], 1, isLast && kind.ipProtocol === TCP ? kind.tcpFlags | FIN : kind.tcpFlags);
      if (!isLast) continue;
      flows[place] = newFlow(kind, random);
      untilMs[place] = timeMs + heavyTailed(random);
    }
  };
}

const SHORTEST_FLOW_MS = 500;
const LONGEST_FLOW_MS = 300_000;

/** How long a flow lasts; evenly distributed over the logarithm. */
function heavyTailed(random: SeededRandom): number {
  const uniform = random.below(2 ** 32) / 2 ** 32;
  return Math.round(SHORTEST_FLOW_MS * (LONGEST_FLOW_MS / SHORTEST_FLOW_MS) ** uniform);
}

/** Whole packets of a rate that may be a fraction in one step. */
class Pacer {
  readonly #rate: Rate;
  #due = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  take(timeMs: number): number {
    this.#due += (this.#rate(timeMs) * STEP_MS) / 1000;
    const packets = Math.floor(this.#due);
    this.#due -= packets;
    return packets;
  }
}
