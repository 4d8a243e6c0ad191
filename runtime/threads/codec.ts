/**
 * The rare kinds of values on a lane (Date, Set, bigint, errors, typed arrays, instances of classes),
 * by msgpackr. What it makes of each is the rule for all of them; see README.md.
 */
import { Packr, RESET_BUFFER_MODE } from 'msgpackr/pack';

const packr = new Packr({ useRecords: false, moreTypes: true, copyBuffers: true });

/** The bytes are valid until the next call. Throws for what is not data. */
export function encodeRare(value: unknown): Uint8Array {
  return packr.pack(value, RESET_BUFFER_MODE);
}

/** What it gives has memory of its own. */
export function decodeRare(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}
