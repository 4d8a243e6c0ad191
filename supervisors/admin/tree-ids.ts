/**
 * Ids of rows and what they stand for: `n1`, `n1/shard-0`, `n1/shard-0/stream/4711`, `n1/gateway-0/sessions/12`. Pure, but for the
 * list of slots that it is given. Main thread.
 */
import { at, entity, parseRef } from '../../runtime/index.ts';
import type { TreeTarget } from './tree-types.ts';

/** Group of the connections of a gateway thread, below its thread. */
export const SESSIONS = 'sessions';

/** What ids are resolved against. */
export interface Places {
  readonly node: string;
  /** Names of the threads that there are. */
  readonly slots: ReadonlySet<string>;
  /** Slots that have sessions. */
  readonly withSessions: (slot: string) => boolean;
  /** Types of entities. */
  readonly types: ReadonlySet<string>;
}

/** What an id stands for; undefined for what is no id of this node. Says nothing of whether it lives. */
export function targetOf(id: string, places: Places): TreeTarget | undefined {
  const [node, slot, first, last, ...others] = id.split('/');
  if (node !== places.node || others.length > 0) return undefined;
  if (slot === undefined) return { kind: 'node', id };
  if (!places.slots.has(slot)) return undefined;
  if (first === undefined) return { kind: 'thread', id, slot };
  if (first === SESSIONS && places.withSessions(slot)) return sessionsAt(id, slot, last);
  if (first === '' || last === '') return undefined;
  if (last === undefined) return namedAt(id, slot, first, places.types);
  const path = `${first}/${last}`;
  if (/^\d+$/.test(last)) {
    const key = Number(last);
    if (!places.types.has(first) || !Number.isSafeInteger(key)) return undefined;
    return { kind: 'entity', id, slot, path, type: first, key, dest: entity(first, key) };
  }
  const ref = parseRef(last);
  return ref === undefined ? undefined : { kind: 'unnamed', id, slot, path, ref, dest: ref };
}

function sessionsAt(id: string, slot: string, conn: string | undefined): TreeTarget | undefined {
  if (conn === undefined) return { kind: 'sessions', id, slot };
  return /^\d{1,15}$/.test(conn) ? { kind: 'session', id, slot, conn: Number(conn) } : undefined;
}

function namedAt(
  id: string,
  slot: string,
  path: string,
  types: ReadonlySet<string>,
): TreeTarget | undefined {
  if (types.has(path)) return { kind: 'host', id, slot, path, type: path };
  try {
    return { kind: 'named', id, slot, path, dest: at(slot, decodeURIComponent(path)) };
  } catch {
    return undefined; // no text that encodeURIComponent makes
  }
}
