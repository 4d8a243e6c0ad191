/**
 * Recording one actor: it gets a compiled behaviour and a context that write down what goes in and out.
 * Others pay nothing. Runs on the actor's thread.
 */
import { assert } from '../assert.ts';
import { type AnyBehaviour, type Cell, Compiled, type HandlerFn } from '../core/cell.ts';
import { isThenable } from '../core/life.ts';
import { targetOf } from '../core/send.ts';
import { unwatch, watch } from '../core/signals.ts';
import { actorName, lookup } from '../core/thread.ts';
import type { AnyRef, MonitorId, Name } from '../types.ts';
import { digestOf, toPlain } from './plain.ts';
import { onStarts } from './starts.ts';
import { numberOf, type Tape, tapped } from './taps.ts';
import type { Entry, Plain, Recording, RecordOptions } from './types.ts';

type AnyOptions = RecordOptions<never, never>;

/** What one life writes on: what its ports still do when it is over is not the next one's. */
class Life implements Tape {
  readonly cell: Cell;
  readonly compiled: Compiled;
  isOver = false;
  readonly #recorder: Recorder;
  /** A message was taken, and no promise has run since. */
  #inTurn = false;

  constructor(recorder: Recorder, cell: Cell) {
    this.#recorder = recorder;
    this.cell = cell;
    this.compiled = cell.compiled;
  }
  push(entry: Entry): void {
    if (!this.isOver) this.#recorder.write(entry);
  }
  message(op: string, arg: Plain): void {
    const call = this.cell.from === 0 ? {} : { call: true as const };
    const j = this.#inTurn ? { j: true as const } : {};
    this.push({ t: 'in', op, arg, ...call, ...j });
    if (this.#inTurn) return;
    this.#inTurn = true;
    queueMicrotask(() => {
      this.#inTurn = false;
    });
  }
  number(): number {
    return this.#recorder.number();
  }
  redact(where: string, value: unknown): unknown {
    return this.#recorder.redact(where, value);
  }
}

class Recorder implements Recording {
  readonly #options: RecordOptions;
  #lives = 0;
  #serial = 0;
  #stopped = false;
  /** Undefined between two lives. */
  #life: Life | undefined;
  #monitor: MonitorId | undefined;
  #unhook = () => {};

  constructor(options: AnyOptions) {
    this.#options = options as unknown as RecordOptions;
  }

  get lives(): number {
    return this.#lives;
  }
  get counters() {
    return this.#options.sink.counters;
  }

