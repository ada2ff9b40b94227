/*
 * What was sent to which channel queue, as far as the next notification depends on it. The end of an attack goes to the
 * queues that got its start, and `quiet_seconds` of a route suppresses repetitions.
 */

/** The engine follows at most ten thousand attacks at a time; older ones have ended. */
const MAX_ATTACKS = 20_000;
const MAX_SENT = 100_000;

export class NotificationLog {
  /** Keys of queues by attack. */
  readonly #queuesByAttack = new Map<string, Set<string>>();
  /** Clock milliseconds, oldest first. */
  readonly #sentAt = new Map<string, number>();

  /** The queues that were notified of the attack; undefined where the attack is not known, for example after a restart. */
  queuesOf(attackId: string): ReadonlySet<string> | undefined {
    return this.#queuesByAttack.get(attackId);
  }

  /** Adds queues that were notified of the attack. With none, it is known that nobody was notified. */
  addQueues(attackId: string, keys: Iterable<string>): void {
    const queues = this.#queuesByAttack.get(attackId) ?? new Set<string>();
    for (const key of keys) queues.add(key);
    this.#queuesByAttack.set(attackId, queues);
    deleteOldest(this.#queuesByAttack, MAX_ATTACKS);
  }

  forgetAttack(attackId: string): void {
    this.#queuesByAttack.delete(attackId);
  }

  /** Whether `key` was recorded less than `seconds` before `at`. */
  isRecent(key: string, at: number, seconds: number): boolean {
    const before = this.#sentAt.get(key);
    return before !== undefined && at >= before && at - before < seconds * 1000;
  }

  record(key: string, at: number): void {
    this.#sentAt.delete(key);
    this.#sentAt.set(key, at);
    deleteOldest(this.#sentAt, MAX_SENT);
  }
}

function deleteOldest(map: Map<string, unknown>, limit: number): void {
  if (map.size <= limit) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
