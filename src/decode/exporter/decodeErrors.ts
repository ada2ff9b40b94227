/*
 * What can be wrong with a datagram. An error costs as little as possible: the record, the set or the rest of the
 * datagram, never the exporter.
 */

/**
 * Why a datagram, or a part of one, gave no flows. The list is fixed, because the reasons are keys in the API.
 */
export const DECODE_ERROR_REASONS = [
  /** A version other than NetFlow 5 and 9, IPFIX (10) and sFlow 5. */
  'unsupported_version',
  /** Shorter than the header of its protocol. */
  'header_truncated',
  /** The header promises more records, samples or bytes than the datagram holds. */
  'datagram_truncated',
  /** Bytes after the IPFIX message that are neither padding nor another message. */
  'trailing_bytes',
  /** A set length below the set header's four bytes, or beyond the end of the datagram. */
  'set_length',
  /** A set id that the protocol reserves. */
  'set_id_reserved',
  /** A template that ends before its last field. */
  'template_truncated',
  /** A template id below 256: those are set ids. */
  'template_id_reserved',
  /** A NetFlow v9 template without fields. In IPFIX it withdraws a template. */
  'template_empty',
  /** A data set whose template describes records of zero bytes. */
  'record_empty',
  /** A record that goes beyond the end of its set, or a set too short for one record. */
  'record_overrun',
  /** An sFlow agent address that is neither IPv4 nor IPv6. */
  'agent_address',
  /** An sFlow sample that goes beyond the end of the datagram, or is too short for its own header. */
  'sample_truncated',
  /** An sFlow record that goes beyond the end of its sample, or is too short for its type. */
  'sample_record_truncated',
  /** A template that was refused, or an older one that was removed for it, because the exporter's table is full. */
  'template_limit',
  /** The least recently seen domain was removed, because the exporter's table is full. */
  'domain_limit',
  /** A sampling rate that was not remembered, because the exporter's table is full. */
  'sampling_limit',
  /** Records that were skipped, because the datagram's rows in the batch are full. */
  'flow_limit',
  /** A data set that was dropped because its template did not come in time. Not an error of the datagram. */
  'template_missing',
  /** A data set that could not wait for its template, because the buffer is full. Not an error of the datagram. */
  'awaiting_limit',
] as const;

export type DecodeErrorReason = (typeof DECODE_ERROR_REASONS)[number];
