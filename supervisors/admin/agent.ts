/**
 * The actor `admin-agent`, one on every thread, started by openSlot: carries out on its own thread what operators ask of the
 * actors there, and answers from plain counters. Its state is the thread's, not the actor's: what it has switched on ends by
 * itself even when the agent is started again. Never waits for an actor without a time limit.
 */
import { getHeapStatistics } from 'node:v8';
import type { AudienceFacts, ConnectionFacts } from '../../gateway/index.ts';
import {
  type AnyRef,
  actorPath,
  type ChildSpec,
  type Clock,
  child,
  counters,
  defineActor,
  look,
  name,
  processInfo,
  subtreeSize,
  thisSlot,
} from '../../runtime/index.ts';
import type { Logger } from '../log.ts';
import { heapUsed, writeHeap } from './agent-heap.ts';
import { Recordings, type RecordPlans } from './agent-record.ts';
import { show } from './agent-show.ts';
import { failureOf, Steering, targetAt } from './agent-steer.ts';
import { later } from './agent-timer.ts';
import { Traces } from './agent-trace.ts';
import {
  ADMIN_AGENT,
  type AdminAgentP,
  type AgentCounters,
  type Inspection,
  type ThreadInspection,
} from './agent-types.ts';
import type { VerbResult } from './types.ts';

const NONE = 0 as AnyRef;

/** What only gateway threads can tell. */
export interface GatewayView {
  audienceOf(sid: number): AudienceFacts | undefined;
  connectionsOf(uid: number, limit: number): readonly ConnectionFacts[];
}

/** What the agent of a thread has to work with. */
export class AgentThread {
  readonly counters: AgentCounters = {
    tracesNow: 0,
    suspendedNow: 0,
    recordingsNow: 0,
    kills: 0,
    killsRefused: 0,
    heapSnapshots: 0,
    traceEventsDropped: 0,
    recordEntriesDropped: 0,
  };
  readonly clock: Clock;
  readonly steering: Steering;
  readonly traces: Traces;
  readonly recordings: Recordings;
  readonly #log: Logger;
  readonly #configuredLevel: string;
  #cancelLevel: () => void = () => undefined;
  gateway: GatewayView | undefined;

  constructor(clock: Clock, log: Logger) {
    this.clock = clock;
    this.#log = log;
    this.#configuredLevel = log.level;
    this.steering = new Steering(clock, this.counters);
    this.traces = new Traces(clock, this.counters);
    this.recordings = new Recordings(clock, this.counters);
  }

  /** Called by the boot of the thread, once it has it. */
  offer(more: { readonly gateway?: GatewayView; readonly recordable?: RecordPlans }): void {
    if (more.gateway !== undefined) this.gateway = more.gateway;
    if (more.recordable !== undefined) this.recordings.offer(more.recordable);
  }

  get logLevel(): string {
    return this.#log.level;
  }

  setLogLevel(level: string, forMs: number | undefined): { before: string } {
    const before = this.#log.level;
    this.#cancelLevel();
    this.#log.level = level;
    this.#cancelLevel =
      forMs === undefined
        ? () => undefined
        : later(this.clock, forMs, () => {
            this.#log.level = this.#configuredLevel;
          });
    return { before };
  }

  inspect(ref: AnyRef, raw: boolean): VerbResult<Inspection> {
    const info = processInfo(ref);
    const seen = look(ref);
    const path = actorPath(ref);
    if (info === undefined || seen === undefined || path === undefined) {
      return { ok: false, code: 'not_found', message: 'it has ended' };
    }
    const state = raw ? show(seen.state, true) : show(seen.shown, seen.isFormatted);
    const value: Inspection = {
      path,
      info: { ...info, links: info.links.length },
      subtree: subtreeSize(ref),
      state,
      redacted: !raw,
      watched: this.#watched(ref, info.entity),
    };
    return { ok: true, value };
  }

