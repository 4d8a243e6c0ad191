/**
 * The bits of a ref: node 10, thread 6, serial 37; exact in a double. A serial is never used twice in
 * the life of a node's thread number, so a stale ref never reaches a new actor. Pure; any thread.
 */
import type { AnyRef } from '../types.ts';

/** Serials per thread: 2^37. */
export const SERIALS = 2 ** 37;
const THREADS = 64;

/** The part of a ref above the serial. */
export function refBase(node: number, thread: number): number {
  return (node * THREADS + thread) * SERIALS;
}

/** Thread number 0..63 of a ref, a From or a MonitorId (all are built alike). */
export function threadOf(ref: number): number {
  return ref < SERIALS ? 0 : Math.floor(ref / SERIALS) % THREADS;
}

/** Node number 0..1023. */
function nodeOf(ref: number): number {
  return Math.floor(ref / (SERIALS * THREADS));
}

/** `<node.thread.serial>`, for logs. Any thread; O(1). */
export function formatRef(ref: AnyRef): string {
  return `<${refText(ref)}>`;
}

/** The same without brackets, for paths. */
export function refText(ref: AnyRef): string {
  return `${nodeOf(ref)}.${threadOf(ref)}.${ref % SERIALS}`;
}

/** The ref of its text, with brackets or without; undefined for what is none. Any thread; says nothing of a life. */
export function parseRef(text: string): AnyRef | undefined {
  const found = /^<?(\d{1,4})\.(\d{1,2})\.(\d{1,12})>?$/.exec(text);
  if (found === null) return undefined;
  const [node, thread, serial] = found.slice(1).map(Number) as [number, number, number];
  if (node >= 1024 || thread >= THREADS || serial >= SERIALS) return undefined;
  return (refBase(node, thread) + serial) as AnyRef;
}
