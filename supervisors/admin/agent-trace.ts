/**
 * Traces of actors of one thread: what they take, send and answer, sampled, for a time, in a buffer of bounded size that the main
 * thread empties. The traced actor pays only for the events; others pay nothing. Any thread.
 */
import {
  type AnyRef,
  type Clock,
  type Dest,
  formatRef,
  isAlive,
  type SystemEvent,
  sys,
} from '../../runtime/index.ts';
import { AGENT_LIMITS } from './agent-limits.ts';
import { show } from './agent-show.ts';
import { later } from './agent-timer.ts';
import type { AgentCounters, TraceEnd, TraceEvent, TraceNews, TraceOrder } from './agent-types.ts';
import type { VerbResult } from './types.ts';

class Trace {
  readonly ref: AnyRef;
  readonly #order: TraceOrder;
  readonly #clock: Clock;
  readonly #counters: AgentCounters;
  #waiting: TraceEvent[] = [];
  #shown = 0;
  #op = '';
  #isSampled = false;
  #beganMs = 0;
  seen = 0;
  sampled = 0;
  dropped = 0;
  ended: TraceEnd | null = null;
  cancel: () => void = () => undefined;

  constructor(ref: AnyRef, order: TraceOrder, clock: Clock, counters: AgentCounters) {
    this.ref = ref;
    this.#order = order;
    this.#clock = clock;
    this.#counters = counters;
  }

  /** Of the traced actor, in its turn. */
  take(event: SystemEvent): undefined | 'done' {
    if (this.ended !== null) return 'done';
    if (event.kind === 'in') this.#took(event.op);
    if (this.#isSampled) this.#note(event);
    if (this.#shown < this.#order.eventsMax) return undefined;
    this.ended = 'events';
    return 'done';
  }

  read(): TraceNews {
    if (this.ended === null && !isAlive(this.ref)) this.ended = 'actor ended';
    const events = this.#waiting;
    this.#waiting = [];
    const { dropped, ended, sampled, seen } = this;
    return { events, seen, sampled, dropped, ended };
  }

  #took(op: string): void {
    this.#op = op;
    this.#beganMs = this.#clock.monotonic();
    this.#isSampled = this.seen % this.#order.sample === 0;
    this.seen += 1;
    if (this.#isSampled) this.sampled += 1;
  }

  #note(event: SystemEvent): void {
    this.#shown += 1;
    this.#waiting.push({ at: this.#clock.now(), ...this.#factsOf(event) });
    if (this.#waiting.length <= AGENT_LIMITS.traceWaiting) return;
    this.#waiting.shift();
    this.dropped += 1;
    this.#counters.traceEventsDropped += 1;
  }

  #factsOf(event: SystemEvent): Omit<TraceEvent, 'at'> {
    const { raw } = this.#order;
    switch (event.kind) {
      case 'in':
        return { kind: 'in', op: event.op, call: event.isCall, arg: show(event.arg, raw) };
      case 'out':
        return { kind: 'out', op: event.op, to: nameOf(event.to), arg: show(event.arg, raw) };
      case 'reply':
        return { kind: 'reply', op: this.#op, arg: show(event.value, raw) };
      case 'state': {
        const ms = this.#clock.monotonic() - this.#beganMs;
        return { kind: 'done', op: this.#op, ms: Math.round(ms * 1000) / 1000 };
      }
    }
  }
}

function nameOf(to: Dest<unknown>): string {
  if (typeof to === 'number') return formatRef(to);
  return to.of === '' ? String(to.key) : `${to.of}/${to.key}`;
}

/** All traces of a thread. */
export class Traces {
  readonly #clock: Clock;
  readonly #counters: AgentCounters;
  readonly #traces = new Map<number, Trace>();
  #serial = 0;

  constructor(clock: Clock, counters: AgentCounters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  async start(
    ref: AnyRef,
    order: TraceOrder,
  ): Promise<VerbResult<{ trace: number; until: number }>> {
    if (this.#traces.size >= AGENT_LIMITS.traces) {
      const message = `${AGENT_LIMITS.traces} traces run on this thread already`;
      return { ok: false, code: 'conflict', message };
    }
    const id = ++this.#serial;
    const trace = new Trace(ref, order, this.#clock, this.#counters);
    this.#traces.set(id, trace);
    this.#counters.tracesNow = this.#traces.size;
    // Whoever asked may be gone: what was not fetched a while after the end goes too.
    trace.cancel = later(this.#clock, order.forMs, () => {
      trace.ended ??= 'time';
      trace.cancel = later(this.#clock, AGENT_LIMITS.traceMaxMs, () => this.stop(id));
    });
    try {
      await sys.install(ref, (_state, event) => trace.take(event), undefined, { id: keyOf(id) });
    } catch (error) {
      this.stop(id);
      throw error;
    }
    return { ok: true, value: { trace: id, until: this.#clock.now() + order.forMs } };
  }

  read(id: number): VerbResult<TraceNews> {
    const trace = this.#traces.get(id);
    if (trace === undefined) return { ok: false, code: 'not_found', message: 'no such trace' };
    const news = trace.read();
    if (news.ended !== null) this.stop(id);
    return { ok: true, value: news };
  }

  /** Idempotent. */
  stop(id: number): void {
    const trace = this.#traces.get(id);
    if (trace === undefined) return;
    this.#traces.delete(id);
    this.#counters.tracesNow = this.#traces.size;
    trace.ended ??= 'stopped';
    trace.cancel();
    // It removes itself with the next event as well: one that is dead or never gives way needs no answer.
    if (isAlive(trace.ref)) sys.remove(trace.ref, keyOf(id)).catch(() => undefined);
  }

  /** Of one actor. */
  countOf(ref: AnyRef): number {
    return [...this.#traces.values()].filter((each) => each.ref === ref && each.ended === null)
      .length;
  }
}

function keyOf(id: number): string {
  return `admin-trace-${id}`;
}
