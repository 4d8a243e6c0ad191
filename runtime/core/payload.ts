/**
 * Payload modes for development and tests: a message is frozen deeply, or copied, so that code which
 * only works by sharing it fails early. Pure.
 */

/** Plain data is what may cross threads; anything else goes by reference in both modes. */
function isPlain(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
}

/** Freezes arrays and plain objects all the way down; the same value comes back. */
export function freezePayload(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (!Array.isArray(value) && !isPlain(value)) return value;
  Object.freeze(value);
  for (const each of Object.values(value)) freezePayload(each);
  return value;
}

/** A copy of plain data, arrays, Map, Set, Date and bytes; functions and class instances are shared. */
export function clonePayload(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? copy(value, new Map()) : value;
}

function copy(value: object, seen: Map<object, unknown>): unknown {
  const known = seen.get(value);
  if (known !== undefined) return known;
  const deep = (each: unknown): unknown =>
    typeof each === 'object' && each !== null ? copy(each, seen) : each;
  const keep = <T>(made: T): T => {
    seen.set(value, made);
    return made;
  };
  if (Array.isArray(value)) {
    const made = keep([] as unknown[]);
    for (const each of value) made.push(deep(each));
    return made;
  }
  if (value instanceof Map) {
    const made = keep(new Map<unknown, unknown>());
    for (const [k, v] of value) made.set(deep(k), deep(v));
    return made;
  }
  if (value instanceof Set) {
    const made = keep(new Set<unknown>());
    for (const each of value) made.add(deep(each));
    return made;
  }
  if (value instanceof Date) return keep(new Date(value));
  if (value instanceof Uint8Array) return keep(value.slice());
  if (!isPlain(value)) return value;
  // NOREPLY and IGNORE are known by identity, and frozen data cannot be changed behind anybody's back.
  if (Object.isFrozen(value)) return value;
  const made = keep(Object.create(Object.getPrototypeOf(value)) as Record<string, unknown>);
  for (const [k, v] of Object.entries(value)) made[k] = deep(v);
  return made;
}
