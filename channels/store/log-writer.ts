/**
 * The LogWriter actor: the only writer of the database, alone on the `store` thread, since every group
 * blocks its thread for one fsync. It gathers what is queued into groups without a timer, answers after
 * COMMIT, and does its chores (sweeps, checkpoints) when nothing waits.
 */
import {
  type Ctx,
  childSpan,
  defineActor,
  type From,
  NOREPLY,
  type Span,
} from '../../runtime/index.ts';
import type { CommitMeter } from './commit-meter.ts';
import { CommitQueue, type QueueLimits, type QueueStats } from './commit-queue.ts';
import type { Outcome, WriterOptions, WriterStats } from './types.ts';
import { packOutcomes, unpackChanges, type WireChanges, type WireOutcomes } from './wire.ts';
import { SqliteWriter } from './writer.ts';

/** Ops of the store's writer. */
export interface LogWriterP {
  /** Answered after COMMIT of the last of them, or at once when the queue has no room for any. */
  write(changes: WireChanges): WireOutcomes;
  stats(): LogWriterStats;
  /** To itself only: writes what was gathered. */
  flush(): void;
  /** To itself only: one chore, if nothing waits. */
  idle(): void;
}

export interface LogWriterStats extends WriterStats, QueueStats {}

/** Options of the writer and of its queue. `driver`, `onEvent` and `meter` stay on the writer's thread. */
export interface LogWriterOptions extends Omit<WriterOptions, 'onGroup'>, QueueLimits {
  readonly meter?: CommitMeter;
}

interface Group {
  readonly tookMs: number;
  readonly changes: number;
}

interface State {
  readonly writer: SqliteWriter;
  readonly queue: CommitQueue;
  /** The group that was written last: all of its changes had one transaction. */
  readonly group: Readonly<Group>;
  /** A flush is on its way to this actor. */
  flushing: boolean;
}

/**
 * Behaviour of the writer; start it named 'log-writer'. init opens (creates, migrates) the database and
 * fails with StoreError when it cannot.
 */
export const LogWriter = defineActor<LogWriterP, State, LogWriterOptions>({
  name: 'log-writer',
  mailbox: { limit: 20_000, overflow: 'reject' },
  init(ctx, options) {
    // For terminate at a shutdown: what was gathered is still written, and the file closed.
    ctx.trapExit(true);
    const { meter } = options;
    const group = { tookMs: 0, changes: 0 };
    const onGroup = (tookMs: number, changes: number): void => {
      group.tookMs = tookMs;
      group.changes = changes;
      meter?.committed(tookMs, changes);
    };
    const writer = new SqliteWriter({ ...options, onGroup });
    const queue = new CommitQueue((group) => writer.run(group), options);
    meter?.follow(() => ({ ...writer.stats(), ...queue.stats() }));
    return { writer, queue, group, flushing: false };
  },
  handle: {
    write(state, changes, ctx) {
      const { from } = ctx;
      const span = childSpan('log commit', { kind: 'consumer' });
      state.queue.pushAll(unpackChanges(changes), (outcomes) => {
        if (span !== null) endCommit(span, state.group, outcomes.length);
        answer(ctx, from, outcomes);
      });
      if (state.queue.isGroupFull) {
        ctx.next('flush');
      } else if (!state.flushing && !state.queue.isEmpty) {
        // Comes after everything that is queued now, which joins the group.
        state.flushing = true;
        ctx.cast(ctx.self, 'flush');
      }
      return NOREPLY;
    },
    flush(state, _, ctx) {
      state.flushing = state.queue.flush();
      ctx.cast(ctx.self, state.flushing ? 'flush' : 'idle');
    },
    idle(state, _, ctx) {
      if (state.queue.isEmpty && state.writer.idle()) {
        ctx.cast(ctx.self, 'idle');
      }
    },
    stats: ({ writer, queue }) => ({ ...writer.stats(), ...queue.stats() }),
  },
  terminate({ writer, queue }) {
    try {
      while (queue.flush());
    } finally {
      writer.close();
    }
  },
});

/** Of a traced request: how long its transaction took, and with how many changes of others. */
function endCommit(span: Span, { changes, tookMs }: Group, own: number): void {
  span.set('driftway.changes', own).set('driftway.group_changes', changes);
  span.set('driftway.transaction_ms', tookMs).end();
}

function answer(ctx: Ctx<LogWriterP>, from: From | undefined, outcomes: readonly Outcome[]): void {
  if (from !== undefined) {
    ctx.reply(from, packOutcomes(outcomes));
  }
}
