/*
 * Records of any template decode to what was encoded: fields in any order and of any length they may have, between
 * unknown fields, over NetFlow v9 and IPFIX, template first or data first.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { areBytesSwapped } from '../../src/decode/exporter/rateBelief.ts';
import { formatWords } from '../../src/net/address.ts';
import { DecodeBench } from './decodedFlows.ts';
import { type Field, ipfix, netflow9, set, template, uint, VARIABLE, variable } from './telemetryBytes.ts';

interface Shape {
  readonly ipv6: boolean;
  /** Elements with their lengths, in the order of the template. */
  readonly fields: readonly Field[];
}

interface Content {
  readonly src: readonly [number, number, number, number];
  readonly dst: readonly [number, number, number, number];
  readonly values: Readonly<Record<number, number>>;
  readonly filler: readonly number[];
}

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const words = fc.tuple(word, word, word, fc.integer({ min: 1, max: 0xffff_ffff }));

/** Elements and the lengths that exporters give them. */
const INTEGERS: readonly (readonly [element: number, lengths: readonly number[]])[] = [
  [1, [1, 2, 3, 4, 5, 8]],
  [2, [1, 2, 4, 8]],
  [4, [1]],
  [6, [1, 2]],
  [7, [2]],
  [11, [2]],
  [10, [2, 4]],
  [14, [2, 4]],
  [34, [1, 2, 4]],
];

/** Fields to be skipped: unknown elements, other enterprises, names. */
const filler = fc.constantFrom<Field>(
  [5, 1],
  [61, 1],
  [16, 4],
  [15, 4],
  [3, 4, 29_305],
  [137, 7, 2636],
  [82, VARIABLE],
);

const shape: fc.Arbitrary<Shape> = fc
  .tuple(
    fc.boolean(),
    fc.tuple(...INTEGERS.map(([, lengths]) => fc.constantFrom(...lengths))),
    fc.array(filler, { maxLength: 6 }),
  )
  .chain(([ipv6, lengths, fillers]) => {
    const wanted: Field[] = INTEGERS.map(([element], i) => [element, lengths[i]]);
    const ends: Field[] = ipv6
      ? [
          [27, 16],
          [28, 16],
        ]
      : [
          [8, 4],
          [12, 4],
        ];
    const all = [...wanted, ...ends, ...fillers];
    return fc.shuffledSubarray(all, { minLength: all.length }).map((fields) => ({ ipv6, fields }));
  });

const content: fc.Arbitrary<Content> = fc.record({
  src: words,
  dst: words,
  values: fc.record(Object.fromEntries(INTEGERS.map(([element]) => [element, fc.nat(0xffff_ffff)]))),
  filler: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 300 }),
});

/** The part of a value that fits into a field of this many bytes. */
function cut(value: number, bytes: number): number {
  return bytes >= 8 ? value : value % 2 ** (8 * bytes);
}

function encodeRecord({ ipv6, fields }: Shape, { src, dst, values, filler: bytes }: Content): number[] {
  return fields.flatMap(([element, length, enterprise]) => {
    if (length === VARIABLE) return variable(bytes);
    const address = element === 8 || element === 27 ? src : element === 12 || element === 28 ? dst : undefined;
    if (address !== undefined) return ipv6 ? address.flatMap((part) => uint(part, 4)) : uint(address[3], 4);
    if (enterprise === undefined && element in values) return uint(cut(values[element], length), length);
    return new Array<number>(length).fill(0xee);
  });
}

function expected({ ipv6, fields }: Shape, { src, dst, values }: Content): Record<string, unknown> {
  const value = (element: number): number => {
    const field = fields.find(([other, , enterprise]) => other === element && enterprise === undefined);
    return cut(values[element], field?.[1] ?? 0);
  };
  // A rate beyond belief is left out.
  const rateBytes = fields.find(([element]) => element === 34)?.[1] ?? 0;
  const isBelieved = value(34) <= 100_000 && !areBytesSwapped(value(34), rateBytes);
  const text = (address: Content['src']): string =>
    ipv6 ? formatWords(...address) : formatWords(0, 0, 0xffff, address[3]);
  return {
    src: text(src),
    dst: text(dst),
    srcPort: value(7),
    dstPort: value(11),
    protocol: value(4),
    tcpFlags: value(6) % 256,
    fragment: 0,
    packets: value(2),
    bytes: value(1),
    samplingRate: isBelieved ? value(34) : 0,
    samplingSource: value(34) > 0 && isBelieved ? 'record' : 'default',
    durationMs: 0,
    inInterface: value(10),
    outInterface: value(14),
  };
}

test('decoding returns what was encoded, for any template', () => {
  fc.assert(
    fc.property(
      shape,
      fc.array(content, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.boolean(),
      (form, contents, isIpfix, dataFirst) => {
        // NetFlow v9 has no enterprise numbers.
        const fields = isIpfix ? form.fields : form.fields.filter(([, , enterprise]) => enterprise === undefined);
        const usedForm = { ...form, fields };
        const announcement = set(isIpfix ? 2 : 0, template(300, fields));
        const data = set(
          300,
          contents.flatMap((record) => encodeRecord(usedForm, record)),
        );
        const message = isIpfix ? ipfix : netflow9;
        const bench = new DecodeBench();
        const rows = dataFirst
          ? [...bench.netflow(message([data])), ...bench.netflow(message([announcement]))]
          : bench.netflow(message([announcement, data]));
        assert.deepEqual(
          rows,
          contents.map((record) => expected(usedForm, record)),
        );
        assert.ok(bench.clean);
        assert.deepEqual(bench.errors, {});
      },
    ),
    { numRuns: 400 },
  );
});