  stop(): void {
    if (this.#stopped) return;
    this.#detach('stopped');
    this.#stopped = true;
    this.#unhook();
    this.#options.sink.close();
    recordings.delete(this);
  }

  // -------------------------------------------------------------- attaching

  /** From the next start of the name on. */
  await(name: Name<unknown>): void {
    this.#unhook = onStarts((cell, arg) => (answersTo(cell, name) ? this.begin(cell, arg) : arg));
  }

  /** A life begins: the argument with its ports behind taps comes back. */
  begin(cell: Cell, arg: unknown): unknown {
    const { plain, tap } = this.#options;
    const life = this.#attach(cell, 'arg', plain === undefined ? arg : plain(arg));
    return tap === undefined ? arg : tap(arg, (name, port) => tapped(life, name, port));
  }

  /** In the middle of a life: the state has to be plain data. */
  join(cell: Cell): void {
    this.#attach(cell, 'snapshot', cell.state);
  }

  #attach(cell: Cell, how: 'arg' | 'snapshot', value: unknown): Life {
    this.#detach('replaced');
    const { compiled, entity } = cell;
    const life = new Life(this, cell);
    this.#life = life;
    this.#lives++;
    life.push({
      t: 'start',
      version: 1,
      actor: actorName(cell),
      behaviour: compiled.name,
      self: cell.ref,
      parent: cell.parent,
      ...(entity === null ? {} : { entityKey: entity.key }),
      [how]: toPlain(this.redact('start', value)),
    });
    cell.compiled = new Compiled(this.#around(compiled.behaviour, life));
    cell.ctx = tapped(life, 'ctx', cell.ctx as object);
    this.#monitor = watch(targetOf(cell.ref), null, (reason) => this.#end(life, toPlain(reason)));
    return life;
  }

  #end(life: Life, why: Plain): void {
    life.push({ t: 'end', why });
    life.isOver = true;
    if (this.#life === life) this.#life = undefined;
  }

  #detach(why: string): void {
    const life = this.#life;
    if (life === undefined) return;
    if (this.#monitor !== undefined) unwatch(this.#monitor);
    life.cell.compiled = life.compiled;
    this.#end(life, why);
  }

  // -------------------------------------------------------------- what happens

  write(entry: Entry): void {
    this.#options.sink.write(JSON.stringify(entry));
  }
  number(): number {
    return ++this.#serial;
  }
  redact(where: string, value: unknown): unknown {
    const { redact } = this.#options;
    return redact === undefined ? value : redact(where, value);
  }

  #around(behaviour: AnyBehaviour, life: Life): AnyBehaviour {
    const handle: Record<string, HandlerFn> = {};
    for (const op of Object.keys(behaviour.handle)) {
      const fn = behaviour.handle[op] as HandlerFn;
      handle[op] = this.#handler(
        op,
        (state, arg, ctx) => fn.call(behaviour, state, arg, ctx),
        life,
      );
    }
    const around: Record<string, unknown> = { handle };
    for (const op of ['onExit', 'onDown', 'terminate'] as const) {
      const fn = behaviour[op] as HandlerFn | undefined;
      if (fn === undefined) continue;
      around[op] = this.#handler(
        op,
        (state, arg, ctx) => fn.call(behaviour, state, arg, ctx),
        life,
      );
    }
    return Object.assign(Object.create(behaviour), around);
  }

  #handler(op: string, fn: HandlerFn, life: Life): HandlerFn {
    return (state, arg, ctx) => {
      life.message(op, toPlain(this.redact(`in ${op}`, arg), numberOf));
      let result: unknown;
      try {
        result = fn(state, arg, ctx);
      } catch (thrown) {
        this.#out(life, op, state, { x: toPlain(thrown) });
        throw thrown;
      }
      if (!isThenable(result)) {
        this.#out(life, op, state, { v: toPlain(this.redact(`out ${op}`, result)) });
        return result;
      }
      return result.then(
        (value) => {
          this.#out(life, op, state, { v: toPlain(this.redact(`out ${op}`, value)) });
          return value;
        },
        (thrown: unknown) => {
          this.#out(life, op, state, { x: toPlain(thrown) });
          throw thrown;
        },
      );
    };
  }

  #out(life: Life, op: string, state: unknown, came: { v: Plain } | { x: Plain }): void {
    const { view } = this.#options;
    const digest = view === undefined ? {} : { s: digestOf(view(state)) };
    life.push({ t: 'out', op, ...came, ...digest });
  }
}

const recordings = new Set<Recorder>();

function answersTo(cell: Cell, name: Name<unknown>): boolean {
  if (name.via === 'entity') return cell.entity?.type === name.of && cell.entity.key === name.key;
  return cell.name === name.key;
}

/**
 * Records an actor of this thread into `options.sink`, until stopRecording, through as many lives as
 * come. A name or an entity: from its next start on, with its start argument (an entity that runs may be
 * passivated: `stop(entity, 'normal')` loses nothing). A ref: from now on, with its state, which has to be
 * plain data, for one life. RangeError when a ref is dead or on another thread; Error when its state is
 * no plain data. Replay it with openReplay.
 */
export function recordActor<S, A>(
  target: AnyRef | Name<unknown>,
  options: RecordOptions<S, A>,
): Recording {
  const recorder = new Recorder(options as unknown as AnyOptions);
  if (typeof target !== 'number') recorder.await(target);
  else {
    const cell = lookup(target);
    if (cell === undefined) throw new RangeError(`recordActor: got ${target}, want a live actor`);
    // Throws for what cannot be copied: a replay could not begin with it.
    structuredClone(cell.state);
    recorder.join(cell);
  }
  recordings.add(recorder);
  return recorder;
}

/** Ends a recording and closes its sink; idempotent. */
export function stopRecording(recording: Recording): void {
  assert(recording instanceof Recorder, 'a recording comes from recordActor');
  recording.stop();
}

/** Recordings of this thread that are not stopped. */
export function recordingsHere(): readonly Recording[] {
  return [...recordings];
}
