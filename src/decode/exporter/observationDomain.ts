/*
 * What decoding remembers of one observation domain of an exporter (RFC 7011 §2): templates, sampling rates and the
 * sequence number. NetFlow v9 calls the domain source id, v5 engine, sFlow sub-agent.
 */
import { SamplingRates } from './samplingRates.ts';
import type { Template } from './template.ts';

/** A number this little behind the expected one is a datagram that was overtaken; one further behind is a restart. */
const REORDER_WINDOW = 1024;

/** Half of the 32-bit numbers are ahead, half behind. */
const HALF_RANGE = 0x8000_0000;

const UNKNOWN = -1;

export class ObservationDomain {
  /** Index into `PROTOCOLS`: the same number in two protocols is two domains. */
  readonly protocol: number;
  readonly id: number;
  /** By template id, the least recently announced first. */
  readonly templates = new Map<number, Template>();
  readonly sampling = new SamplingRates();
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
