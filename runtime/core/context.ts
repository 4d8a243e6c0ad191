/**
 * Ctx: what a handler may do. One object per actor. Each method checks that the actor still lives, so
 * an abandoned continuation of a killed actor throws instead of acting.
 */
import type { Ms } from '../clock.ts';
import { ActorError } from '../errors.ts';
import type {
  AnyRef,
  CallOptions,
  Ctx,
  Dest,
  FlushOptions,
  From,
  Key,
  MonitorId,
  Reason,
  SpawnOptions,
} from '../types.ts';
import { dropAlias, makeAlias } from './aliases.ts';
import { postponeMessage, resumePostponed, setInactivity } from './around.ts';
import { type AnyBehaviour, type Cell, DEAD, ExitMessage, extraOf } from './cell.ts';
import type { Extra } from './extra.ts';
import { crashCell } from './life.ts';
import { StopSignal } from './reason.ts';
import { type AnyDest, callTo, castTo, replyTo, sendTo, targetOf } from './send.ts';
import { linkCell, sendExit, unlinkCell, unwatch, watch } from './signals.ts';
import { takeSnapshot } from './snapshot-take.ts';
import { rt } from './thread.ts';
import { cancelTimer, setTimer, timerLeft } from './timers.ts';
import { tracing, withTrace } from './trace.ts';
import type { OpenSpan } from './trace-context.ts';

/** How ctx.spawn starts actors; installed by spawn.ts, which needs the context itself. */
type Spawner = (
  behaviour: AnyBehaviour,
  arg: unknown,
  options: SpawnOptions<unknown> | undefined,
  parent: AnyRef,
  link: boolean,
) => Promise<AnyRef>;
let spawner: Spawner | null = null;

export function setSpawner(installed: Spawner): void {
  spawner = installed;
}

export class Context {
  readonly #cell: Cell;

  constructor(cell: Cell) {
    this.#cell = cell;
  }

