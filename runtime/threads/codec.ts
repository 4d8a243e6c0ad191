/**
 * The rare kinds of values on a lane (Date, Set, Map, bigint, errors, typed arrays, instances of classes),
 * as V8 clones them for postMessage. What it makes of each is the rule for all of them; see README.md.
 */
import { deserialize, serialize } from 'node:v8';

/** Throws for what is not data: a function or a symbol inside. */
export function encodeRare(value: unknown): Uint8Array {
  return serialize(value);
}

/** What it gives has memory of its own: V8 would leave typed arrays in the bytes they came in. */
export function decodeRare(bytes: Uint8Array): unknown {
  return deserialize(Uint8Array.from(bytes));
}
