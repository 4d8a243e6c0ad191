/**
 * When a live actor's snapshots are taken: after so many messages or so much time, or on request.
 */
import type { Cell } from './cell.ts';
import type { SnapshotKeeper, SnapshotState } from './snapshots.ts';
import { rt } from './thread.ts';

/** What a new cell begins with. */
export function snapshotState(cell: Cell, keeper: SnapshotKeeper): SnapshotState {
  const state = { keeper, messagesLeft: 0, dueMs: 0 };
  schedule(cell, state);
  return state;
}

function schedule(cell: Cell, state: SnapshotState): void {
  const { messages, ms } = cell.compiled.behaviour.snapshotEvery ?? {};
  state.messagesLeft = messages ?? Number.POSITIVE_INFINITY;
  state.dueMs = ms === undefined ? Number.POSITIVE_INFINITY : rt.clock.monotonic() + ms;
}

/**
 * Takes a snapshot if one is due or `now` is set; false when none was kept. A snapshot that throws is
 * the actor's own business on request, and none otherwise.
 */
export function takeSnapshot(cell: Cell, state: SnapshotState, now: boolean): boolean {
  const { behaviour } = cell.compiled;
  if (behaviour.snapshot === undefined) return false;
  if (!now) {
    state.messagesLeft--;
    const byTime = state.dueMs !== Number.POSITIVE_INFINITY && rt.clock.monotonic() >= state.dueMs;
    if (state.messagesLeft > 0 && !byTime) return false;
  }
  schedule(cell, state);
  let taken: unknown;
  try {
    taken = behaviour.snapshot(cell.state);
  } catch (thrown) {
    if (now) throw thrown;
    return false;
  }
  return state.keeper.put(taken);
}
