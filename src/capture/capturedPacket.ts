/*
 * What the readers of both formats, pcap and pcapng, have in common: a packet, the counts of what was skipped, and the
 * error for a file that cannot be read.
 */

/** A captured packet: bytes [offset, offset + length) of the file. */
export interface CapturedPacket {
  /** When it was captured, milliseconds since the epoch, with fractions. */
  readonly timeMs: number;
  /** By tcpdump's registry of link types. */
  readonly linkType: number;
  readonly offset: number;
  readonly length: number;
}

/** What a capture holds and what of it was skipped. Complete when all datagrams have been read. */
export interface CaptureSummary {
  /** Packets in the capture, of any kind. */
  packets: number;
  datagrams: number;
  /** Packets that are not UDP over IP, or have an unknown link type. */
  notUdp: number;
  /** Datagrams of which the capture holds only the beginning, because the snap length was too short. */
  cutShort: number;
  /** Datagrams of which fragments are missing. */
  incompleteFragments: number;
  /** What is wrong at the end of the file, and at which byte; undefined where nothing is wrong. */
  truncated: string | undefined;
}

/**
 * A file that is not a capture. It is thrown, unlike decode errors, because a person waits for the answer. The message
 * names the byte and what was expected there.
 */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';

  constructor(problem: string) {
    super(`Cannot read the capture: ${problem}`);
  }
}
