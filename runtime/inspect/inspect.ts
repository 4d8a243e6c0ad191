/**
 * Looking at this thread: one actor, all actors as a tree, the counters. Reads only.
 */
import { openCalls } from '../core/calls.ts';
import { AWAITING, type Cell, IDLE, RUNNING } from '../core/cell.ts';
import { allCells, cellCount, lookup, rt } from '../core/thread.ts';
import type { AnyRef, ProcessInfo, TreeNode } from '../types.ts';
import { ownBytes, sizeOf } from './size.ts';
import type { RuntimeCounters } from './types.ts';

const NONE = 0 as AnyRef;

const STATUS: readonly ProcessInfo['status'][] = [
  'starting',
  'idle',
  'running',
  'awaiting',
  'terminating',
];
const ANCESTORS_MAX = 32;

/** Facts about one actor of this thread; undefined when it is dead or elsewhere. O(links, size of the state). */
export function processInfo(ref: AnyRef): ProcessInfo | undefined {
  const cell = lookup(ref);
  if (cell === undefined) return undefined;
  const info = infoOf(cell);
  return { ...info, memoryBytes: info.memoryBytes + sizeOf(cell.state) };
}

function infoOf(cell: Cell): ProcessInfo {
  const { extra } = cell;
  const busy = cell.status === RUNNING || cell.status === AWAITING;
  return {
    ref: cell.ref,
    name: cell.name,
    behaviour: cell.compiled.name,
    label: cell.label,
    parent: cell.parent,
    ancestors: ancestorsOf(cell),
    entity: cell.entity === null ? undefined : { type: cell.entity.type, key: cell.entity.key },
    links: cell.links === null ? [] : [...cell.links],
    monitors: cell.monitors?.size ?? 0,
    monitoredBy: cell.monitoredBy?.size ?? 0,
    trapExit: cell.trapExit,
    status: statusOf(cell),
    currentOp: cell.currentOp,
    currentOpAgeMs: busy ? Math.max(0, rt.clock.monotonic() - cell.lastActiveMs) : 0,
    mailboxLength: cell.mailbox?.count ?? 0,
    mailboxLimit: cell.compiled.limit,
    postponed: extra?.postponed?.length ?? 0,
    messagesIn: cell.messagesIn,
    messagesOut: cell.messagesOut,
    handlerTimeMs: extra?.handlerTimeMs ?? 0,
    longestHandlerMs: extra?.longestHandlerMs ?? 0,
    dropped: cell.dropped,
    thread: rt.slot,
    startedAt: cell.startedAt,
    restarts: extra?.restarts ?? 0,
    memoryBytes: ownBytes(cell),
  };
}

function statusOf(cell: Cell): ProcessInfo['status'] {
  const { extra } = cell;
  if (extra?.suspended === true) return 'suspended';
  if (cell.status === IDLE && extra?.hibernated === true) return 'hibernated';
  if (cell.status === IDLE && cell.scheduled) return 'runnable';
  return STATUS[cell.status] ?? 'starting';
}

function ancestorsOf(cell: Cell): AnyRef[] {
  const found: AnyRef[] = [];
  let { parent } = cell;
  while (parent !== NONE && found.length < ANCESTORS_MAX) {
    found.push(parent);
    parent = lookup(parent)?.parent ?? NONE;
  }
  return found;
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
