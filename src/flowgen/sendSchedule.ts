/*
 * When packets are due. It goes by the time since the start and never by the time since the last tick, so that late
 * timers do not lower the rate: at every moment it is exact to one packet.
 */
export class SendSchedule {
  readonly #packetsPerSecond: number;
  readonly #totalPackets: number;
  #taken = 0;

  /** Both above 0; the rate is of sampled packets and may be a fraction. */
  constructor(packetsPerSecond: number, seconds: number) {
    this.#packetsPerSecond = packetsPerSecond;
    this.#totalPackets = Math.round(packetsPerSecond * seconds);
  }

  /** Packets over the whole run. */
  get totalPackets(): number {
    return this.#totalPackets;
  }

  get finished(): boolean {
    return this.#taken >= this.#totalPackets;
  }

  /** How many packets are due at this time and were not taken before. */
  take(elapsedMs: number): number {
    const dueByNow = Math.min(this.#totalPackets, Math.floor((elapsedMs / 1_000) * this.#packetsPerSecond));
    const due = Math.max(0, dueByNow - this.#taken);
    this.#taken += due;
    return due;
  }
}
