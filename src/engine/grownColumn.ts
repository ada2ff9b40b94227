/*
 * Tables of the engine are columns that grow together.
 */

type Column = Float64Array | Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** `larger`, with what the column holds. */
export function grown<Kind extends Column>(column: Kind, larger: Kind): Kind {
  larger.set(column);
  return larger;
}
