/*
 * What was sent to which channel queue, as far as the next notification depends on it. The end of an attack or a
 * failure goes to the queues that got its start, and `quiet_seconds` of a route suppresses repetitions.
 */

/** The engine follows at most ten thousand attacks at a time, and each may have a ban that failed. */
const MAX_TOPICS = 50_000;
const MAX_SENT = 100_000;

export class NotificationLog {
  /** Keys of queues by topic, see `Recipients`. */
  readonly #queuesByTopic = new Map<string, Set<string>>();
  /** Clock milliseconds, oldest first. */
  readonly #sentAt = new Map<string, number>();

  /** The queues that got the topic; undefined where the topic is not known, for example after a restart. */
  queuesOf(topic: string): ReadonlySet<string> | undefined {
    return this.#queuesByTopic.get(topic);
  }

  /** Adds queues that got the topic. With none, it is known that nobody got it. */
  addQueues(topic: string, keys: Iterable<string>): void {
    const queues = this.#queuesByTopic.get(topic) ?? new Set<string>();
    for (const key of keys) queues.add(key);
    this.#queuesByTopic.set(topic, queues);
    deleteOldest(this.#queuesByTopic, MAX_TOPICS);
  }

  forgetTopic(topic: string): void {
    this.#queuesByTopic.delete(topic);
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