  #watched(ref: AnyRef, entity: { type: string; key: number } | undefined): readonly string[] {
    const until = this.steering.suspendedUntil(ref);
    const traces = this.traces.countOf(ref);
    const file = entity === undefined ? undefined : this.recordings.of(entity.type, entity.key);
    return [
      ...(until === undefined ? [] : [`suspended until ${until}`]),
      ...(traces === 0 ? [] : [`traces ${traces}`]),
      ...(file === undefined ? [] : [`recorded into ${file}`]),
    ];
  }
}

function inspectThread(thread: AgentThread): ThreadInspection {
  const heap = getHeapStatistics();
  return {
    thread: thisSlot(),
    counters: counters(),
    heap: {
      usedBytes: heap.used_heap_size,
      totalBytes: heap.total_heap_size,
      limitBytes: heap.heap_size_limit,
      externalBytes: heap.external_memory,
    },
    logLevel: thread.logLevel,
    agent: { ...thread.counters },
  };
}

/** Does something with the actor of a path. */
async function onTarget<T>(
  path: string,
  self: AnyRef,
  act: (ref: AnyRef) => VerbResult<T> | Promise<VerbResult<T>>,
): Promise<VerbResult<T>> {
  const target = targetAt(path, self);
  if (!target.ok) return target;
  try {
    return await act(target.value);
  } catch (error) {
    return failureOf(error);
  }
}

const AdminAgent = defineActor<AdminAgentP, AgentThread, AgentThread>({
  name: ADMIN_AGENT,
  init: (ctx, thread) => {
    ctx.trapExit(true);
    return thread;
  },
  handle: {
    inspect: (t, { path, raw }) => onTarget(path, NONE, (ref) => t.inspect(ref, raw)),
    inspectThread: (t) => inspectThread(t),
    suspend: (t, { path, forMs }, { self }) =>
      onTarget(path, self, (ref) => t.steering.suspend(ref, forMs)),
    resume: (t, { path }, { self }) => onTarget(path, self, (ref) => t.steering.resume(ref)),
    kill: (t, { path }, { self }) => onTarget(path, self, (ref) => t.steering.kill(ref)),
    restart: (t, { path }, { self }) => onTarget(path, self, (ref) => t.steering.restart(ref)),
    passivate: (t, { path, force }, { self }) =>
      onTarget(path, self, (ref) => t.steering.passivate(ref, force)),
    traceStart: (t, order, { self }) =>
      onTarget(order.path, self, (ref) => t.traces.start(ref, order)),
    traceRead: (t, { trace }) => t.traces.read(trace),
    traceStop: (t, { trace }) => t.traces.stop(trace),
    logLevel: (t, { forMs, level }) => t.setLogLevel(level, forMs),
    heapUsed: () => heapUsed(),
    heapSnapshot: (t, { file }) => {
      const written = writeHeap(file, t.clock);
      if (written.ok) t.counters.heapSnapshots += 1;
      return written;
    },
    recordStart: (t, order) => t.recordings.start(order),
    recordStop: (t, { file }) => t.recordings.stop(file),
    recordings: (t) => t.recordings.list(),
    audience: (t, { sid }) => t.gateway?.audienceOf(sid) ?? null,
    connections: (t, { limit, uid }) => t.gateway?.connectionsOf(uid, limit) ?? [],
  },
  terminate: (t, reason) => {
    if (reason === 'shutdown') t.recordings.close();
  },
  // While one verb waits for a slow actor the others are carried out.
  concurrent: [
    'inspect',
    'inspectThread',
    'suspend',
    'resume',
    'kill',
    'restart',
    'passivate',
    'traceStart',
    'traceRead',
    'traceStop',
    'recordStart',
    'recordStop',
  ],
});

/** The agent as a child of its thread's supervisor. */
export function adminAgent(thread: AgentThread): ChildSpec {
  return child(ADMIN_AGENT, AdminAgent, thread, { name: name<AdminAgentP>(ADMIN_AGENT) });
}
