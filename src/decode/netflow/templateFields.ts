/*
 * The fields of a template, found by element and by the lengths that can be read.
 */
import { NO_FIELD } from '../exporter/template.ts';
import { type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { MAX_INTEGER_BYTES } from './recordFields.ts';

/** Counters of more bytes than this do not pass their limit while a flow lasts. */
const WIDEST_THAT_WRAPS = 6;

/** Of a repeated element the first, the outermost, is used (RFC 7011 §8). */
export class Fields {
  readonly #fields: readonly TemplateField[];
  readonly #indexes = new Map<number, number>();

  constructor(fields: readonly TemplateField[]) {
    this.#fields = fields;
    for (let i = fields.length - 1; i >= 0; i--)
      this.#indexes.set(fieldKey(fields[i].element, fields[i].enterprise), i);
  }

  /** Index of the first field of this element where its length can be read, else `NO_FIELD`. */
  find(element: number, minBytes: number, maxBytes: number, enterprise = 0): number {
    const index = this.#indexes.get(fieldKey(element, enterprise));
    if (index === undefined) return NO_FIELD;
    const { length } = this.#fields[index];
    return length === VARIABLE_LENGTH || (length >= minBytes && length <= maxBytes) ? index : NO_FIELD;
  }

  has(element: number): boolean {
    return this.find(element, 1, MAX_INTEGER_BYTES) !== NO_FIELD;
  }

  isOfSize(index: number, bytes: number): boolean {
    return this.#fields[index].length === bytes;
  }

  /** The number at which a counter of the first element that is there begins anew; 0 where no flow gets there. */
  limitOf(...elements: readonly number[]): number {
    const index = this.findAny(elements, 1, WIDEST_THAT_WRAPS);
    const bytes = index === NO_FIELD ? VARIABLE_LENGTH : this.#fields[index].length;
    return bytes === VARIABLE_LENGTH ? 0 : 2 ** (8 * bytes);
  }

  findAny(elements: readonly number[], minBytes: number, maxBytes: number): number {
    for (const element of elements) {
      const index = this.find(element, minBytes, maxBytes);
      if (index !== NO_FIELD) return index;
    }
    return NO_FIELD;
  }
}

/** One number for both: elements have 15 bits. */
function fieldKey(element: number, enterprise: number): number {
  return enterprise * 0x8000 + element;
}
