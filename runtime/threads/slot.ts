/**
 * The actor on main that stands for one thread, so that threads are children of a supervisor: it
 * starts the thread in init, ends when the thread ends, and stops it in terminate.
 */
import { cast, defineActor } from '../core/api.ts';
import { isNormalClass } from '../core/reason.ts';
import { report } from '../core/thread.ts';
import type { Behaviour, ErrorInfo } from '../types.ts';
import type { Mesh } from './mesh.ts';
import type { SlotThread } from './slot-thread.ts';

export interface SlotP {
  ended(error: ErrorInfo): void;
}

export interface SlotArg {
  readonly mesh: Mesh;
  /** The thread made ahead at the start of the node, or a new one. */
  readonly take: () => SlotThread;
  /** The thread has booted. */
  readonly booted: () => void;
}

interface State {
  readonly mesh: Mesh;
  readonly thread: SlotThread;
}

export const Slot: Behaviour<SlotP, State, SlotArg> = defineActor({
  name: 'slot',
  async init(ctx, { mesh, take, booted }) {
    ctx.trapExit(true);
    const thread = take();
    const { slot, incarnation } = thread;
    ctx.label(slot.name);
    const { self } = ctx;
    thread.onEnd = (error) => cast(self, 'ended', error);
    try {
      const tookMs = await thread.boot();
      report({ kind: 'threadUp', thread: slot.name, incarnation, tookMs });
      booted();
    } catch (error) {
      await thread.end();
      throw error;
    }
    return { mesh, thread };
  },
  handle: {
    ended({ mesh, thread }, error, ctx) {
      const { slot, incarnation } = thread;
      report({ kind: 'threadDown', thread: slot.name, incarnation, reason: error });
      if (slot.onDown === 'restart') ctx.stop({ error });
      mesh.fail({ slot: slot.name, why: 'threadDown', reason: error });
      ctx.stop('normal');
    },
  },
  async terminate({ thread }, reason) {
    if (thread.hasEnded) return;
    if (isNormalClass(reason)) await thread.stop();
    else await thread.end();
  },
});
