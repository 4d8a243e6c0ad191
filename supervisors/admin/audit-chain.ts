/**
 * The form of the audit log: entries chained by hashes, so that a changed, missing or inserted one shows. Pure.
 */
import { createHash } from 'node:crypto';
import type { AdminAuditEntry } from './types.ts';

/** An entry as it is stored. */
export interface ChainedEntry extends AdminAuditEntry {
  /** Hash of the entry before; 64 zeros for the first. */
  readonly prev: string;
  /** SHA-256, in hex, of what `hashOf` says. */
  readonly hash: string;
}

export const NO_HASH = '0'.repeat(64);

/** Longest text in arguments and outcomes, in characters. */
const TEXT_MAX = 256;
const DEPTH_MAX = 4;
const ITEMS_MAX = 32;
const SECRET = /pass|secret|token|key$|authorization|cookie|content/i;
const HIDDEN = '[hidden]';

/** SHA-256 in hex of the JSON array `[prev, n, at, who, verb, args, phase, outcome]`. */
export function hashOf(prev: string, entry: AdminAuditEntry): string {
  const { args, at, n, outcome, phase, verb, who } = entry;
  const text = JSON.stringify([prev, n, at, who, verb, args ?? null, phase, outcome]);
  return createHash('sha256').update(text).digest('hex');
}

/** The entry behind `prev`. */
export function chain(prev: string, entry: AdminAuditEntry): ChainedEntry {
  return { ...entry, prev, hash: hashOf(prev, entry) };
}

/** Number of the first entry whose place in the chain is wrong; undefined when all fit. `entries` ascend. */
export function brokenAt(entries: readonly ChainedEntry[]): number | undefined {
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1];
    const fits = before === undefined || (entry.prev === before.hash && entry.n === before.n + 1);
    if (!fits || entry.hash !== hashOf(entry.prev, entry)) return entry.n;
  }
  return undefined;
}

/** Arguments fit for the log: short, shallow, secrets hidden. Plain JSON. */
export function auditArgs(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cut(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= DEPTH_MAX) return '...';
  if (Array.isArray(value)) {
    return value.slice(0, ITEMS_MAX).map((item) => auditArgs(item, depth + 1));
  }
  const entries = Object.entries(value).slice(0, ITEMS_MAX);
  return Object.fromEntries(
    entries.map(([key, inner]) => [
      cut(key),
      SECRET.test(key) && typeof inner !== 'boolean' ? HIDDEN : auditArgs(inner, depth + 1),
    ]),
  );
}

/** Text of bounded length. */
export function cut(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}...`;
}
