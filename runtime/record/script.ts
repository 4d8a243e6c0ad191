/**
 * What a replayed actor meets: ports that answer from the record and compare each use with it, promises
 * that settle and callbacks that are called when the record says so.
 */
import { fromPlain, toPlain } from './plain.ts';
import type { Came, Divergence, Entry, Input, Plain } from './types.ts';

type Start = Extract<Entry, { t: 'start' }>;
type Use = Extract<Entry, { t: 'use' }>;
type Settled = Extract<Entry, { t: 'settled' }>;

interface Settlers {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Thrown into the actor where it leaves the record, so that it does nothing else. */
class Left {}

export class Script {
  readonly #entries: readonly Entry[];
  readonly #promises = new Map<number, Settlers>();
  readonly #callbacks = new Map<number, (...args: unknown[]) => unknown>();
  readonly #ports = new Map<string, object>();
  readonly #constants: Readonly<Record<string, unknown>>;
  #at = 1;
  divergence: Divergence | undefined;

  constructor(entries: readonly Entry[], start: Start) {
    this.#entries = entries;
    const { self, parent, entityKey } = start;
    this.#constants = { self, parent, entityKey, signal: new AbortController().signal };
  }

  get at(): number {
    return this.#at;
  }
  get inputsLeft(): number {
    return this.#entries.slice(this.#at).filter(isInput).length;
  }
  between(from: number): readonly Entry[] {
    return this.#entries.slice(from, this.#at);
  }

  // -------------------------------------------------------------- inputs

  /** The next input; promises that settled one right after the other come together. */
  nextInputs(): Input[] {
    const inputs: Input[] = [];
    for (;;) {
      const entry = this.#entries[this.#at];
      if (entry === undefined || !isInput(entry)) return inputs;
      if (inputs.length > 0 && (entry.t !== 'settled' || inputs[0]?.t !== 'settled')) return inputs;
      inputs.push(entry);
      this.#at++;
    }
  }

  /** The next message, when no promise ran before it. */
  nextJoined(): Input | undefined {
    const entry = this.#entries[this.#at];
    if (this.divergence !== undefined || entry?.t !== 'in' || entry.j !== true) return undefined;
    this.#at++;
    return entry;
  }

  /** The actor has done all it did: the record must go on with an input. */
  expectInput(): void {
    const entry = this.#entries[this.#at];
    if (entry === undefined || isOver(entry) || isInput(entry)) return;
    this.diverge('nothing');
  }

  settle({ n, v, x }: Settled): void {
    const promise = this.#promises.get(n);
    this.#promises.delete(n);
    if (promise === undefined) this.diverge(`promise ${n} was not made`);
    else if (x === undefined) promise.resolve(fromPlain(v ?? null));
    else promise.reject(fromPlain(x));
  }

  enter(n: number, args: readonly unknown[]): void {
    const callback = this.#callbacks.get(n);
    if (callback === undefined) this.diverge(`callback ${n} was not given`);
    else callback(...args);
  }

  // -------------------------------------------------------------- outputs

  out(
    op: string,
    came: { readonly v: Plain } | { readonly x: Plain },
    s: string | undefined,
  ): void {
    const entry = this.#entries[this.#at];
    const got = { t: 'out', op, ...came, ...(s === undefined ? {} : { s }) };
    if (isOver(entry)) return;
    if (entry?.t !== 'out') {
      this.diverge(JSON.stringify(got));
      return;
    }
    // Without a view on either side states are not compared.
    const isSeen = s !== undefined && entry.s !== undefined;
    const { s: recorded, ...bare } = entry;
    const isSame = !isSeen || recorded === s;
    if (isSame && same(bare, { t: 'out', op, ...came })) this.#at++;
    else this.diverge(JSON.stringify(got));
  }

