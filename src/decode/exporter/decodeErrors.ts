/*
 * Why a datagram, or a part of one, gave no flows. A closed list, because the reasons are label values and API keys.
 */

export const DECODE_ERROR_REASONS = [
  /** A version that is none of NetFlow 5 and 9, IPFIX (10) and sFlow 5. */
  'unsupported_version',
  /** Shorter than the header of its protocol. */
  'header_truncated',
  /** The header promises more records, samples or bytes than the datagram holds. */
  'datagram_truncated',
  /** Bytes behind the IPFIX message that are neither padding nor another message. */
  'trailing_bytes',
  /** A set length below the set header's four bytes, or beyond the end of the datagram. */
  'set_length',
  /** A set id that the protocol reserves. */
  'set_id_reserved',
  /** A template that ends before its last field. */
  'template_truncated',
  /** A template id below 256, where set ids live. */
  'template_id_reserved',
  /** A NetFlow v9 template without fields; in IPFIX that is a withdrawal. */
  'template_empty',
  /** A data set whose template describes records of no bytes at all. */
  'record_empty',
  /** A record that runs over the end of its set, or a set too short for a single one. */
  'record_overrun',
  /** An sFlow agent address that is neither IPv4 nor IPv6. */
  'agent_address',
  /** An sFlow sample that runs over the end of the datagram, or too short for its own header. */
  'sample_truncated',
  /** An sFlow record that runs over the end of its sample, or too short for its own type. */
  'sample_record_truncated',
  /** A template refused, or an older one forgotten, because the exporter's table is full. */
  'template_limit',
  /** The domain unheard of for longest was forgotten, because the exporter's table is full. */
  'domain_limit',
  /** A sampling rate that was not remembered, because the exporter's table is full. */
  'sampling_limit',
  /** A record whose counters no link could have carried; the flow stays, with counters of 0. */
  'counter_implausible',
  /** Records left out, because the datagram's rows in the batch are full. */
  'flow_limit',
  /** A data set given up because its template did not come in time. Not a fault of the datagram. */
  'template_missing',
  /** A data set not kept for its template, because the buffer is full. Not a fault of the datagram. */
  'awaiting_limit',
] as const;

export type DecodeErrorReason = (typeof DECODE_ERROR_REASONS)[number];
