/**
 * The last inputs of each actor, for its crash report: a small ring per actor that was started while it is
 * on. Content is shown as its shape only, unless a redaction says otherwise.
 */
import { type AnyBehaviour, type Cell, Compiled, type HandlerFn } from '../core/cell.ts';
import { rt } from '../core/thread.ts';
import type { CrashInput } from '../types.ts';
import { onStarts } from './starts.ts';

export interface KeepInputs {
  /** Inputs kept per actor; default 8. */
  readonly count?: number;
  /** Characters shown of one argument; default 200. */
  readonly charsMax?: number;
  /** What of an argument is shown; default: its shape (types, lengths, keys), no content. */
  readonly redact?: (actor: string, op: string, arg: unknown) => unknown;
  /** Which behaviours, by name; default all. */
  readonly only?: (behaviour: string) => boolean;
}

const COUNT = 8;
const CHARS_MAX = 200;

interface Ring {
  readonly ops: string[];
  readonly args: unknown[];
  next: number;
}

/**
 * From now on the crash report of every actor started on this thread carries its last inputs. Costs a
 * few tens of ns per message and keeps the last arguments alive. Returns what ends it (for later starts).
 */
export function keepInputs(options: KeepInputs = {}): () => void {
  const {
    count = COUNT,
    charsMax = CHARS_MAX,
    redact = (_a, _o, arg) => shapeOf(arg),
    only,
  } = options;
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`keepInputs: count: got ${count}, want >= 1`);
  }
  const rings = new WeakMap<Cell, Ring>();
  const variants = new WeakMap<Compiled, Compiled>();
  const note = (op: string, arg: unknown): void => {
    if (rt.current === null) return;
    let ring = rings.get(rt.current);
    if (ring === undefined) {
      ring = { ops: [], args: [], next: 0 };
      rings.set(rt.current, ring);
    }
    ring.ops[ring.next] = op;
    ring.args[ring.next] = arg;
    ring.next = (ring.next + 1) % count;
  };
  rt.crashInputs = (cell) => {
    const ring = rings.get(cell);
    return ring === undefined ? undefined : shown(cell, ring, charsMax, redact);
  };
  return onStarts((cell, arg) => {
    const { compiled } = cell;
    if (only?.(compiled.name) === false) return arg;
    let variant = variants.get(compiled);
    if (variant === undefined) {
      variant = new Compiled(noting(compiled.behaviour, note));
      variants.set(compiled, variant);
    }
    cell.compiled = variant;
    return arg;
  });
}

function noting(behaviour: AnyBehaviour, note: (op: string, arg: unknown) => void): AnyBehaviour {
  const around =
    (op: string, fn: HandlerFn): HandlerFn =>
    (state, arg, ctx) => {
      note(op, arg);
      return fn.call(behaviour, state, arg, ctx);
    };
  const handle = Object.fromEntries(
    Object.entries(behaviour.handle).map(([op, fn]) => [op, around(op, fn as HandlerFn)]),
  );
  const noted: Record<string, unknown> = { handle };
  for (const op of ['onExit', 'onDown'] as const) {
    const fn = behaviour[op] as HandlerFn | undefined;
    if (fn !== undefined) noted[op] = around(op, fn);
  }
  return Object.assign(Object.create(behaviour), noted);
}

/** Oldest first. */
function shown(
  cell: Cell,
  { ops, args, next }: Ring,
  charsMax: number,
  redact: NonNullable<KeepInputs['redact']>,
): CrashInput[] {
  return ops.map((_, i) => {
    const at = (next + i) % ops.length;
    const op = ops[at] as string;
    const text = JSON.stringify(redact(cell.compiled.name, op, args[at])) ?? 'undefined';
    return { op, arg: text.length > charsMax ? `${text.slice(0, charsMax)}...` : text };
  });
}

const KEYS_MAX = 16;
const SHAPE_DEPTH = 4;

/** What kind of value it is, without its content: `{"uid":"number","body":["string(12)"]}`. */
export function shapeOf(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return `string(${value.length})`;
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  if (value instanceof Uint8Array) return `bytes(${value.byteLength})`;
  if (Array.isArray(value)) {
    if (depth >= SHAPE_DEPTH || value.length > KEYS_MAX) return `array(${value.length})`;
    return value.map((each) => shapeOf(each, depth + 1));
  }
  const entries = Object.entries(value);
  if (depth >= SHAPE_DEPTH || entries.length > KEYS_MAX) return `object(${entries.length})`;
  return Object.fromEntries(entries.map(([k, v]) => [k, shapeOf(v, depth + 1)]));
}