  get self(): AnyRef {
    return this.#cell.ref;
  }
  get parent(): AnyRef {
    return this.#cell.parent;
  }
  get from(): From | undefined {
    const { from } = this.#cell;
    return from === 0 ? undefined : (from as From);
  }
  get deadline(): Ms {
    return this.#cell.deadline;
  }
  get signal(): AbortSignal {
    const extra = extraOf(this.#cell);
    extra.abort ??= new AbortController();
    if (this.#cell.status === DEAD) extra.abort.abort();
    return extra.abort.signal;
  }
  get entityKey(): number | undefined {
    return this.#cell.entity?.key;
  }

  cast(to: AnyDest, op: string, arg?: unknown): void {
    const cell = this.#alive();
    cell.messagesOut++;
    if (cell.extra !== null) this.#trace(cell.extra, to, op, arg);
    if (cell.trace === null || tracing.current !== null) castTo(to, op, arg);
    else castUnder(cell.trace, to, op, arg);
  }

  send(to: AnyDest, op: string, arg?: unknown): Promise<void> {
    const cell = this.#alive();
    if (cell.extra !== null) this.#trace(cell.extra, to, op, arg);
    cell.messagesOut++;
    if (cell.trace === null || tracing.current !== null) return sendTo(to, op, arg);
    return sendUnder(cell.trace, to, op, arg);
  }

  call(to: AnyDest, op: string, arg?: unknown, options?: CallOptions): Promise<unknown> {
    const cell = this.#alive();
    cell.messagesOut++;
    if (cell.extra !== null) this.#trace(cell.extra, to, op, arg);
    if (cell.trace === null || tracing.current !== null) {
      return callTo(to, op, arg, options, cell, cell.deadline);
    }
    return callUnder(cell.trace, to, op, arg, options, cell);
  }

  reply(from: From, value: unknown): void {
    const cell = this.#alive();
    if (cell.from === from) cell.from = 0;
    cell.extra?.debug?.event({ kind: 'reply', value, to: from });
    replyTo(from, value);
  }

  next(op: string, arg?: unknown): void {
    const cell = this.#alive();
    if (cell.nexts === null) cell.nexts = [op, arg];
    else cell.nexts.push(op, arg);
  }

  stop(reason: Reason, ...reply: [value?: unknown]): never {
    this.#alive();
    throw new StopSignal(reason, reply.length === 0 ? null : { value: reply[0] });
  }

  exit(to: AnyRef, reason: Reason): void {
    sendExit(to, this.#alive().ref, reason, false);
  }

  postpone(): void {
    const cell = this.#alive();
    const { behaviour, ops } = cell.compiled;
    if (!ops.has(cell.currentOp) && behaviour.onUnknown === undefined) {
      throw new TypeError(`postpone: got ${cell.currentOp}, want the message of an op`);
    }
    if (!postponeMessage(cell)) throw new ActorError('mailboxFull', 'postpone');
  }
  resumePostponed(): void {
    resumePostponed(this.#alive());
  }

  hibernate(): void {
    extraOf(this.#alive()).hibernate = true;
  }

  timeout(ms: Ms, op: string, arg?: unknown): void {
    setInactivity(this.#alive(), ms, op, arg);
  }

  yield(): Promise<void> {
    this.#alive();
    return new Promise((resolve) => setImmediate(resolve));
  }

  link(ref: AnyRef): void {
    linkCell(this.#alive(), ref);
  }
  unlink(ref: AnyRef, options?: FlushOptions): void {
    const cell = this.#alive();
    unlinkCell(cell, ref);
    if (options?.flush !== true) return;
    cell.mailbox?.discard((notice) => notice instanceof ExitMessage && notice.from === ref);
  }
  monitor(to: AnyDest): MonitorId {
    return watch(targetOf(to), this.#alive(), null);
  }
  demonitor(id: MonitorId, options?: FlushOptions): void {
    if (this.#alive().monitors?.has(id) === true) unwatch(id, options?.flush);
  }
  trapExit(on: boolean): void {
    this.#alive().trapExit = on;
  }

  alias(options?: { readonly reply?: boolean }): AnyRef {
    return makeAlias(this.#alive(), options?.reply === true);
  }
  unalias(alias: AnyRef): boolean {
    return dropAlias(this.#alive(), alias);
  }

  snapshot(): boolean {
    const cell = this.#alive();
    const state = cell.extra?.snapshots ?? null;
    return state !== null && takeSnapshot(cell, state, true);
  }

  timer(key: Key, ms: Ms, op: string, arg?: unknown): void {
    setTimer(this.#alive(), key, ms, op, arg, 0);
  }
  every(key: Key, ms: Ms, op: string, arg?: unknown): void {
    if (!(ms > 0)) throw new RangeError(`every ${key}: ms: got ${ms}, want > 0`);
    setTimer(this.#alive(), key, ms, op, arg, ms);
  }
  cancel(key: Key): Ms | false {
    return cancelTimer(this.#alive(), key);
  }
  readTimer(key: Key): Ms | false {
    return timerLeft(this.#alive(), key);
  }

  guard<T>(promise: Promise<T>): Promise<T> {
    const cell = this.#alive();
    return new Promise((resolve) => {
      promise.then(
        (value) => {
          if (cell.status !== DEAD) resolve(value);
        },
        (thrown) => crashCell(cell, thrown),
      );
    });
  }

  wrap<T extends readonly unknown[]>(callback: (...args: T) => void): (...args: T) => void {
    const cell = this.#alive();
    const trace = tracing.current ?? cell.trace?.context ?? null;
    return (...args) => {
      if (cell.status === DEAD) return;
      const outer = rt.current;
      const outerTrace = tracing.current;
      rt.current = cell;
      tracing.current = trace;
      try {
        callback(...args);
      } catch (thrown) {
        crashCell(cell, thrown);
      } finally {
        rt.current = outer;
        tracing.current = outerTrace;
      }
    };
  }

  spawn(behaviour: AnyBehaviour, arg: unknown, options?: SpawnOptions<unknown>): Promise<AnyRef> {
    return this.#spawn(behaviour, arg, options, false);
  }
  spawnLink(
    behaviour: AnyBehaviour,
    arg: unknown,
    options?: SpawnOptions<unknown>,
  ): Promise<AnyRef> {
    return this.#spawn(behaviour, arg, options, true);
  }

  label(text: string): void {
    this.#alive().label = text;
  }

  #spawn(
    behaviour: AnyBehaviour,
    arg: unknown,
    options: SpawnOptions<unknown> | undefined,
    link: boolean,
  ): Promise<AnyRef> {
    const cell = this.#alive();
    if (spawner === null) throw new Error('ctx.spawn: runtime is not loaded');
    return spawner(behaviour, arg, options, cell.ref, link);
  }

  #trace(extra: Extra, to: AnyDest, op: string, arg: unknown): void {
    extra.debug?.event({ kind: 'out', op, arg, to: to as Dest<unknown> });
  }

  #alive(): Cell {
    if (this.#cell.status === DEAD) throw new ActorError('noproc', 'use of a dead actor');
    return this.#cell;
  }
}

/** The context as handlers see it. */
export function contextOf(cell: Cell): Ctx<unknown> {
  return new Context(cell) as unknown as Ctx<unknown>;
}

// Of a traced handler that goes on after an await. Functions of their own: a closure in the methods would cost each message an
// allocation.

function castUnder({ context }: OpenSpan, to: AnyDest, op: string, arg: unknown): void {
  withTrace(context, () => castTo(to, op, arg));
}

function sendUnder({ context }: OpenSpan, to: AnyDest, op: string, arg: unknown): Promise<void> {
  return withTrace(context, () => sendTo(to, op, arg));
}

function callUnder(
  { context }: OpenSpan,
  to: AnyDest,
  op: string,
  arg: unknown,
  options: CallOptions | undefined,
  cell: Cell,
): Promise<unknown> {
  return withTrace(context, () => callTo(to, op, arg, options, cell, cell.deadline));
}
