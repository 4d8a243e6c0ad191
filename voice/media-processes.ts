/**
 * Stand-ins of the media worker processes in the tree of actors, so that operators see them where everything else is: one per slot of
 * the pool, labelled with its process, which crashes when that dies and is started again by its supervisor. They show, the pool
 * acts. Voice thread.
 */
import {
  type ChildSpec,
  cast,
  child,
  defineActor,
  defineSupervisor,
  name,
} from '../runtime/index.ts';
import type { PoolEvent, PoolStatus } from './worker/types.ts';

interface MediaProcessP {
  /** What to show. */
  is(label: string): void;
  /** The process ended by itself. */
  died(why: string): void;
}

/** Above what a pool's slots, which are out after 5 deaths in 60 s, can bring about. */
const RESTARTS = { intensity: 1000, period: 60 };
const STANDBY = 'standby';

const MediaProcess = defineActor<MediaProcessP, null>({
  name: 'media-worker',
  init: (ctx) => {
    ctx.label(STANDBY);
    return null;
  },
  handle: {
    is: (_s, label, ctx) => ctx.label(label),
    died: (_s, message, ctx) => ctx.stop({ error: { name: 'MediaWorkerDied', message } }),
  },
});

const nameOf = (slot: number) => name<MediaProcessP>(`media-worker-${slot}`);

const MediaProcesses = defineSupervisor((slots: number) => ({
  ...RESTARTS,
  children: Array.from({ length: slots }, (_, slot) =>
    child(`media-worker-${slot}`, MediaProcess, undefined, { name: nameOf(slot) }),
  ),
}));

/** @param slots of the pool, the spare's included */
export function mediaProcesses(slots: number): ChildSpec {
  return child('media', MediaProcesses, slots);
}

/** Shows what has happened. */
export function showMediaProcesses({ detail, slot, what }: PoolEvent, status: PoolStatus): void {
  if (what === 'worker_died' || what === 'worker_hung') cast(nameOf(slot), 'died', detail ?? what);
  for (const { pid, port, role, slot: at, state } of status.workers) {
    const running = pid === null ? state : `${role}, pid ${pid}, port ${port ?? '-'}`;
    cast(nameOf(at), 'is', what === 'standby' ? STANDBY : running);
  }
}
