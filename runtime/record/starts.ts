/**
 * Who wants to see an actor before its init runs. One place on the runtime's hook; off while nobody does.
 */
import type { Cell } from '../core/cell.ts';
import { rt } from '../core/thread.ts';

/** Gives the start argument back, or another one. */
type OnStart = (cell: Cell, arg: unknown) => unknown;

const wanting = new Set<OnStart>();

/** Calls `onStart` for each start on this thread, until the returned function is called. */
export function onStarts(onStart: OnStart): () => void {
  wanting.add(onStart);
  rt.onStart = startOne;
  return () => {
    wanting.delete(onStart);
    if (wanting.size === 0) rt.onStart = null;
  };
}

function startOne(cell: Cell, arg: unknown): unknown {
  let given = arg;
  for (const onStart of wanting) given = onStart(cell, given);
  return given;
}
