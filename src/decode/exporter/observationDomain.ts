/*
 * What decoding remembers of one observation domain of an exporter (RFC 7011 §2): templates, sampling rates and the
 * sequence number. NetFlow v9 calls the domain source id, v5 engine, sFlow sub-agent.
 */
import { type FlowBatch, SAMPLING_FROM_OPTIONS } from '../../flowBatch.ts';
import { ExportClock } from './exportClock.ts';
import type { Template } from './template.ts';

/** A number this little behind the expected one is a datagram that was overtaken; one further behind is a restart. */
const REORDER_WINDOW = 1024;

/** Half of the 32-bit numbers are ahead, half behind. */
const HALF_RANGE = 0x8000_0000;

const UNKNOWN = -1;

/** A larger number is garbage, and would turn a trickle of packets into an attack. */
const MAX_SAMPLING_RATE = 0xffff_ffff;

/** Whether a number can be a sampling rate. 0, fractions below 1 and results of a division by zero cannot. */
export function isSamplingRate(rate: number): boolean {
  return rate >= 1 && rate <= MAX_SAMPLING_RATE;
}

/**
 * The sampling rates that one observation domain states in its options records: for the whole domain, by sampler, by
 * interface. A rate of N means that one in N packets is sampled. 0 stands for "not stated".
 */
class SamplingRates {
  /** For every record of the domain. 0 = not stated. */
  domainWide = 0;
  /** By samplerId (element 48) or selectorId (302). */
  readonly bySampler = new Map<number, number>();
  /** By ifIndex. */
  readonly byInterface = new Map<number, number>();

  get size(): number {
    return this.bySampler.size + this.byInterface.size;
  }

  /**
   * The rate for records that name no sampler: the domain's own, else the rate of its only sampler. With several
   * samplers it is not known which one took the record. 0 = not stated.
   */
  get unnamed(): number {
    if (this.domainWide > 0 || this.bySampler.size !== 1) return this.domainWide;
    for (const rate of this.bySampler.values()) return rate;
    return 0;
  }

  /** Sets the rate of rows whose record did not state it. `named`: their records name a sampler. */
  applyTo(batch: FlowBatch, row: number, count: number, named: boolean): void {
    const { samplingRate, samplingSource, inInterface } = batch;
    const { byInterface } = this;
    const general = named ? this.domainWide : this.unnamed;
    if (general === 0 && byInterface.size === 0) return;
    for (let i = row; i < row + count; i++) {
      if (samplingRate[i] !== 0) continue;
      const rate = byInterface.size === 0 ? general : (byInterface.get(inInterface[i]) ?? general);
      if (rate === 0) continue;
      samplingRate[i] = rate;
      samplingSource[i] = SAMPLING_FROM_OPTIONS;
    }
  }
}

export class ObservationDomain {
  /** Index into `PROTOCOLS`: the same number in two protocols is two domains. */
  readonly protocol: number;
  readonly id: number;
  /** By template id, the least recently announced first. */
  readonly templates = new Map<number, Template>();
  readonly sampling = new SamplingRates();
  readonly clock = new ExportClock();
  /** When the exporter started (element 160), in milliseconds of its clock; 0 where it does not say. */
  systemInitMs = 0;
  lastSeenMs = 0;
  #expectedSequence = UNKNOWN;

  constructor(protocol: number, id: number) {
    this.protocol = protocol;
    this.id = id;
  }

  /**
   * Takes a datagram's sequence number. `next` is by how much the datagram advances it, negative where that cannot be
   * known: the flows in it (NetFlow v5), its data records (IPFIX, RFC 7011 §3.1), or 1 (NetFlow v9, RFC 3954 §5.1, and
   * sFlow). True where something before it is missing.
   */
  followSequence(sequence: number, next: number): boolean {
    const expected = this.#expectedSequence;
    const ahead = (sequence - expected) >>> 0;
    const behind = (expected - sequence) >>> 0;
    if (expected !== UNKNOWN && behind !== 0 && behind <= REORDER_WINDOW) return false;
    this.#expectedSequence = next < 0 ? UNKNOWN : (sequence + next) >>> 0;
    return expected !== UNKNOWN && ahead !== 0 && ahead < HALF_RANGE;
  }
}
