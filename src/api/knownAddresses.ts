/*
 * Addresses from which somebody presented a valid token. The API keeps connections for them.
 */

const MAX_ADDRESSES = 256;

export class KnownAddresses {
  /** The one that was used longest ago first. */
  readonly #addresses = new Set<string>();

  add(address: string): void {
    this.#addresses.delete(address);
    this.#addresses.add(address);
    const [oldest] = this.#addresses;
    if (this.#addresses.size > MAX_ADDRESSES) this.#addresses.delete(oldest);
  }

  has(address: string): boolean {
    return this.#addresses.has(address);
  }
}
