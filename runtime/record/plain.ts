/**
 * Values as JSON and back: what messages and stores are made of (bytes, Map, Set, Date, bigint, undefined,
 * Infinity, errors) keeps its type; functions, promises and signals leave a mark. Pure.
 */
import { StopSignal } from '../core/reason.ts';
import { ActorError, type FailReason } from '../errors.ts';
import type { Reason } from '../types.ts';
import type { Plain } from './types.ts';

const DEPTH_MAX = 64;
type PlainObject = { readonly [k: string]: Plain };

/** Makes a value writable. `fn` gives the mark of a function. */
export function toPlain(value: unknown, fn: (f: unknown) => Plain = () => ({ $f: 0 })): Plain {
  return encode(value, fn, 0);
}

function encode(value: unknown, fn: (f: unknown) => Plain, depth: number): Plain {
  if (depth > DEPTH_MAX) return { $deep: true };
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $x: numberText(value) };
    case 'undefined':
      return { $u: 1 };
    case 'bigint':
      return { $n: String(value) };
    case 'function':
      return fn(value);
    case 'symbol':
      return { $symbol: String(value.description) };
    default:
      return value === null ? null : encodeObject(value as object, fn, depth + 1);
  }
}

function encodeObject(value: object, fn: (f: unknown) => Plain, depth: number): Plain {
  const each = (item: unknown): Plain => encode(item, fn, depth);
  if (Array.isArray(value)) return value.map(each);
  if (value instanceof Uint8Array) return { $b: Buffer.from(value).toString('base64') };
  if (value instanceof Date) return { $d: value.getTime() };
  if (value instanceof Map) return { $m: [...value].map(([k, v]) => [each(k), each(v)]) };
  if (value instanceof Set) return { $s: [...value].map(each) };
  if (value instanceof StopSignal) {
    return { $stop: [each(value.reason), each(value.reply)] };
  }
  if (value instanceof Error) return { $e: errorFields(value, each) };
  if (value instanceof Promise || value instanceof AbortSignal) return { $p: 1 };
  const fields = Object.entries(value).map(([k, v]) => [k, each(v)] as const);
  if (fields.some(([k]) => k.startsWith('$'))) return { $o: fields };
  return Object.fromEntries(fields);
}

function errorFields(error: Error, each: (value: unknown) => Plain): Plain {
  const { name, message } = error;
  const code = 'code' in error ? { code: each(error.code) } : {};
  const reason = error instanceof ActorError ? { reason: each(error.reason) } : {};
  return { name, message, ...code, ...reason };
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The value again. */
export function fromPlain(plain: Plain): unknown {
  if (typeof plain !== 'object' || plain === null) return plain;
  if (Array.isArray(plain)) return plain.map(fromPlain);
  const object = plain as PlainObject;
  const tag = Object.keys(object)[0];
  if (tag === undefined || !tag.startsWith('$')) {
    return Object.fromEntries(Object.entries(object).map(([k, v]) => [k, fromPlain(v)]));
  }
  return decodeTagged(tag, object[tag] as Plain);
}

function decodeTagged(tag: string, inner: Plain): unknown {
  switch (tag) {
    case '$u':
      return undefined;
    case '$x':
      return Number(inner);
    case '$n':
      return BigInt(inner as string);
    case '$b':
      return new Uint8Array(Buffer.from(inner as string, 'base64'));
    case '$d':
      return new Date(inner as number);
    case '$m':
      return new Map(fromPlain(inner) as readonly (readonly [unknown, unknown])[]);
    case '$s':
      return new Set(fromPlain(inner) as readonly unknown[]);
    case '$o':
      return Object.fromEntries(fromPlain(inner) as [string, unknown][]);
    case '$stop':
      return stopOf(fromPlain(inner) as [Reason, StopSignal['reply']]);
    case '$e':
      return errorOf(inner as PlainObject);
    case '$p':
      return new Promise(() => undefined);
    default:
      // Something that cannot come back: a function that does nothing.
      return () => undefined;
  }
}

function stopOf([reason, reply]: readonly [Reason, StopSignal['reply']]): StopSignal {
  return new StopSignal(reason, reply);
}

function errorOf(fields: PlainObject): Error {
  const { name, message, code, reason } = fields;
  if (reason !== undefined) {
    const error = new ActorError(fromPlain(reason) as FailReason, '');
    return Object.assign(error, { message: String(message) });
  }
  const error = new Error(String(message));
  error.name = String(name);
  return code === undefined ? error : Object.assign(error, { code: fromPlain(code) });
}

/** A short digest of a value, the same for equal ones: FNV-1a, 64 bits in two halves. */
export function digestOf(value: unknown): string {
  const text = JSON.stringify(toPlain(value));
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x5bd1e995);
  }
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
}
