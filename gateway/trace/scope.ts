/**
 * Keeps the trace of a sampled HTTP request over the awaits of its handler. Asynchronous context costs every promise of the
 * thread something, so it is on only while such a request is in work. Gateway threads.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { currentTrace, type TraceContext, withTrace } from '../../runtime/index.ts';

const storage = new AsyncLocalStorage<TraceContext>();
let open = 0;

/** Runs `work` so that `inTraceScope` finds the context in all of it. */
export async function traceScope<T>(context: TraceContext, work: () => Promise<T>): Promise<T> {
  open++;
  try {
    return await storage.run(context, work);
  } finally {
    open--;
    if (open === 0) storage.disable();
  }
}

/** Runs `fn`, which sends messages, under the trace of the request that this code belongs to, if any. */
export function inTraceScope<T>(fn: () => T): T {
  if (open === 0 || currentTrace() !== null) return fn();
  const context = storage.getStore();
  return context === undefined ? fn() : withTrace(context, fn);
}
