/**
 * The other threads as this one sees them: a lane to each that is up, records out, records in, and
 * what the death of a thread means here. Implements what core/ knows of threads.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Ms } from '../clock.ts';
import { forgetChain, noteChain } from '../core/call-chain.ts';
import { failCall, failCallsTo, resolveCall } from '../core/calls.ts';
import { errorInfo } from '../core/reason.ts';
import { threadOf } from '../core/ref.ts';
import { kickDrain } from '../core/scheduler.ts';
import { deliver, findRef } from '../core/send.ts';
import {
  arriveDemonitor,
  arriveDown,
  arriveExit,
  arriveLink,
  arriveMonitor,
  arriveStop,
  arriveUnlink,
  threadGone,
} from '../core/signals.ts';
import {
  type FailedSend,
  type Remote,
  report,
  rt,
  type SignalSink,
  type Via,
} from '../core/thread.ts';
import { carried, tracing, withTrace } from '../core/trace.ts';
import { TraceContext } from '../core/trace-context.ts';
import type { FailReason } from '../errors.ts';
import type { LaneCounters } from '../inspect/types.ts';
import { homeIndex } from '../names/home.ts';
import type { AnyRef, From, Key, MonitorId, Reason } from '../types.ts';
import type { BatchReader } from './batch-reader.ts';
import { Lane } from './lane.ts';
import { consumedView } from './shared.ts';
import type { LanePace, SharedMemory, Topology } from './types.ts';

const UNPACED: LanePace = { gatherMs: 0 };

import {
  CALL,
  CAST,
  CHAIN,
  DEMONITOR,
  DOWN,
  EXIT,
  LINK,
  MONITOR,
  REPLY,
  STOP,
  TRACED,
  UNLINK,
} from './wire.ts';

export class Router implements Remote {
  readonly #topology: Topology;
  readonly #shared: SharedMemory;
  readonly #lanes: (Lane | undefined)[] = [];
  readonly #dirty: Lane[] = [];
  readonly #threads = new Map<string, number>();
  readonly #groups = new Map<string, string[]>();
  /** Type of entity -> thread numbers of its group. */
  readonly #homes = new Map<string, number[]>();
  readonly signals: SignalSink;

  constructor(topology: Topology, shared: SharedMemory) {
    this.#topology = topology;
    this.#shared = shared;
    for (const { name, group, thread } of topology.slots) {
      this.#threads.set(name, thread);
      if (group === '') continue;
      const members = this.#groups.get(group);
      if (members === undefined) this.#groups.set(group, [name]);
      else members.push(name);
    }
    for (const [type, group] of Object.entries(topology.entities)) {
      const members = topology.slots.filter((slot) => slot.group === group);
      this.#homes.set(
        type,
        members.map((slot) => slot.thread),
      );
    }
    this.signals = this.#makeSignals();
  }

  // -------------------------------------------------------------- lanes

  /** The thread is up: its port. */
  connect(thread: number, port: MessagePort): void {
    this.disconnect(thread);
    const to = this.slotName(thread);
    this.#lanes[thread] = new Lane(port, {
      to,
      pace: this.#paceTo(thread),
      limits: this.#topology.limits,
      clock: rt.clock,
      sentConsumed: consumedView(this.#shared, rt.thread, thread),
      ownConsumed: consumedView(this.#shared, thread, rt.thread),
      onDirty: (dirty) => {
        this.#dirty.push(dirty);
        kickDrain();
      },
      onBatch: take,
      onPoison: (kind, from, error) => this.#poisoned(to, kind, from, error),
    });
  }

  /** The thread is dead: its lane is closed (what is still under way is dropped), its refs are dead. */
  disconnect(thread: number): void {
    const lane = this.#lanes[thread];
    if (lane === undefined) return;
    this.#lanes[thread] = undefined;
    lane.close();
    failCallsTo(thread);
    threadGone(thread);
  }

  /** Holds the lane to a thread; the returned function lets it flow. undefined: there is none, or it is held already. */
  holdLane(thread: number): (() => void) | undefined {
    return this.#lanes[thread]?.hold();
  }

  /** Sends what is pending and closes all lanes: this thread ends. */
  close(): void {
    for (const [thread, lane] of this.#lanes.entries()) {
      if (lane === undefined) continue;
      lane.flush();
      lane.close();
      this.#lanes[thread] = undefined;
    }
  }

  isUp(thread: number): boolean {
    return thread === rt.thread || this.#lanes[thread] !== undefined;
  }

  flush(): void {
    if (this.#dirty.length === 0) return;
    const now = rt.clock.monotonic();
    const dirty = this.#dirty.splice(0);
    for (const lane of dirty) lane.flushPaced(now);
  }

  lanes(): readonly LaneCounters[] {
    return this.#lanes.filter((lane) => lane !== undefined).map((lane) => lane.counters());
  }

  slotName(thread: number): string {
    return this.#topology.slots[thread]?.name ?? String(thread);
  }

  #paceTo(thread: number): LanePace {
    const own = this.#topology.slots[rt.thread];
    const other = this.#topology.slots[thread];
    for (const pacing of this.#topology.pacing) {
      const { from, to } = pacing;
      const fits = from === own?.name || from === own?.group;
      if (fits && (to === other?.name || to === other?.group)) return pacing;
    }
    return UNPACED;
  }

  // -------------------------------------------------------------- places

  slotThread(slot: string): number {
    return this.#threads.get(slot) ?? -1;
  }

  slotsOf(group: string): readonly string[] {
    return this.#groups.get(group) ?? [];
  }

  homeThread(type: string, key: number): number {
    const threads = this.#homes.get(type);
    if (threads === undefined || threads.length === 0) return -1;
    return threads[homeIndex(key, threads.length)] ?? -1;
  }

  // -------------------------------------------------------------- out

  cast(thread: number, via: Via, key: Key, op: string, arg: unknown): void {
    const lane = this.#lanes[thread];
    if (lane === undefined) rt.counters.deadLetters++;
    else if (this.#admits(lane, thread)) {
      const trace = tracing.current === null ? null : carried();
      if (trace === null) lane.cast(via, key, op, arg);
      else lane.traced(trace, via, key, op, arg, 0, 0);
    }
  }

  call(
    thread: number,
    via: Via,
    key: Key,
    op: string,
    arg: unknown,
    from: From,
    deadline: Ms,
  ): FailedSend | undefined {
    const lane = this.#lanes[thread];
    if (lane === undefined) return 'noconnection';
    if (!this.#admits(lane, thread)) return 'mailboxFull';
    const trace = tracing.current === null ? null : carried();
    if (trace === null) lane.call(via, key, op, arg, from, deadline);
    else lane.traced(trace, via, key, op, arg, from, deadline);
    return undefined;
  }

  reply(from: From, ok: boolean, value: unknown): void {
    forgetChain(from);
    this.#lanes[threadOf(from)]?.reply(from, ok, value);
  }

  #admits(lane: Lane, thread: number): boolean {
    if (lane.admits()) return true;
    rt.counters.dropped++;
    const { dropped } = lane;
    if ((dropped & (dropped - 1)) === 0) {
      report({ kind: 'laneFull', to: this.slotName(thread), dropped });
    }
    return false;
  }

  #poisoned(to: string, kind: number, from: From | 0, error: unknown): void {
    const info = errorInfo(error);
    report({ kind: 'undeliverable', to, error: info });
    if (kind === CALL) failCall(from, { error: info });
    else if (kind === REPLY) this.reply(from as From, false, { error: info });
  }

  #makeSignals(): SignalSink {
    const lane = (thread: number): Lane | undefined => this.#lanes[thread];
    return {
      exit: (to, from, reason, linked) =>
        lane(threadOf(to))?.signal(EXIT, to, from, reason, linked),
      link: (to, from) => lane(threadOf(to))?.signal(LINK, to, from),
      unlink: (to, from) => lane(threadOf(to))?.signal(UNLINK, to, from),
      monitor: (thread, id, via, key) => lane(thread)?.signal(MONITOR, id, via, key),
      demonitor: (thread, id) => lane(thread)?.signal(DEMONITOR, id),
      down: (id, ref, reason) => lane(threadOf(id))?.signal(DOWN, id, ref, reason),
      stop: (thread, via, key, reason) => lane(thread)?.signal(STOP, via, key, reason),
      callChain: (thread, from, chain) => lane(thread)?.signal(CHAIN, from, chain),
    };
  }
}

