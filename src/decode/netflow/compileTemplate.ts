/*
 * Compiles a template when it is learned: where each field is in a record, and which column it becomes.
 */
import type { Template } from '../exporter/template.ts';
import { planFlow } from './flowPlan.ts';
import { type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { planOptions } from './optionsPlan.ts';

/**
 * Compiles a template record. Fields of length zero are left out: they hold nothing, and a record of one byte could have
 * ten thousand of them. `wireBytes` is the record as received, and is kept.
 */
export function compileTemplate(
  kind: Template['kind'],
  id: number,
  definedFields: readonly TemplateField[],
  wireBytes: Uint8Array,
): Template {
  const fields = definedFields.filter(({ length }) => length > 0);
  const lengths = new Uint16Array(fields.length);
  const offsets = new Uint32Array(fields.length);
  let recordBytes = 0;
  let variable = false;
  for (let i = 0; i < fields.length; i++) {
    const { length } = fields[i];
    lengths[i] = length;
    offsets[i] = recordBytes;
    // A field of variable length takes at least one byte, its length.
    recordBytes += length === VARIABLE_LENGTH ? 1 : length;
    variable ||= length === VARIABLE_LENGTH;
  }
  const layout = { id, wireBytes, lengths, offsets, recordBytes, variable };
  if (kind === 'flow') return { kind, ...layout, plan: planFlow(fields) };
  return { kind, ...layout, plan: planOptions(fields) };
}
