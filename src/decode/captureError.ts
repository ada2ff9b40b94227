/*
 * The error of a file that cannot be read as a capture. Files come from a person who waits for an answer, so unlike
 * datagrams they are refused with a thrown error.
 */

/** Bytes that are no capture; the message names the byte and what was expected there. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';

  constructor(problem: string) {
    super(`Cannot read the capture: ${problem}`);
  }
}
