/*
 * Reads template sets and options template sets of NetFlow v9 and IPFIX (RFC 3954 §5.2 and §6.1, RFC 7011 §3.4). A
 * template is compiled when it is learned: where each field is in a record, and which column it becomes.
 *
 *   template            0 id, 2 fields, 4 field…
 *   options, NetFlow v9 0 id, 2 bytes of scope fields, 4 bytes of option fields, 6 field…
 *   options, IPFIX      0 id, 2 fields, 4 scope fields among them, 6 field…
 *   field               0 element, 2 length; in IPFIX, where the element's first bit is set, 4 enterprise
 */
import type { DecodeContext } from '../decodeContext.ts';
import { IPFIX } from '../exporter/protocol.ts';
import type { Template } from '../exporter/template.ts';
import { planFlow } from './flowPlan.ts';
import { CISCO, IE, type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { planOptions } from './optionsSet.ts';

/** Ids below are set ids. */
const LOWEST_TEMPLATE_ID = 256;
const ENTERPRISE_BIT = 0x8000;

/** Set ids that IPFIX also uses to withdraw all templates of a kind (RFC 7011 §8.1). */
const ALL_TEMPLATES = 2;
const ALL_OPTIONS_TEMPLATES = 3;

/** The numbers of NetFlow v9's scope types (RFC 3954 §6.1), as information elements; 0 where there is none. */
const NETFLOW9_SCOPES: readonly number[] = [0, IE.exportingProcessId, IE.ingressInterface, 0, 0, IE.templateId];

/** Where a template's header ends and how many fields follow it. */
interface TemplateHeader {
  readonly fieldsAt: number;
  readonly fieldCount: number;
  readonly scopeCount: number;
}

/** Learns the templates in bytes [offset, end). */
export function readTemplateSet(context: DecodeContext, kind: Template['kind'], offset: number, end: number): void {
  const { view, exporter, domain } = context;
  let p = offset;
  while (p + 4 <= end) {
    const id = view.getUint16(p);
    const count = view.getUint16(p + 2);
    if (id === 0 && count === 0) return; // padding
    if (domain.protocol === IPFIX && count === 0) {
      withdraw(context, id);
      p += 4;
      continue;
    }
    if (id < LOWEST_TEMPLATE_ID) {
      exporter.fail('template_id_reserved', p);
      return;
    }
    const header = readHeader(kind, domain.protocol, view, p, end);
    const next = header === undefined ? -1 : endOfFields(domain.protocol, view, header, end);
    if (header === undefined || next < 0) {
      exporter.fail('template_truncated', p);
      return;
    }
    if (header.fieldCount === 0) exporter.fail('template_empty', p);
    else learn(context, kind, id, p, next, header);
    p = next;
  }
}

function readHeader(
  kind: Template['kind'],
  protocol: number,
  view: DataView,
  at: number,
  end: number,
): TemplateHeader | undefined {
  const second = view.getUint16(at + 2);
  if (kind === 'flow') return { fieldsAt: at + 4, fieldCount: second, scopeCount: 0 };
  if (at + 6 > end) return undefined;
  const third = view.getUint16(at + 4);
  if (protocol === IPFIX) return { fieldsAt: at + 6, fieldCount: second, scopeCount: third };
  if (second % 4 !== 0 || third % 4 !== 0) return undefined;
  return { fieldsAt: at + 6, fieldCount: (second + third) / 4, scopeCount: second / 4 };
}

/** The byte after the last field, or -1 where the set ends before it. */
function endOfFields(protocol: number, view: DataView, header: TemplateHeader, end: number): number {
  let p = header.fieldsAt;
  for (let i = 0; i < header.fieldCount; i++) {
    if (p + 4 > end) return -1;
    p += protocol === IPFIX && (view.getUint16(p) & ENTERPRISE_BIT) !== 0 ? 8 : 4;
  }
  return p <= end ? p : -1;
}

/** Learns the template record in bytes [at, next). */
function learn(
  context: DecodeContext,
  kind: Template['kind'],
  id: number,
  at: number,
  next: number,
  header: TemplateHeader,
): void {
  const { view, exporter, domain } = context;
  for (const known of domain.templates.withId(id)) {
    if (known.kind !== kind || !sameBytes(known.wireBytes, view, at, next)) continue;
    exporter.announceTemplate(domain, known);
    return;
  }
  const wireBytes = new Uint8Array(view.buffer, view.byteOffset + at, next - at).slice();
  const template = compileTemplate(kind, id, readFields(domain.protocol, view, header), wireBytes);
  if (template.kind === 'flow' && template.plan.unreadFields > 0)
    exporter.doubt('field_width', template.plan.unreadFields);
  if (!exporter.learnTemplate(domain, template)) exporter.fail('template_limit', at);
}

/**
 * Compiles a template record. Fields of length zero are left out: they hold nothing, and a record of one byte could
 * have ten thousand of them. `wireBytes` is the record as received, and is kept.
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
  if (kind === 'flow') return { kind, ...layout, plan: planFlow(fields), deltaUse: { datagrams: 0, latest: 0 } };
  return { kind, ...layout, plan: planOptions(fields, definedFields) };
}

function sameBytes(bytes: Uint8Array, view: DataView, at: number, end: number): boolean {
  if (bytes.length !== end - at) return false;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== view.getUint8(at + i)) return false;
  }
  return true;
}

function readFields(protocol: number, view: DataView, header: TemplateHeader): TemplateField[] {
  const fields: TemplateField[] = [];
  let p = header.fieldsAt;
  for (let i = 0; i < header.fieldCount; i++) {
    const type = view.getUint16(p);
    const length = view.getUint16(p + 2);
    p += 4;
    if (protocol !== IPFIX) {
      fields.push(fieldOfNetflow9(type, length, i < header.scopeCount));
    } else if ((type & ENTERPRISE_BIT) === 0) {
      fields.push({ enterprise: 0, element: type, length });
    } else {
      fields.push({ enterprise: view.getUint32(p), element: type & ~ENTERPRISE_BIT, length });
      p += 4;
    }
  }
  return fields;
}

/** NetFlow v9 has no enterprise numbers; Cisco uses the upper half of the types for its own elements. */
function fieldOfNetflow9(type: number, length: number, scope: boolean): TemplateField {
  if (scope && type < NETFLOW9_SCOPES.length) return { enterprise: 0, element: NETFLOW9_SCOPES[type], length };
  if ((type & ENTERPRISE_BIT) === 0) return { enterprise: 0, element: type, length };
  return { enterprise: CISCO, element: type & ~ENTERPRISE_BIT, length };
}

/** A template without fields withdraws the one of its id, or all of its kind (RFC 7011 §8.1). */
function withdraw({ domain }: DecodeContext, id: number): void {
  const { templates, session } = domain;
  if (id >= LOWEST_TEMPLATE_ID) templates.withdraw(id, session);
  else if (id === ALL_TEMPLATES) templates.withdrawAll('flow', session);
  else if (id === ALL_OPTIONS_TEMPLATES) templates.withdrawAll('options', session);
}
