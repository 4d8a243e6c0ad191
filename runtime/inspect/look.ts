/**
 * A look at an actor of this thread without a message to it: works while it is suspended, waits or is flooded. Reads only.
 */
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
}

/** The state of an actor of this thread, in whatever state its handlers are; undefined when it is dead or elsewhere. */
export function look(ref: AnyRef): Look | undefined {
  const cell = lookup(ref);
  if (cell === undefined) return undefined;
  const isFormatted = cell.compiled.behaviour.formatStatus !== undefined;
  return { shown: formattedState(cell), state: cell.state, isFormatted };
}
