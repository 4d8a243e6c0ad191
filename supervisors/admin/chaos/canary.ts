/**
 * The actor `chaos-canary`, one on every gateway thread where chaos is on: while a fault is there it appends to streams of its own,
 * one per shard, by the way that a client's messages go (gateway, shard, store and back), and says afterwards what was lost,
 * repeated or reordered. Its streams are inboxes of users that do not exist: nobody can see them. Ends by itself.
 */
import { pad, type Store, type StreamP } from '../../../channels/index.ts';
import {
  type Clock,
  type Ctx,
  call,
  child,
  defineActor,
  entity,
  name,
  startSupervisor,
} from '../../../runtime/index.ts';
import { done, fail } from '../define.ts';
import { CanaryStream } from './canary-stream.ts';
import {
  type CanaryOrder,
  type CanaryP,
  type CanaryProgress,
  type CanaryVerdict,
  CHAOS_CANARY,
} from './types.ts';

const REMOVE_MS = 5_000;

interface CanaryThread {
  readonly clock: Clock;
  readonly store: Store;
}

/** Its life over: to itself. */
interface CanaryActorP extends CanaryP {
  expire(): void;
}

class Canary {
  readonly #thread: CanaryThread;
  #streams: readonly CanaryStream[] = [];
  #sids: readonly number[] = [];

  constructor(thread: CanaryThread) {
    this.#thread = thread;
  }

  async start(order: CanaryOrder, ctx: Ctx<CanaryActorP>) {
    if (this.#streams.length > 0) return fail('conflict', 'the canary sings already');
    const { clock, store } = this.#thread;
    const { paceMs, run, sids } = order;
    const written = await store.docs.write(
      sids.map((sid) => {
        const value = { type: 'user', gid: 0 };
        return { kind: 'stream', key: pad(sid), expect: 'any' as const, value };
      }),
    );
    if (!written.ok) return fail('not_available', 'the store takes no documents');
    const { log } = store;
    this.#streams = sids.map((sid) => new CanaryStream({ run, sid, paceMs, clock, log }));
    this.#sids = sids;
    for (const stream of this.#streams) stream.begin();
    ctx.timer('expire', order.lifeMs, 'expire');
    return done(null);
  }

  progress(since: number): CanaryProgress {
    const well = this.#streams.flatMap((stream) => stream.wellSince(since) ?? []);
    return {
      acknowledged: sum(this.#streams.map((stream) => stream.acknowledged)),
      well: well.length,
      lastWellMs: Math.max(0, ...well),
    };
  }

  async finish(graceMs: number): Promise<CanaryVerdict> {
    const streams = this.#streams;
    this.#streams = [];
    await Promise.all(streams.map((stream) => stream.finish(graceMs)));
    const judged = await Promise.all(streams.map((stream) => stream.verify()));
    const logs = judged.filter((verdict) => verdict !== undefined);
    if (streams.length > 0) this.#removeLogs();
    return {
      sent: sum(streams.map(({ sent }) => sent)),
      acknowledged: sum(streams.map(({ acknowledged }) => acknowledged)),
      refused: sum(streams.map(({ refused }) => refused)),
      unanswered: sum(streams.map(({ unanswered }) => unanswered)),
      longestSilenceMs: Math.max(0, ...streams.map(({ longestSilenceMs }) => longestSilenceMs)),
      lost: sum(logs.map(({ lost }) => lost)),
      repeated: sum(logs.map(({ repeated }) => repeated)),
      reordered: sum(logs.map(({ reordered }) => reordered)),
      isVerified: streams.length > 0 && logs.length === judged.length,
    };
  }

  /** What it wrote is of no use any more. Where that fails the next run goes on behind it. */
  #removeLogs(): void {
    for (const sid of this.#sids) {
      const removed = call(entity<StreamP>('stream', sid), 'remove', {}, { timeoutMs: REMOVE_MS });
      removed.catch(() => undefined);
    }
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

const ChaosCanary = defineActor<CanaryActorP, Canary, CanaryThread>({
  name: CHAOS_CANARY,
  init: (_ctx, thread) => new Canary(thread),
  handle: {
    start: (canary, order, ctx) => canary.start(order, ctx),
    progress: (canary, { since }) => canary.progress(since),
    finish: (canary, { graceMs }, ctx) => {
      ctx.cancel('expire');
      return canary.finish(graceMs);
    },
    expire: async (canary) => {
      await canary.finish(0);
    },
  },
});

/** Starts the canary of this gateway thread; it is silent until it is asked. */
export async function startCanary(thread: CanaryThread): Promise<void> {
  await startSupervisor({
    children: [
      child(CHAOS_CANARY, ChaosCanary, thread, {
        name: name<CanaryActorP>(CHAOS_CANARY),
        restart: 'permanent',
      }),
    ],
  });
}
