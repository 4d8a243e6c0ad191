/**
 * The actor `chaos-agent`, one on every thread but main where chaos is on: puts a fault into its thread and takes it away. Every
 * fault has its end from the start: a timer of this thread (mailbox, lane), the end of a loop (stall), a time that is looked at
 * (store). So it ends when the connection, the main thread's job or the agent itself is gone. One fault at a time.
 */
import {
  actorAt,
  type Clock,
  call,
  child,
  counters,
  defineActor,
  exit,
  faults,
  name,
  processInfo,
  type Rng,
  startSupervisor,
  subtreeSize,
} from '../../../runtime/index.ts';
import { THREAD_COUNTERS, type ThreadCountersP } from '../../metrics/thread.ts';
import { done, fail } from '../define.ts';
import type { VerbResult } from '../types.ts';
import type { EndWord } from './end-word.ts';
import { CHAOS_LIMITS } from './limits.ts';
import type { StoreFault } from './store-fault.ts';
import {
  CHAOS_AGENT,
  type ChaosAgentP,
  type ChaosOrder,
  type ChaosTarget,
  type EffectState,
} from './types.ts';

/** Actors that keep others alive or take faults away: they are no targets. */
const SPARED: ReadonlySet<string> = new Set([
  'supervisor',
  'partitionSupervisor',
  'dynamicSupervisor',
  'entities',
  'sys',
  'admin-agent',
  'chaos-agent',
  'chaos-canary',
  'thread-counters',
  'tree-publisher',
]);

export interface ChaosThread {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly word: EndWord;
  /** The store thread's. */
  readonly store?: StoreFault | undefined;
}

interface Fault {
  readonly run: number;
  end(): void;
  state(): EffectState;
}

const NOTHING: EffectState = { isActive: false, delayed: 0, dropped: 0, commits: 0 };

/** The fault of this thread: the thread's, not the actor's, so that it outlives an agent. */
export class ThreadChaos {
  readonly #thread: ChaosThread;
  #fault: Fault | undefined;

  constructor(thread: ChaosThread) {
    this.#thread = thread;
  }

  async look(path: string | undefined): Promise<VerbResult<ChaosTarget>> {
    if (path === undefined) {
      return done({ actors: counters().actors, connections: await connectionsHere() });
    }
    const ref = actorAt(path);
    const info = ref === undefined ? undefined : processInfo(ref);
    if (ref === undefined || info === undefined) {
      return fail('not_found', `there is no actor ${path} on this thread now`);
    }
    if (SPARED.has(info.behaviour)) {
      return fail('forbidden', `${info.behaviour} is no target: others depend on it to recover`);
    }
    return done({ actors: subtreeSize(ref), connections: 0 });
  }

  begin(run: number, forMs: number, order: ChaosOrder): VerbResult<null> {
    if (this.#fault?.state().isActive === true) {
      return fail('conflict', 'this thread has a fault already');
    }
    const begun = this.#make(run, forMs, order);
    if (!begun.ok) return begun;
    this.#fault = begun.value;
    return done(null);
  }

  end(run: number): void {
    if (this.#fault !== undefined && this.#fault.run <= run) this.#fault.end();
  }

  state(): EffectState {
    return this.#fault?.state() ?? NOTHING;
  }

  #make(run: number, forMs: number, order: ChaosOrder): VerbResult<Fault> {
    switch (order.effect) {
      case 'mailbox':
        return this.#mailbox(run, forMs, order);
      case 'hold':
        return this.#hold(run, forMs, order.to);
      case 'stall':
        return done(this.#stall(run, forMs));
      case 'freeze':
      case 'full':
        return this.#store(run, forMs, order.effect);
    }
  }

  #mailbox(
    run: number,
    forMs: number,
    order: ChaosOrder & { readonly effect: 'mailbox' },
  ): VerbResult<Fault> {
    const ref = actorAt(order.path);
    if (ref === undefined) return fail('not_found', `there is no actor ${order.path} now`);
    let isActive = true;
    const fault = faults.faultMailbox(ref, {
      forMs,
      delayMs: order.delayMs,
      dropShare: order.share,
      rng: this.#thread.rng,
      onEnd: () => {
        isActive = false;
        // Nobody knows what it has missed: it begins anew, as after a crash.
        if (order.share > 0) exit(ref, 'kill');
      },
    });
    if (fault === undefined) return fail('conflict', 'its mailbox has a fault already');
    return done({
      run,
      end: () => fault.end(),
      state: () => ({ ...NOTHING, isActive, ...fault.counts }),
    });
  }

  #hold(run: number, forMs: number, to: string): VerbResult<Fault> {
    let isActive = true;
    const fault = faults.holdLane(to, {
      forMs,
      onEnd: () => {
        isActive = false;
      },
    });
    if (fault === undefined) return fail('not_found', `there is no lane to ${to} now`);
    return done({ run, end: () => fault.end(), state: () => ({ ...NOTHING, isActive }) });
  }

  /** Begins when the answer has left. */
  #stall(run: number, forMs: number): Fault {
    const { clock, word } = this.#thread;
    let isActive = true;
    const timer = clock.setTimeout(() => {
      for (const end = clock.monotonic() + forMs; clock.monotonic() < end && !word.isOver(run); );
      isActive = false;
    }, 1);
    const end = (): void => {
      clock.clearTimeout(timer);
      isActive = false;
    };
    return { run, end, state: () => ({ ...NOTHING, isActive }) };
  }

  #store(run: number, forMs: number, kind: 'freeze' | 'full'): VerbResult<Fault> {
    const { store } = this.#thread;
    if (store === undefined) return fail('not_available', 'this is not the thread of the store');
    const spareMiB = store.spareBytes / 2 ** 20;
    if (kind === 'full' && spareMiB > CHAOS_LIMITS.spareMiBMax) {
      const free = `${Math.round(spareMiB)} MiB of the database are free inside`;
      return fail('not_available', `${free}: it would not notice a full disk for a long time`);
    }
    store.begin(kind, run, forMs);
    const state = (): EffectState => {
      const { commits, isActive } = store;
      return { ...NOTHING, isActive, commits };
    };
    return done({ run, end: () => store.end(), state });
  }
}

/** Open connections of a gateway thread, by its counters; 0 elsewhere. */
async function connectionsHere(): Promise<number> {
  return (await call(name<ThreadCountersP>(THREAD_COUNTERS), 'totals')).connections;
}

const ChaosAgent = defineActor<ChaosAgentP, ThreadChaos, ThreadChaos>({
  name: CHAOS_AGENT,
  init: (_ctx, chaos) => chaos,
  handle: {
    look: (chaos, { path }) => chaos.look(path),
    begin: (chaos, { forMs, order, run }) => chaos.begin(run, forMs, order),
    end: (chaos, { run }) => chaos.end(run),
    state: (chaos) => chaos.state(),
  },
});

/** Starts the agent of this thread. */
export async function startChaosAgent(thread: ChaosThread): Promise<void> {
  await startSupervisor({
    children: [
      child(CHAOS_AGENT, ChaosAgent, new ThreadChaos(thread), {
        name: name<ChaosAgentP>(CHAOS_AGENT),
        restart: 'permanent',
      }),
    ],
  });
}
