/**
 * Owns the actor `tree-publisher` of each thread: answers the model on main (tree-model.ts) with what has changed among the thread's
 * actors, when it is asked. Silent, and without a sampler, while nobody looks. Never calls into another actor.
 */
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import {
  at,
  type ChildSpec,
  type Ctx,
  cast,
  child,
  counters,
  defineActor,
  name,
  type SampledBatch,
  Sampler,
  thisSlot,
} from '../../runtime/index.ts';

export const TREE_PUBLISHER = 'tree-publisher';
export const TREE_MODEL = 'tree-model';

/** Cells visited at a time; other actors and the sockets have their turn in between. */
const CELLS_PER_BATCH = 512;

/** A client's connection, as its gateway thread sees it. */
export interface SessionFacts {
  readonly conn: number;
  /** 0: has not identified itself. */
  readonly uid: number;
  /** Short text: encoding, streams, whether it lags. */
  readonly label: string;
  readonly state: 'running' | 'starting' | 'busy' | 'terminating';
  /** Bytes that wait for the client. */
  readonly backlogBytes: number;
  /** Ms since 1970. */
  readonly startedAt: number;
}

/** The sessions of a gateway thread, at most SESSIONS_MAX of them in `list`. */
export interface SessionSource {
  count(): number;
  list(most: number): readonly SessionFacts[];
}

/** Sessions that are told of a gateway thread; the rest is a number. */
export const SESSIONS_MAX = 1000;

/** Figures of the whole thread. */
export interface ThreadFigures {
  readonly actors: number;
  readonly messages: number;
  readonly dropped: number;
  /** Ms in a second that its event loop was busy, since the last answer. */
  readonly busyMs: number;
  readonly heapBytes: number;
  /** Connections of a gateway thread; null elsewhere. */
  readonly sessions: number | null;
  /** Where they were asked for. */
  readonly sessionList: readonly SessionFacts[] | null;
}

export interface TreeQuestion {
  /** Changes when the asker has forgotten what it was told: then everything is told anew. */
  readonly epoch: number;
  /** One by one, or the figures of the thread alone. */
  readonly actors: boolean;
  readonly sessions: boolean;
}

export interface TreePublisherP {
  /** Answered by TreeModelP.take, several times when there is much. Not asked again before the last one. */
  publish(question: TreeQuestion): void;
  /** Nobody looks any more. */
  rest(): void;
  more(): void;
}

/** Part of an answer. The last one has the figures of the thread. */
export interface TreeAnswer {
  readonly slot: string;
  readonly epoch: number;
  readonly batch: SampledBatch | null;
  readonly thread: ThreadFigures | null;
}

/** The model as the publishers see it. */
export interface TreeModelP {
  /** A publisher has begun: its thread, or it alone, is new. */
  hello(slot: string): void;
  take(answer: TreeAnswer): void;
}

interface State {
  sampler: Sampler | null;
  question: TreeQuestion;
  utilization: ReturnType<typeof performance.eventLoopUtilization>;
}

const NOTHING: TreeQuestion = { epoch: 0, actors: false, sessions: false };

const model = at<TreeModelP>('main', TREE_MODEL);

/** This thread's. */
let sessions: SessionSource | null = null;

/** The sessions of this thread are to be part of the tree; on gateway threads, once they can be told. */
export function publishSessions(source: SessionSource): void {
  sessions = source;
}

const TreePublisher = defineActor<TreePublisherP, State>({
  name: TREE_PUBLISHER,
  init: (ctx) => {
    ctx.trapExit(true);
    ctx.cast(model, 'hello', thisSlot());
    const utilization = performance.eventLoopUtilization();
    return { sampler: null, question: NOTHING, utilization };
  },
  handle: {
    publish: (s, question, ctx) => {
      const isNew = question.epoch !== s.question.epoch;
      s.question = question;
      if (isNew || !question.actors) rest(s);
      if (question.actors) s.sampler ??= new Sampler();
      publish(s, ctx);
    },
    more: (s, _arg, ctx) => publish(s, ctx),
    rest,
  },
  terminate: rest,
});

function rest(s: State): void {
  s.sampler?.close();
  s.sampler = null;
}

function publish(s: State, ctx: Ctx<TreePublisherP>): void {
  const { epoch } = s.question;
  const batch = s.sampler?.take(CELLS_PER_BATCH) ?? null;
  const isLast = batch === null || batch.isLast;
  const thread = isLast ? threadFigures(s) : null;
  cast(model, 'take', { slot: thisSlot(), epoch, batch, thread });
  if (!isLast) ctx.cast(ctx.self, 'more');
}

function threadFigures(s: State): ThreadFigures {
  const { actors, messages, dropped } = counters();
  const since = performance.eventLoopUtilization(s.utilization);
  s.utilization = performance.eventLoopUtilization();
  return {
    actors,
    messages,
    dropped,
    busyMs: Math.round(since.utilization * 10_000) / 10,
    heapBytes: getHeapStatistics().used_heap_size,
    sessions: sessions?.count() ?? null,
    sessionList: s.question.sessions ? (sessions?.list(SESSIONS_MAX) ?? null) : null,
  };
}

/** Child of each thread. */
export function treePublisher(): ChildSpec {
  return child(TREE_PUBLISHER, TreePublisher, undefined, {
    name: name<TreePublisherP>(TREE_PUBLISHER),
    restart: 'permanent',
  });
}
