/**
 * The paths of actors on their thread, as the published tree names them, both ways: `stream/4711` an entity, `stream` the host of
 * its type, `presence` a named actor, `supervisor/0.3.17` one without a name, by behaviour and ref. Reads only; any thread.
 */
import type { Cell } from '../core/cell.ts';
import { parseRef, refText } from '../core/ref.ts';
import { findRef } from '../core/send.ts';
import { lookup, rt } from '../core/thread.ts';
import { hostOf } from '../names/entity-host.ts';
import type { AnyRef } from '../types.ts';

/** What the behaviour of a host of entities is called; its label is the type. */
const HOST = 'entities';

/** The path of a live actor of this thread; undefined when it is dead or elsewhere. The same over restarts unless it has no name. */
export function actorPath(ref: AnyRef): string | undefined {
  const cell = lookup(ref);
  return cell === undefined ? undefined : pathOf(cell);
}

export function pathOf(cell: Cell): string {
  const { compiled, entity, name } = cell;
  if (entity !== null) return `${entity.type}/${entity.key}`;
  if (name !== undefined) return encodeURIComponent(String(name));
  if (compiled.name === HOST && hostOf(cell.label) === cell.ref) return cell.label;
  return `${encodeURIComponent(compiled.name)}/${refText(cell.ref)}`;
}

/** The live actor of this thread that has a path; entities are not started. Undefined when there is none. O(1). */
export function actorAt(path: string): AnyRef | undefined {
  const ref = refAt(path);
  return ref === undefined || lookup(ref) === undefined ? undefined : ref;
}

function refAt(path: string): AnyRef | undefined {
  const slash = path.indexOf('/');
  if (slash < 0) return namedAt(path) ?? hostOf(path);
  const last = path.slice(slash + 1);
  if (/^\d+$/.test(last)) return findRef(path.slice(0, slash), Number(last)) || undefined;
  return parseRef(last);
}

function namedAt(path: string): AnyRef | undefined {
  let name: string;
  try {
    name = decodeURIComponent(path);
  } catch {
    return undefined; // no text that pathOf makes
  }
  return rt.names.get(name) ?? (/^\d+$/.test(name) ? rt.names.get(Number(name)) : undefined);
}
