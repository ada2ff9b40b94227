/*
 * What is told: from attacks and what becomes of their bans to notifications. It remembers, for each attack going on, the
 * ban that answers it, so that the news of an attack says what is being done about it.
 */
import type { Config } from '../config/config.ts';
import type { Attack } from '../engine/attack.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { MitigationEvent } from '../mitigation/mitigationEvent.ts';
import { routeSummary } from '../mitigation/routeText.ts';
import type { AttackFacts, BanFacts, Notification } from '../notify/notification.ts';

export interface NotificationFeedOptions {
  readonly config: () => Config;
  readonly notify: (notification: Notification) => void;
}

export class NotificationFeed {
  readonly #options: NotificationFeedOptions;
  /** Attacks going on, by id. */
  readonly #attacks = new Map<string, Attack>();
  /** The latest ban of each of them. */
  readonly #bans = new Map<string, Ban>();
  /** What happens to bans while attacks are being told of, to be told after them. */
  #held: MitigationEvent[] | undefined;

  constructor(options: NotificationFeedOptions) {
    this.#options = options;
  }

  /** An attack of before a restart goes on; it was told of then. */
  adopt(attack: Attack, ban: Ban): void {
    this.#attacks.set(attack.id, attack);
    this.#bans.set(attack.id, ban);
  }

  /** Attacks begin, and `decide` answers them with bans: first the attack is told of, then what went wrong with its ban. */
  opened(attacks: readonly Attack[], at: number, decide: () => void): void {
    for (const attack of attacks) this.#attacks.set(attack.id, attack);
    this.#held = [];
    decide();
    const held = this.#held;
    this.#held = undefined;
    for (const attack of attacks) this.#tellAttack('attack_started', attack, at);
    for (const event of held) this.#tellBan(event);
  }

  /** Their bans have ended already. */
  ended(attacks: readonly Attack[], at: number): void {
    for (const attack of attacks) {
      this.#tellAttack('attack_ended', attack, at);
      this.#attacks.delete(attack.id);
      this.#bans.delete(attack.id);
    }
  }

  /** To be called with everything that the controller tells. */
  onMitigation(event: MitigationEvent): void {
    if ('ban' in event && event.ban.attackId !== undefined && this.#attacks.has(event.ban.attackId)) {
      this.#bans.set(event.ban.attackId, event.ban);
    }
    if (this.#held === undefined) this.#tellBan(event);
    else this.#held.push(event);
  }

  #tellAttack(event: 'attack_started' | 'attack_ended', attack: Attack, at: number): void {
    const { config, notify } = this.#options;
    const ban = this.#bans.get(attack.id);
    notify({
      event,
      target: attack.targetText,
      group: attack.groupName,
      tenant: this.#tenantOf(attack.groupName),
      attack: attackFacts(attack),
      ban: ban && banFacts(ban),
      dryRun: ban?.dryRun ?? config().dryRun,
      at,
      reason: '',
    });
  }

  #tellBan(event: MitigationEvent): void {
    switch (event.kind) {
      case 'ban_rejected':
        this.#tellFailure('ban_rejected', event.ban, event.ban.reason, event.at);
        return;
      case 'fell_back':
        this.#tellFailure('ban_failed', event.ban, event.ban.fellBackReason ?? 'unknown', event.at);
        return;
      case 'ban_failed':
        this.#tellFailure('ban_failed', event.ban, event.reason, event.at);
        return;
      case 'ban_started':
        // It fell back before it began: nobody hears the method that was wanted.
        if (event.ban.fellBackFrom === undefined) return;
        this.#tellFailure('ban_failed', event.ban, event.ban.fellBackReason ?? 'unknown', event.at);
        return;
      case 'ban_changed':
      case 'ban_ended':
      case 'store_failed':
      case 'store_recovered':
        return;
    }
  }

  #tellFailure(event: 'ban_rejected' | 'ban_failed', ban: Ban, reason: string, at: number): void {
    const attack = ban.attackId === undefined ? undefined : this.#attacks.get(ban.attackId);
    this.#options.notify({
      event,
      target: ban.targetText,
      group: ban.group,
      tenant: this.#tenantOf(ban.group),
      attack: attack && attackFacts(attack),
      ban: banFacts(ban),
      dryRun: ban.dryRun,
      at,
      reason,
    });
  }

  #tenantOf(groupName: string): string | undefined {
    return this.#options.config().groups.find(({ name }) => name === groupName)?.tenant;
  }
}

function attackFacts(attack: Attack): AttackFacts {
  const { id, metric, rate, threshold, rates, startedAt, classification, sample } = attack;
  return {
    id,
    metric,
    rate,
    threshold,
    pps: rates.pps ?? 0,
    mbps: rates.mbps ?? 0,
    flowsPerSecond: rates.flows_per_sec ?? 0,
    startedAt,
    classification,
    sample,
  };
}

function banFacts(ban: Ban): BanFacts {
  const { state, method, madeBy, fellBackFrom } = ban;
  return {
    state,
    method,
    manual: madeBy === 'operator',
    fellBackFrom,
    route: ban.routes.length === 0 ? '' : routeSummary(ban),
  };
}
