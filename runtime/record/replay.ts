/**
 * Replaying one life of a record: the behaviour alone, without a runtime. Inputs are put in as they came,
 * its context and ports answer from the record, and everything it does is compared with what it did.
 */
import { type AnyBehaviour, compile, type HandlerFn } from '../core/cell.ts';
import { isThenable } from '../core/life.ts';
import { digestOf, fromPlain, toPlain } from './plain.ts';
import { Script } from './script.ts';
import type {
  Divergence,
  Entry,
  Input,
  Plain,
  ReplayOptions,
  ReplayResult,
  ReplayStep,
} from './types.ts';

type Start = Extract<Entry, { t: 'start' }>;
type AnyReplay = ReplayOptions<never, never, never>;

/** A record being replayed, one input at a time or to its end. */
export interface Replay {
  /** Inputs left. */
  readonly left: number;
  /** Puts the next input in; undefined at the end. A divergence ends the replay. */
  step(): Promise<ReplayStep | undefined>;
  /** Steps to the end, or to the first divergence. */
  run(): Promise<ReplayResult>;
}

class Player implements Replay {
  readonly #script: Script;
  readonly #behaviour: AnyBehaviour;
  readonly #options: AnyReplay;
  readonly #start: Start;
  #state: unknown;
  #steps = 0;
  #begun = false;

  constructor(life: readonly Entry[], options: AnyReplay) {
    const start = life[0];
    if (start?.t !== 'start') throw new RangeError('openReplay: the record holds no such life');
    this.#start = start;
    this.#options = options;
    this.#behaviour = options.behaviour as unknown as AnyBehaviour;
    this.#script = new Script(life, start);
  }

  get left(): number {
    return this.#script.inputsLeft;
  }

  async run(): Promise<ReplayResult> {
    let divergence: Divergence | undefined;
    for (let each = await this.step(); each !== undefined; each = await this.step()) {
      divergence ??= each.divergence;
    }
    return { steps: this.#steps, divergence, state: this.#view() };
  }

  async step(): Promise<ReplayStep | undefined> {
    const script = this.#script;
    if (script.divergence !== undefined) return undefined;
    const before = this.#begun ? this.#view() : undefined;
    const { at } = script;
    const inputs: (Input | Start)[] = this.#begun ? script.nextInputs() : [this.#start];
    if (inputs.length === 0) return undefined;
    this.#steps++;
    const first = script.at;
    if (!this.#begun) this.#begin();
    else for (const input of inputs) this.#put(input as Input);
    for (let next = script.nextJoined(); next !== undefined; next = script.nextJoined()) {
      inputs.push(next);
      this.#put(next);
    }
    await promisesRun();
    script.expectInput();
    const outputs = script.between(first);
    return { at, inputs, outputs, before, after: this.#view(), divergence: script.divergence };
  }

  #view(): unknown {
    const view = this.#options.view as ((state: unknown) => unknown) | undefined;
    return view === undefined || this.#state === undefined ? undefined : view(this.#state);
  }

  // -------------------------------------------------------------- inputs

  #begin(): void {
    this.#begun = true;
    const script = this.#script;
    if (this.#start.snapshot !== undefined) {
      this.#state = fromPlain(this.#start.snapshot);
      return;
    }
    const plain = fromPlain(this.#start.arg ?? null);
    const build = this.#options.arg as
      | ((plain: unknown, tap: (name: string) => object) => unknown)
      | undefined;
    const arg = build === undefined ? plain : build(plain, (name) => script.port(name));
    this.#guarded(() => {
      const state = this.#behaviour.init(script.port('ctx'), arg);
      if (!isThenable(state)) this.#state = state;
      else {
        state.then(
          (value) => {
            this.#state = value;
          },
          (thrown: unknown) => script.failed(thrown),
        );
      }
    });
  }

  #put(input: Input): void {
    if (input.t === 'settled') this.#script.settle(input);
    else if (input.t === 'enter') {
      this.#guarded(() => this.#script.enter(input.n, fromPlain(input.a) as unknown[]));
    } else this.#run(input.op, fromPlain(input.arg));
  }

  #run(op: string, arg: unknown): void {
    const script = this.#script;
    const behaviour = this.#behaviour;
    const fn =
      compile(behaviour).ops.get(op)?.fn ??
      (behaviour[op as 'onExit' | 'onDown' | 'terminate'] as HandlerFn | undefined);
    if (fn === undefined) {
      script.diverge(`no handler for ${op}`);
      return;
    }
    let result: unknown;
    try {
      result = fn.call(behaviour, this.#state, arg, script.port('ctx'));
    } catch (thrown) {
      this.#out(op, { x: toPlain(thrown) });
      return;
    }
    if (!isThenable(result)) this.#out(op, { v: toPlain(result) });
    else {
      result.then(
        (value) => this.#out(op, { v: toPlain(value) }),
        (thrown: unknown) => this.#out(op, { x: toPlain(thrown) }),
      );
    }
  }

  #out(op: string, came: { readonly v: Plain } | { readonly x: Plain }): void {
    const s = this.#options.view === undefined ? undefined : digestOf(this.#view());
    this.#script.out(op, came, s);
  }

  /** An init or a callback that throws was the actor's crash: the record ends with it. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#script.failed(thrown);
    }
  }
}

/** Everything that is ready to run has run: promises, and what they make ready. */
async function promisesRun(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * Opens a life of a record (readRecord, or a memory sink's entries) for replay. RangeError when the record
 * holds no such life. Any thread; starts no actor.
 */
export function openReplay<P, S, A>(
  entries: readonly Entry[],
  options: ReplayOptions<P, S, A>,
): Replay {
  const lives: Entry[][] = [];
  for (const entry of entries) {
    if (entry.t === 'start') lives.push([]);
    lives.at(-1)?.push(entry);
  }
  const life = lives.at(options.life ?? -1) ?? [];
  return new Player(life, options as unknown as AnyReplay);
}