// ---------------------------------------------------------------- in

/** Takes in all records of a batch. Our own threads wrote their fields, so they are not checked again. */
function take(r: BatchReader): number {
  let count = 0;
  for (; r.next(); count++) {
    const { kind } = r;
    if (kind === CAST || kind === CALL) deliver(r.via, r.key, r.op, r.a, r.from, r.deadline);
    else if (kind !== REPLY) takeSignal(r);
    else if (r.ok) resolveCall(r.from, r.a);
    else failCall(r.from, r.a as FailReason);
  }
  return count;
}

function takeSignal(r: BatchReader): void {
  const { kind, a, b, c, d } = r;
  if (kind === EXIT) arriveExit(a as AnyRef, b as AnyRef, c as Reason | 'kill', d as boolean);
  else if (kind === LINK) arriveLink(a as AnyRef, b as AnyRef);
  else if (kind === UNLINK) arriveUnlink(a as AnyRef, b as AnyRef);
  else if (kind === MONITOR) arriveMonitor(a as MonitorId, findRef(b as Via, c as Key));
  else if (kind === DEMONITOR) arriveDemonitor(a as MonitorId);
  else if (kind === CHAIN) noteChain(a as number, b as number[]);
  else if (kind === TRACED) takeTraced(r);
  else if (kind === DOWN) arriveDown(a as MonitorId, b as AnyRef, c as Reason);
  else arriveStop(findRef(a as Via, b as Key), c as Reason);
}

function takeTraced(r: BatchReader): void {
  const [hops, sentMs] = r.d as [number, Ms];
  const context = new TraceContext(r.b as string, r.c as string, hops, sentMs);
  withTrace(context, () => deliver(r.via, r.key, r.op, r.a, r.from, r.deadline));
}
