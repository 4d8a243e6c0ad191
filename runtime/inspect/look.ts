/**
 * A look at an actor of this thread without a message to it: works while it is suspended, waits or is flooded. Reads only.
 */
import type { Cell } from '../core/cell.ts';
import { formattedState } from '../core/life.ts';
import { lookup } from '../core/thread.ts';
import type { AnyRef } from '../types.ts';

/** What `look` saw. */
export interface Look {
  /** Through formatStatus where the behaviour has one, and as it is. Not a copy: do not change or keep it. */
  readonly shown: unknown;
  readonly state: unknown;
  /** The behaviour says itself what may be shown. */
  readonly isFormatted: boolean;
  /** Somebody learns of its end who is not below it: an entity's host, a supervisor, an actor that is linked to it. */
  readonly isKept: boolean;
  /** Who that is; 0 when nobody does. */
  readonly keeper: AnyRef;
  /** An idle entity that would be passivated in time: nothing is lost when that happens now. */
  readonly mayPassivate: boolean;
}

const NONE = 0 as AnyRef;
const BELOW_MAX = 100_000;

/** What is to be seen of an actor of this thread, whatever it is doing; undefined when it is dead or elsewhere. O(links). */
export function look(ref: AnyRef): Look | undefined {
  const cell = lookup(ref);
  if (cell === undefined) return undefined;
  const keeper = keeperOf(cell);
  return {
    shown: formattedState(cell),
    state: cell.state,
    isFormatted: cell.compiled.behaviour.formatStatus !== undefined,
    isKept: keeper !== NONE,
    keeper,
    mayPassivate: mayPassivate(cell),
  };
}

function keeperOf(cell: Cell): AnyRef {
  if (cell.parent !== NONE && lookup(cell.parent) !== undefined) return cell.parent;
  for (const peer of cell.links ?? []) if (lookup(peer)?.parent !== cell.ref) return peer;
  return NONE;
}

function mayPassivate(cell: Cell): boolean {
  if (cell.entity === null || (cell.deferred?.size ?? 0) > 0) return false;
  try {
    return cell.compiled.behaviour.mayPassivate?.(cell.state) !== false;
  } catch {
    return false; // it is the next look of its host that makes it a crash
  }
}

/** Actors that end with this one because they are linked below it, itself included; at most 100,000. O(these). */
export function subtreeSize(ref: AnyRef): number {
  const seen = new Set([ref]);
  for (const each of seen) {
    if (seen.size >= BELOW_MAX) break;
    const cell = lookup(each);
    for (const peer of cell?.links ?? []) if (isBelow(lookup(peer), cell)) seen.add(peer);
  }
  return seen.size;
}

/** Its own, or one without a parent that somebody with a parent has linked himself to. */
function isBelow(peer: Cell | undefined, cell: Cell | undefined): boolean {
  if (peer === undefined || cell === undefined || peer.ref === cell.parent) return false;
  return peer.parent === cell.ref || (peer.parent === NONE && cell.parent !== NONE);
}
