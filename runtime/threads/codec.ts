/**
 * Batches of lane records as bytes: one msgpack value per batch. Plain data only; Uint8Array arrives
 * as a Uint8Array of its own memory, so a small payload kept for long never holds a whole batch.
 */
import { Packr, RESET_BUFFER_MODE } from 'msgpackr/pack';

const packr = new Packr({ useRecords: false, moreTypes: true, copyBuffers: true });

/** Encodes; the bytes are valid until the next call. Throws for what is not plain data. */
export function encodeBatch(records: readonly unknown[]): Buffer {
  return packr.pack(records, RESET_BUFFER_MODE);
}

export function decodeBatch(bytes: Uint8Array): unknown[] {
  return packr.unpack(bytes) as unknown[];
}

/** About how many bytes a message will take: two levels deep, enough to bound a batch. */
export function weigh(value: unknown, depth = 0): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (value instanceof Uint8Array) return value.byteLength;
  if (depth >= 2) return 64;
  let sum = 8;
  if (Array.isArray(value)) for (const each of value) sum += weigh(each, depth + 1);
  else
    for (const key in value) sum += 8 + weigh((value as Record<string, unknown>)[key], depth + 1);
  return sum;
}
