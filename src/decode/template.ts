/*
 * A template as decoding keeps it: what its records look like on the wire, and what of them is wanted. Compiled once
 * when it is learned, so that data sets cost reads and stores only (RFC 3954 §5.2, RFC 7011 §3.4).
 */
import { type FlowPlan, planFlow } from './flowPlan.ts';
import { VARIABLE_LENGTH } from './informationElements.ts';
import { type OptionsPlan, planOptions } from './optionsPlan.ts';

/** One field of a template. `enterprise` 0 is IANA's registry. */
export interface TemplateField {
  readonly enterprise: number;
  readonly element: number;
  /** Bytes, or `VARIABLE_LENGTH`. */
  readonly length: number;
}

interface TemplateLayout {
  readonly id: number;
  /** The announcement itself; most are repeats, and comparing bytes is all that those cost. */
  readonly announcement: Uint8Array;
  /** Bytes of each field, `VARIABLE_LENGTH` where the record says; never zero. */
  readonly lengths: Uint16Array;
  /** Where each field begins in a record; of use only where no field before it is of variable length. */
  readonly offsets: Uint32Array;
  /** Bytes of a record; of the shortest one where fields are of variable length. */
  readonly recordBytes: number;
  readonly variable: boolean;
}

/** A template whose records are flows, or would be if they had addresses and counters. */
export interface FlowTemplate extends TemplateLayout {
  readonly kind: 'flow';
  readonly plan: FlowPlan;
}

/** An options template: its records tell about the exporter, the sampling rates among it. */
export interface OptionsTemplate extends TemplateLayout {
  readonly kind: 'options';
  readonly plan: OptionsPlan;
}

export type Template = FlowTemplate | OptionsTemplate;

/**
 * Compiles a template from the fields announced. Fields of no length are left out: there is nothing to read in them,
 * and a record of one byte could have ten thousand to walk.
 */
export function compileTemplate(
  kind: Template['kind'],
  id: number,
  announced: readonly TemplateField[],
  announcement: Uint8Array,
): Template {
  const fields = announced.filter(({ length }) => length > 0);
  const lengths = new Uint16Array(fields.length);
  const offsets = new Uint32Array(fields.length);
  let recordBytes = 0;
  let variable = false;
  for (let i = 0; i < fields.length; i++) {
    const { length } = fields[i];
    lengths[i] = length;
    offsets[i] = recordBytes;
    // A field of variable length takes one byte at least: the one that says it is empty.
    recordBytes += length === VARIABLE_LENGTH ? 1 : length;
    variable ||= length === VARIABLE_LENGTH;
  }
  const layout = { id, announcement, lengths, offsets, recordBytes, variable };
  if (kind === 'flow') return { kind, ...layout, plan: planFlow(fields) };
  return { kind, ...layout, plan: planOptions(fields) };
}
