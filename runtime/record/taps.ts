/**
 * Taps: an object whose uses are recorded, and one that answers from a record. Methods, values read,
 * promises that settle later, callbacks that are called later.
 */
import { isThenable } from '../core/life.ts';
import { toPlain } from './plain.ts';
import type { Came, Entry, Plain } from './types.ts';

/** What a tap tells the recorder. */
export interface Tape {
  push(entry: Entry): void;
  /** A number for a promise or a callback. */
  number(): number;
  redact(where: string, value: unknown): unknown;
}

/** Read on ctx without being recorded: the same in the replay, or of no matter to it. */
const SILENT = new Set(['self', 'parent', 'entityKey', 'signal', 'then', 'constructor', 'toJSON']);

/** An object that does what `port` does and says so. */
export function tapped<T extends object>(tape: Tape, name: string, port: T): T {
  const methods = new Map<PropertyKey, unknown>();
  return new Proxy(port, {
    get(target, key) {
      const known = methods.get(key);
      if (known !== undefined) return known;
      // Private fields want the object itself, not its proxy.
      const value: unknown = Reflect.get(target, key, target);
      if (typeof key === 'symbol' || SILENT.has(key)) return value;
      if (typeof value !== 'function') {
        if (value === null || typeof value !== 'object') {
          tape.push({ t: 'use', port: name, m: key, a: [], r: { v: toPlain(value) }, g: true });
        }
        return value;
      }
      const method = (...args: unknown[]): unknown => called(tape, name, key, target, args);
      methods.set(key, method);
      return method;
    },
  });
}

function use(tape: Tape, port: string, m: string, a: Plain, r: Came): void {
  tape.push({ t: 'use', port, m, a, r });
}

function called(tape: Tape, port: string, m: string, target: object, args: unknown[]): unknown {
  const where = `use ${port}.${m}`;
  const given = args.map((arg) => (typeof arg === 'function' ? entered(tape, where, arg) : arg));
  const a = toPlain(tape.redact(where, given), numberOf);
  let result: unknown;
  try {
    result = Reflect.apply(Reflect.get(target, m, target) as () => unknown, target, given);
  } catch (thrown) {
    use(tape, port, m, a, { x: toPlain(thrown) });
    throw thrown;
  }
  if (isThenable(result)) {
    const n = tape.number();
    use(tape, port, m, a, { p: n });
    return settling(tape, where, n, result);
  }
  use(tape, port, m, a, { v: toPlain(tape.redact(where, result)) });
  return result;
}

function settling(tape: Tape, where: string, n: number, work: PromiseLike<unknown>): unknown {
  return work.then(
    (value) => {
      tape.push({ t: 'settled', n, v: toPlain(tape.redact(where, value)) });
      return value;
    },
    (thrown: unknown) => {
      tape.push({ t: 'settled', n, x: toPlain(thrown) });
      throw thrown;
    },
  );
}

const numbers = new WeakMap<object, number>();

/** The mark of a function: its number, if its calls are recorded. */
export function numberOf(fn: unknown): Plain {
  return { $f: numbers.get(fn as object) ?? 0 };
}

/** A callback whose calls are inputs. */
function entered(tape: Tape, where: string, fn: unknown): unknown {
  const n = tape.number();
  const callback = (...args: unknown[]): unknown => {
    tape.push({ t: 'enter', n, a: toPlain(tape.redact(where, args)) });
    return (fn as (...args: unknown[]) => unknown)(...args);
  };
  numbers.set(callback, n);
  return callback;
}
