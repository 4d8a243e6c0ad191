/**
 * Aliases: further addresses of an actor, taken from the same numbers as refs and never used twice.
 * They are looked for only where no live actor was found, so messages to refs cost nothing.
 */
import type { AnyRef } from '../types.ts';
import { type Cell, extraOf } from './cell.ts';
import { nextRef } from './thread.ts';

interface Alias {
  readonly cell: Cell;
  readonly once: boolean;
}

const aliases = new Map<number, Alias>();

export function makeAlias(cell: Cell, once: boolean): AnyRef {
  const alias = nextRef();
  aliases.set(alias, { cell, once });
  const extra = extraOf(cell);
  extra.aliases ??= new Set();
  extra.aliases.add(alias);
  return alias;
}

/** False when it was none of this cell's. */
export function dropAlias(cell: Cell, alias: AnyRef): boolean {
  if (cell.extra?.aliases?.delete(alias) !== true) return false;
  return aliases.delete(alias);
}

/** The owner, for one message; a one-shot alias is gone after it. */
export function useAlias(key: number): Cell | undefined {
  const found = aliases.size === 0 ? undefined : aliases.get(key);
  if (found === undefined) return undefined;
  if (found.once) dropAlias(found.cell, key as AnyRef);
  return found.cell;
}

/** The cell ends. */
export function dropAliases(cell: Cell): void {
  const owned = cell.extra?.aliases ?? null;
  if (owned !== null) for (const alias of owned) aliases.delete(alias);
}
