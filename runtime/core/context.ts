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
  From,
  Key,
  MonitorId,
  Reason,
  SpawnOptions,
} from '../types.ts';
import { type AnyBehaviour, type Cell, DEAD } from './cell.ts';
import { crashCell } from './life.ts';
import { StopSignal } from './reason.ts';
import { type AnyDest, callTo, castTo, replyTo, targetOf } from './send.ts';
import { linkCell, unlinkCell, unwatch, watch } from './signals.ts';
import { rt } from './thread.ts';
import { cancelTimer, setTimer } from './timers.ts';

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

/** An answer that comes just before the caller gives up is of no use to it. */
const DEADLINE_MARGIN_MS = 5;

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
    this.#cell.abort ??= new AbortController();
    if (this.#cell.status === DEAD) this.#cell.abort.abort();
    return this.#cell.abort.signal;
  }
  get entityKey(): number | undefined {
    return this.#cell.entity?.key;
  }

  cast(to: AnyDest, op: string, arg?: unknown): void {
    this.#alive();
    castTo(to, op, arg);
  }

  call(to: AnyDest, op: string, arg?: unknown, options?: CallOptions): Promise<unknown> {
    const cell = this.#alive();
    return callTo(to, op, arg, options, cell, cell.deadline - DEADLINE_MARGIN_MS);
  }

  reply(from: From, value: unknown): void {
    const cell = this.#alive();
    if (cell.from === from) cell.from = 0;
    replyTo(from, value);
  }

  next(op: string, arg?: unknown): void {
    const cell = this.#alive();
    if (cell.nexts === null) cell.nexts = [op, arg];
    else cell.nexts.push(op, arg);
  }

  stop(reason: Reason): never {
    this.#alive();
    throw new StopSignal(reason);
  }

  yield(): Promise<void> {
    this.#alive();
    return new Promise((resolve) => setImmediate(resolve));
  }

  link(ref: AnyRef): void {
    linkCell(this.#alive(), ref);
  }
  unlink(ref: AnyRef): void {
    unlinkCell(this.#alive(), ref);
  }
  monitor(to: AnyDest): MonitorId {
    return watch(targetOf(to), this.#alive(), null);
  }
  demonitor(id: MonitorId): void {
    this.#alive();
    unwatch(id);
  }
  trapExit(on: boolean): void {
    this.#alive().trapExit = on;
  }

  timer(key: Key, ms: Ms, op: string, arg?: unknown): void {
    setTimer(this.#alive(), key, ms, op, arg, 0);
  }
  every(key: Key, ms: Ms, op: string, arg?: unknown): void {
    if (!(ms > 0)) throw new RangeError(`every ${key}: ms: got ${ms}, want > 0`);
    setTimer(this.#alive(), key, ms, op, arg, ms);
  }
  cancel(key: Key): void {
    cancelTimer(this.#alive(), key);
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
    return (...args) => {
      if (cell.status === DEAD) return;
      const outer = rt.current;
      rt.current = cell;
      try {
        callback(...args);
      } catch (thrown) {
        crashCell(cell, thrown);
      } finally {
        rt.current = outer;
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

  #alive(): Cell {
    if (this.#cell.status === DEAD) throw new ActorError('noproc', 'use of a dead actor');
    return this.#cell;
  }
}

/** The context as handlers see it. */
export function contextOf(cell: Cell): Ctx<unknown> {
  return new Context(cell) as unknown as Ctx<unknown>;
}
