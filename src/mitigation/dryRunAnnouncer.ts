/*
 * The announcer of dry-run: it announces nothing, and answers as a daemon would that did everything it was told.
 */
import { type Announcement, type Announcer, NO_EVIDENCE, type RouteEvidence } from './announcer.ts';

export class DryRunAnnouncer implements Announcer {
  #wanted: ReadonlyMap<string, Announcement> = new Map();
  #flowspecRules = 0;

  setWanted(wanted: ReadonlyMap<string, Announcement>): void {
    this.#wanted = wanted;
    this.#flowspecRules = 0;
    for (const { route } of wanted.values()) if (route.kind === 'flowspec') this.#flowspecRules++;
  }

  /** What would be announced now. */
  wanted(): ReadonlyMap<string, Announcement> {
    return this.#wanted;
  }

  /** Nothing is in any RIB, and nothing is waited for. */
  evidence(_key: string): RouteEvidence {
    return NO_EVIDENCE;
  }

  audience(): 'some' {
    return 'some';
  }

  counts(): { readonly unicast: number; readonly flowspec: number } {
    return { unicast: this.#wanted.size - this.#flowspecRules, flowspec: this.#flowspecRules };
  }
}
