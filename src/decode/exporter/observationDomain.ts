/*
 * What decoding remembers of one observation domain of an exporter (RFC 7011 §2): templates, sampling rates and the
 * place in the sequence. NetFlow v9 calls it source id, v5 engine, sFlow sub-agent.
 */
import { SamplingRates } from './samplingRates.ts';
import { SequenceTracker } from './sequenceTracker.ts';
import type { Template } from './template.ts';

export class ObservationDomain {
  /** Index into `PROTOCOLS`: the same number under two protocols is two domains. */
  readonly protocol: number;
  readonly id: number;
  /** By template id; in the order in which they were last announced. */
  readonly templates = new Map<number, Template>();
  readonly sampling = new SamplingRates();
  readonly sequence = new SequenceTracker();
  lastSeenMs = 0;

  constructor(protocol: number, id: number) {
    this.protocol = protocol;
    this.id = id;
  }
}
