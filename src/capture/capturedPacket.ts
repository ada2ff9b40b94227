/*
 * What both capture formats, pcap and pcapng, hand on: packets, the counts of what was passed over, and the error of a
 * file that cannot be read.
 */

/** A captured packet as the file formats hand it on: bytes [offset, offset + length) of the file. */
export interface CapturedPacket {
  readonly timeMs: number;
  readonly linkType: number;
  readonly offset: number;
  readonly length: number;
}

/** What of a capture was passed over; final once its datagrams have been read. */
export interface CaptureSummary {
  /** Packets in the capture, of any kind. */
  packets: number;
  datagrams: number;
  /** Packets without UDP, or of a link type that cannot be read. */
  notUdp: number;
  /** Datagrams that the capture holds only the beginning of (a snap length too short). */
  cutShort: number;
  /** Datagrams of which fragments are missing. */
  incompleteFragments: number;
  /** What is wrong at the end of the file and where, in words; undefined where nothing is. */
  truncated: string | undefined;
}

/** Bytes that are no capture; the message names the byte and what was expected there. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';

  constructor(problem: string) {
    super(`Cannot read the capture: ${problem}`);
  }
}
