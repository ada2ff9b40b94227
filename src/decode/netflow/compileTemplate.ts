/*
 * Compiles a template when it is learned: where each field lies in a record, and what is done with it.
 */
import type { Template } from '../exporter/template.ts';
import { planFlow } from './flowPlan.ts';
import { type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { planOptions } from './optionsPlan.ts';

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
