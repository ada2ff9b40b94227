/*
 * What an exporter says and is not believed. Anybody can send in an exporter's name, and exporters have bugs: a value
 * that no link can carry, or that means something else than its field, decides nothing. It is counted by reason.
 */

/** The list is fixed, because the reasons are keys in the API. */
export const DOUBT_REASONS = [
  /** A sampling rate that cannot be one, or is beyond `sampling.max_stated_rate`. The configured rate is used. */
  'sampling_rate',
  /** A sampling rate far from those before. It is used once it is stated again; a record beside it counts with zeros. */
  'sampling_rate_jump',
  /** A sampling algorithm that does not exist. The rate beside it is not used. */
  'sampling_algorithm',
  /** A field that is known but has a length that cannot be read, or a value too large for it. It is left out. */
  'field_width',
  /** Times that cannot be. They are left out. */
  'clock',
  /** Counters of a record that no packets can have. The record counts with zeros. */
  'counters',
  /** The size of a sampled frame that no frame can have. The sample counts with zeros. */
  'frame_length',
  /** More traffic in the time of a record, or of all of a datagram, than any interface can carry. They count with zeros. */
  'flow_rate',
  /** No interface in a record of an exporter with `sampling.boundary`. The record counts. */
  'interface_unknown',
] as const;

export type DoubtReason = (typeof DOUBT_REASONS)[number];
