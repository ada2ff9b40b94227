/*
 * The attacks that ended before the daemon started, from history, so that a restart loses none of them. They are
 * read once; until history has answered, the list is empty.
 */
import type { Logger } from '../log.ts';
import type { AttackJson } from '../shapes/attackJson.ts';
import { storedAttack } from '../shapes/storedAttack.ts';
import { HistoryError, type HistoryReader } from '../storage/history/historyStore.ts';

/** As many as the daemon keeps of those that end while it runs. */
const KEPT = 1000;

const RETRY_MS = 10_000;

export class EarlierAttacks {
  readonly #history: Pick<HistoryReader, 'attacks'>;
  readonly #log: Logger;
  #attacks: readonly AttackJson[] = [];
  #retry: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(history: Pick<HistoryReader, 'attacks'>, log: Logger) {
    this.#history = history;
    this.#log = log;
  }

  /** Reads from history, and tries again until history answers. */
  async load(): Promise<void> {
    const nothing = { from: undefined, to: undefined, target: undefined, group: undefined, type: undefined };
    try {
      const { rows } = await this.#history.attacks({ ...nothing, tenant: undefined, limit: KEPT, cursor: undefined });
      // An attack whose end was not seen, because Kapkan was stopped before, counts as ended.
      this.#attacks = rows.flatMap(({ attack }) => storedAttack(attack) ?? []).map((a) => ({ ...a, active: false }));
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error;
      if (this.#isStopped) return;
      this.#log.debug({ reason: error.message }, 'earlier attacks could not be read from history yet');
      this.#retry = setTimeout(() => void this.load(), RETRY_MS);
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retry);
  }

  /** Newest first. One that continued after the restart may be among them. */
  list(): readonly AttackJson[] {
    return this.#attacks;
  }
}
