/**
 * Guesses of memory: an actor's own tables, and a value by walking it. Pure; bounded.
 */
import type { Cell } from '../core/cell.ts';

/** An idle cell with its context, as measured (runtime.md 3.5). */
const CELL_BYTES = 400;
const RECORD_BYTES = 32;
const SET_BYTES = 200;
const ENTRY_BYTES = 40;
/** Values looked at; a larger state is guessed too small. */
const VALUES_MAX = 10_000;

/** Cell, mailbox and tables, without the state. O(1). */
export function ownBytes(cell: Cell): number {
  const { deferred, links, mailbox, monitoredBy, monitors, timers } = cell;
  const tables =
    setBytes(links) +
    setBytes(monitors) +
    setBytes(monitoredBy) +
    setBytes(timers) +
    setBytes(deferred);
  return CELL_BYTES + tables + (mailbox?.count ?? 0) * RECORD_BYTES;
}

function setBytes(set: { readonly size: number } | null): number {
  return set === null ? 0 : SET_BYTES + set.size * ENTRY_BYTES;
}

/** What a value takes, shared parts once. O(values), at most 10 000 of them. */
export function sizeOf(value: unknown): number {
  const seen = new Set<object>();
  const open: unknown[] = [value];
  let bytes = 0;
  for (let looked = 0; open.length > 0 && looked < VALUES_MAX; looked++) {
    const each = open.pop();
    if (typeof each === 'string') bytes += 16 + each.length;
    else if (typeof each !== 'object' || each === null) bytes += 8;
    else if (!seen.has(each)) {
      seen.add(each);
      if (ArrayBuffer.isView(each)) bytes += 64 + each.byteLength;
      else {
        bytes += 32;
        for (const part of partsOf(each)) open.push(part);
      }
    }
  }
  return bytes;
}

function partsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value;
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  return Object.values(value);
}
