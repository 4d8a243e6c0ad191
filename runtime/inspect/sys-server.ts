/**
 * The way of a sys request: to an actor of this thread between two of its messages, to one of another
 * thread through an actor there that asks on our behalf, started with the first request that comes.
 */
import type { Ms } from '../clock.ts';
import { addRequest, NOREPLY } from '../core/around.ts';
import { failFrom } from '../core/calls.ts';
import type { AnyBehaviour } from '../core/cell.ts';
import { undeferCall } from '../core/life.ts';
import { askPlace, serveOnDemand } from '../core/on-demand.ts';
import { errorInfo } from '../core/reason.ts';
import { findRef, replyTo } from '../core/send.ts';
import type { WatchTarget } from '../core/signals.ts';
import { lookup, type Via } from '../core/thread.ts';
import { after } from '../core/timers.ts';
import { ActorError, type FailReason } from '../errors.ts';
import type { AnyRef, Ctx, Key } from '../types.ts';
import { actOn } from './sys-actions.ts';

/** Meaning of names on a thread, as in core/send.ts; no type of entity looks like it. */
const PLACE = '%sys';

/** Asks an actor of this thread. Rejects with ActorError: 'noproc', 'timeout', its end, { error }. */
export function act(ref: AnyRef, op: string, arg: unknown, timeoutMs: Ms): Promise<unknown> {
  const cell = lookup(ref);
  if (cell === undefined) return Promise.reject(new ActorError('noproc', `sys.${op}`));
  return new Promise((resolve, reject) => {
    const fail = (reason: FailReason): void => {
      cancel();
      reject(new ActorError(reason, `sys.${op}`));
    };
    let over = false;
    const cancel = after(timeoutMs, () => {
      over = true;
      fail('timeout');
    });
    addRequest(cell, {
      run() {
        if (over) return;
        try {
          resolve(actOn(cell, op, arg));
          cancel();
        } catch (thrown) {
          fail({ error: errorInfo(thrown) });
        }
      },
      fail: (reason) => fail(reason as FailReason),
    });
  });
}

interface Asked {
  readonly via: Via;
  readonly key: Key;
  readonly op: string;
  readonly arg: unknown;
  readonly timeoutMs: Ms;
}

/** Asks an actor of another thread. What does not cross (functions) is a TypeError. */
export function askThread(
  target: WatchTarget,
  op: string,
  arg: unknown,
  timeoutMs: Ms,
): Promise<unknown> {
  if (typeof arg === 'function' || op === 'install' || op === 'replaceBehaviour') {
    throw new TypeError(`sys.${op}: got an actor of another thread, want one of this thread`);
  }
  const { thread, via, key } = target;
  const asked: Asked = { via, key, op, arg, timeoutMs };
  return askPlace(thread, PLACE, 'ask', asked, timeoutMs, `sys.${op}`);
}

const server: AnyBehaviour = {
  name: 'sys',
  init: () => null,
  handle: {
    ask(_state: unknown, { via, key, op, arg, timeoutMs }: Asked, { from }: Ctx<unknown>) {
      if (from === undefined) return undefined;
      act(findRef(via, key), op, arg, timeoutMs).then(
        (value) => replyTo(from, value),
        (error: unknown) => {
          undeferCall(from);
          failFrom(from, error instanceof ActorError ? error.reason : { error: errorInfo(error) });
        },
      );
      return NOREPLY;
    },
  },
};
serveOnDemand(PLACE, server);
