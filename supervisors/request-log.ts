/**
 * Makes requests findable in the log of every thread: what an actor has handled on behalf of an HTTP request is a line for
 * debugging with the id of that request, and reports say which request or trace they belong to. Any thread.
 */
import { onRequestHandled, requestIdOf } from '../runtime/index.ts';
import type { Logger } from './log.ts';

/** Lines of this thread for what it handles; a level check and nothing else while `debug` is off. */
export function logHandledRequests(logger: Logger): void {
  onRequestHandled(({ attributes, endMs, error, name: what, startMs }, requestId) => {
    if (!logger.isLevelEnabled('debug')) return;
    const actor = attributes['driftway.actor'];
    const tookMs = Math.round((endMs - startMs) * 10) / 10;
    logger.debug({ requestId, what, actor, tookMs, ...(error === '' ? {} : { error }) }, 'handled');
  });
}

/** What a report's `trace` is in the log: the id of a request, or that of a trace. */
export function traceFields(trace: string | undefined): object {
  if (trace === undefined) return {};
  const requestId = requestIdOf(trace);
  return requestId === undefined ? { traceId: trace } : { requestId };
}