  /** An init or a callback threw. */
  failed(thrown: unknown): void {
    if (thrown instanceof Left || isOver(this.#entries[this.#at])) return;
    this.diverge(`a throw: ${String(thrown)}`);
  }

  diverge(got: string): void {
    this.divergence ??= { at: this.#at, expected: this.#entries[this.#at], got };
  }

  // -------------------------------------------------------------- ports

  /** An object that stands for a port of the recorded actor. */
  port(name: string): never {
    let port = this.#ports.get(name);
    if (port === undefined) {
      port = new Proxy({}, { get: (_target, key) => this.#read(name, key) });
      this.#ports.set(name, port);
    }
    return port as never;
  }

  /** A method, unless the record holds a plain value that was read here. */
  #read(port: string, key: PropertyKey): unknown {
    if (typeof key === 'symbol' || key === 'then' || key === 'toJSON') return undefined;
    const name = String(key);
    if (port === 'ctx' && name in this.#constants) return this.#constants[name];
    const entry = this.#entries[this.#at];
    const isValue = entry?.t === 'use' && entry.port === port && entry.m === name && 'g' in entry;
    if (isValue) {
      this.#at++;
      return this.#came(entry.r);
    }
    return (...args: unknown[]) => this.#use(port, name, args);
  }

  #use(port: string, m: string, args: readonly unknown[]): unknown {
    const entry = this.#entries[this.#at];
    if (this.divergence !== undefined || isOver(entry)) throw new Left();
    const callbacks: ((...args: unknown[]) => unknown)[] = [];
    const a = toPlain(args, (fn) => {
      callbacks.push(fn as (...args: unknown[]) => unknown);
      return { $f: 0 };
    });
    if (
      entry?.t !== 'use' ||
      entry.port !== port ||
      entry.m !== m ||
      !same(unnumbered(entry.a), a)
    ) {
      this.diverge(JSON.stringify({ t: 'use', port, m, a }));
      throw new Left();
    }
    this.#at++;
    const marks = marksIn(entry);
    for (const [i, callback] of callbacks.entries()) this.#callbacks.set(marks[i] ?? 0, callback);
    if (port === 'ctx' && m === 'wrap') return this.#wrapped(marks[0] ?? 0);
    return this.#came(entry.r);
  }

  /** What ctx.wrap gives: the actor's own promises call it when they did, foreign code by nextInputs. */
  #wrapped(n: number): (...args: unknown[]) => void {
    return (...args) => {
      const entry = this.#entries[this.#at];
      if (isOver(entry)) return;
      if (entry?.t !== 'enter' || entry.n !== n || !same(unnumbered(entry.a), toPlain(args))) {
        this.diverge(JSON.stringify({ t: 'enter', n, a: toPlain(args) }));
        return;
      }
      this.#at++;
      try {
        this.#callbacks.get(n)?.(...args);
      } catch (thrown) {
        this.failed(thrown);
      }
    };
  }

  #came(came: Came): unknown {
    if ('v' in came) return fromPlain(came.v);
    if ('x' in came) throw fromPlain(came.x);
    const { p } = came;
    const promise = new Promise((resolve, reject) => this.#promises.set(p, { resolve, reject }));
    // Whoever waits for it has a rejection of its own to handle.
    promise.catch(() => undefined);
    return promise;
  }
}

/** The record ends here: what the actor still did is not known. */
function isOver(entry: Entry | undefined): boolean {
  return entry === undefined || entry.t === 'end';
}

function isInput(entry: Entry): entry is Input {
  return entry.t === 'in' || entry.t === 'settled' || entry.t === 'enter';
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** Keys in one order: a record and a replay may build the same object in different ones. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([k, v]) => [k, sorted(v)]));
}

/** Numbers of callbacks differ between a record and its replay. */
function unnumbered(value: Plain): unknown {
  return JSON.parse(JSON.stringify(value), (key, inner) => (key === '$f' ? 0 : inner));
}

/** The numbers of the callbacks in the arguments, in the order of their place. */
function marksIn(entry: Use): number[] {
  const marks: number[] = [];
  JSON.stringify(entry.a, (key, inner) => {
    if (key === '$f') marks.push(inner as number);
    return inner;
  });
  return marks;
}
