/**
 * Owns the actor through which a thread's counters are read from other threads (/metrics), and the names it has. One on every
 * thread; answers from plain objects, never waits.
 */
import { type ChildSpec, child, counters, defineActor, name } from '../runtime/index.ts';

export const THREAD_COUNTERS = 'thread-counters';

/** Counters by name; nested objects are flattened when they are rendered. */
export type CounterTree = { readonly [name: string]: unknown };

export interface ThreadCountersP {
  read(): CounterTree;
}

type Read = () => CounterTree;

const ThreadCounters = defineActor<ThreadCountersP, Read, Read>({
  name: THREAD_COUNTERS,
  init: (_ctx, read) => read,
  handle: { read: (read) => ({ runtime: counters(), ...read() }) },
});

/** Child that answers for this thread; `read` adds the thread's own counters to the runtime's. */
export function threadCounters(read: Read = () => ({})): ChildSpec {
  return child(THREAD_COUNTERS, ThreadCounters, read, {
    name: name<ThreadCountersP>(THREAD_COUNTERS),
    restart: 'permanent',
  });
}
