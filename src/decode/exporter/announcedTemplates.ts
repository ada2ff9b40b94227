/*
 * The templates of one observation domain. A template belongs to the transport session that announced it (RFC 7011 §8),
 * so two exporters behind one address may use one id for two layouts. Some exporters send templates from one port and
 * data from another: where a session has announced none, the latest of the domain is used.
 */
import { areBootsDifferent, areBootsEqual, type MessageHistory } from './messageHistory.ts';
import type { Template } from './template.ts';

/** Sessions that may have a layout of their own for one id. */
const MOST_SESSIONS = 8;

/** A template as one session announced it. */
interface Announced {
  readonly port: number;
  readonly bootMs: number;
  readonly template: Template;
}

export class AnnouncedTemplates {
  /** By id, the least recently announced id first; of each id the latest announcement first. */
  readonly #byId = new Map<number, Announced[]>();
  /** What was announced before the last restart, until the session announces something. */
  #forgotten: Announced[] = [];
  /** Different templates, their bytes on the wire and their fields. */
  count = 0;
  wireBytes = 0;
  fields = 0;
  /** Flow templates whose records name a sampler. */
  namingSampler = 0;
  /** Options templates whose records state a sampling rate. */
  statingRate = 0;

  /** The template for data of this session. */
  find(id: number, session: MessageHistory): Template | undefined {
    const announced = this.#byId.get(id);
    if (announced === undefined) return undefined;
    return announced[0].port === session.port ? announced[0].template : this.#findAmong(announced, session);
  }

  /** Apart from `find`, which runs for every data set and allocates nothing. */
  #findAmong(announced: readonly Announced[], session: MessageHistory): Template | undefined {
    const own = announced.find(({ port }) => port === session.port);
    if (own !== undefined) return own.template;
    if (session.startsApart) return undefined;
    return announced.find(({ bootMs }) => !areBootsDifferent(bootMs, session.bootMs))?.template;
  }

  /** The templates with this id, of all sessions. */
  withId(id: number): Template[] {
    return this.#byId.get(id)?.map(({ template }) => template) ?? [];
  }

  /** Takes an announcement, the first one of the template or one more. */
  announce(template: Template, { port, bootMs }: MessageHistory): void {
    this.#forgotten = [];
    const known = this.#byId.get(template.id);
    const isRepeat = known?.length === 1 && known[0].template === template && known[0].port === port;
    if (isRepeat && !areBootsDifferent(known[0].bootMs, bootMs)) {
      // Most announcements are repeats. The id is the last one to be removed again.
      this.#byId.delete(template.id);
      this.#byId.set(template.id, known);
      return;
    }
    const others = (known ?? []).filter((announced) => announced.port !== port);
    this.#replace(template.id, [{ port, bootMs, template }, ...others.slice(0, MOST_SESSIONS - 1)]);
  }

  /** Removes what the session announced with this id. */
  withdraw(id: number, session: MessageHistory): void {
    this.#replace(
      id,
      (this.#byId.get(id) ?? []).filter(({ port }) => port !== session.port),
    );
  }

  /** Removes the templates of a kind that the session announced. */
  withdrawAll(kind: Template['kind'], session: MessageHistory): void {
    this.#removeWhere(({ port, template }) => port === session.port && template.kind === kind);
  }

  /** Removes what a session announced before it was restarted, and what its process did from other ports. */
  forgetSession(session: MessageHistory): void {
    const isOf = ({ port, bootMs }: Announced): boolean =>
      port === session.port || areBootsEqual(bootMs, session.earlierBootMs);
    this.#forgotten = [...this.#byId.values()].flatMap((announced) => announced.filter(isOf));
    this.#removeWhere(isOf);
  }

  /** It was no restart: what was forgotten holds. */
  restoreForgotten(): void {
    for (const announced of this.#forgotten) {
      const { id } = announced.template;
      this.#replace(id, [...(this.#byId.get(id) ?? []), announced]);
    }
    this.#forgotten = [];
  }

  /** Removes the templates of the id that was announced least recently. False where there is none. */
  forgetOldest(): boolean {
    const [oldest] = this.#byId.keys();
    if (oldest === undefined) return false;
    this.#replace(oldest, []);
    return true;
  }

  #removeWhere(isRemoved: (announced: Announced) => boolean): void {
    for (const [id, announced] of [...this.#byId]) {
      const kept = announced.filter((one) => !isRemoved(one));
      if (kept.length < announced.length) this.#replace(id, kept);
    }
  }

  /** Sets the announcements of an id, the last one to be removed when room is needed. */
  #replace(id: number, announced: Announced[]): void {
    for (const template of new Set(this.withId(id))) this.#count(template, -1);
    this.#byId.delete(id);
    if (announced.length === 0) return;
    this.#byId.set(id, announced);
    for (const template of new Set(this.withId(id))) this.#count(template, 1);
  }

  #count(template: Template, sign: 1 | -1): void {
    this.count += sign;
    this.wireBytes += sign * template.wireBytes.length;
    this.fields += sign * template.lengths.length;
    if (template.kind === 'options') this.statingRate += template.plan.statesRate ? sign : 0;
    else if (template.plan.namesSampler) this.namingSampler += sign;
  }
}
