/**
 * Looking at this thread: one actor, all actors as a tree, the counters. Reads only.
 */
import { openCalls } from '../core/calls.ts';
import { type Cell, STARTING, type Status } from '../core/cell.ts';
import { allCells, cellCount, lookup, rt } from '../core/thread.ts';
import type { AnyRef, ProcessInfo, RuntimeCounters, TreeNode } from '../types.ts';

const STATUS: readonly ProcessInfo['status'][] = [
  'starting',
  'idle',
  'running',
  'awaiting',
  'terminating',
];

/** Facts about one actor of this thread; undefined when it is dead or elsewhere. O(links). */
export function processInfo(ref: AnyRef): ProcessInfo | undefined {
  const cell = lookup(ref);
  return cell === undefined ? undefined : infoOf(cell);
}

function infoOf(cell: Cell): ProcessInfo {
  return {
    ref: cell.ref,
    name: cell.name,
    behaviour: cell.compiled.name,
    label: cell.label,
    parent: cell.parent,
    entity: cell.entity === null ? undefined : { type: cell.entity.type, key: cell.entity.key },
    links: cell.links === null ? [] : [...cell.links],
    monitors: cell.monitors?.size ?? 0,
    monitoredBy: cell.monitoredBy?.size ?? 0,
    trapExit: cell.trapExit,
    status: STATUS[cell.status satisfies Status] ?? (STATUS[STARTING] as ProcessInfo['status']),
    currentOp: cell.currentOp,
    mailboxLength: cell.mailbox?.count ?? 0,
    mailboxLimit: cell.compiled.limit,
    messagesIn: cell.messagesIn,
    dropped: cell.dropped,
    startedAt: cell.startedAt,
  };
}

/** All actors of this thread under the actors that spawned them; roots in order of start. O(actors). */
export function tree(): readonly TreeNode[] {
  interface Node extends ProcessInfo {
    children: Node[];
  }
  const nodes = new Map<AnyRef, Node>();
  for (const cell of allCells()) nodes.set(cell.ref, { ...infoOf(cell), children: [] });
  const roots: Node[] = [];
  for (const node of [...nodes.values()].sort((a, b) => a.ref - b.ref)) {
    (nodes.get(node.parent)?.children ?? roots).push(node);
  }
  return roots;
}

/** Counters of this thread since it started, lanes included. */
export function counters(): RuntimeCounters {
  return {
    ...rt.counters,
    actors: cellCount(),
    callsPending: openCalls(),
    lanes: rt.remote?.lanes() ?? [],
  };
}
