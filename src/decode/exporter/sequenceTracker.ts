/*
 * Follows the sequence numbers of one stream of datagrams and tells where some are missing.
 *
 * What the number counts differs: flows sent before (NetFlow v5), data records sent before (IPFIX, RFC 7011 §3.1), or
 * datagrams (NetFlow v9, RFC 3954 §5.1, and sFlow). The caller says by how much each datagram moves it on.
 */

/** A number this little behind the expected one is a datagram overtaken on the way; further back, a restart. */
const REORDER_WINDOW = 1024;

const UNKNOWN = -1;

export class SequenceTracker {
  #expected = UNKNOWN;

  /**
   * Takes a datagram's number; `next` is how far it moves the sequence, or negative where that cannot be known.
   * True when something before it is missing.
   */
  follow(sequence: number, next: number): boolean {
    const expected = this.#expected;
    const ahead = (sequence - expected) >>> 0;
    const behind = (expected - sequence) >>> 0;
    if (expected !== UNKNOWN && behind !== 0 && behind <= REORDER_WINDOW) return false;
    this.#expected = next < 0 ? UNKNOWN : (sequence + next) >>> 0;
    return expected !== UNKNOWN && ahead !== 0 && ahead < 0x80000000;
  }
}
