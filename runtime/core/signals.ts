/**
 * Signals between actors: exit, link, monitor, down, stop. Sends them (to a peer of this thread through
 * a queue that is emptied before the sender goes on, so chains of dying actors do not nest; to others
 * through their lane) and keeps this thread's side of links and monitors.
 */
import type { AnyRef, DownNotice, Key, MonitorId, Name, Reason } from '../types.ts';
import { type Cell, DownMessage } from './cell.ts';
import { refBase, threadOf } from './ref.ts';
import { allCells, lookup, rt, type Via } from './thread.ts';

/** A monitor held on this thread, by an actor or by the runtime itself. */
export interface Watch {
  readonly id: MonitorId;
  readonly cell: Cell | null;
  readonly callback: ((reason: Reason, ref: AnyRef) => void) | null;
  /** 0 while unknown (a name on another thread). */
  readonly target: AnyRef;
  readonly thread: number;
  readonly name: Name<unknown> | undefined;
  /** Its notice is in the mailbox. */
  queued: boolean;
}

/** What happens to a cell of this thread; life.ts installs it. */
export interface Receiver {
  exit(to: Cell, from: AnyRef, reason: Reason | 'kill', linked: boolean): void;
  stop(to: Cell, reason: Reason): void;
  /** Puts a notice into the mailbox, past its limit. */
  notice(to: Cell, notice: DownMessage): void;
}

const NONE = 0 as AnyRef;
let receiver: Receiver | null = null;
const watches = new Map<MonitorId, Watch>();
/** Cells of this thread that are watched from other threads, by the watcher's monitor id. */
const watchedFromAfar = new Map<MonitorId, Cell>();
let monitorSerial = 0;

export function setReceiver(installed: Receiver): void {
  receiver = installed;
}

// ---------------------------------------------------------------- the local queue

const localQueue: (() => void)[] = [];
let emptying = false;

function locally(signal: () => void): void {
  localQueue.push(signal);
  if (emptying) return;
  emptying = true;
  try {
    for (let i = 0; i < localQueue.length; i++) (localQueue[i] as () => void)();
  } finally {
    localQueue.length = 0;
    emptying = false;
  }
}

// ---------------------------------------------------------------- sending

/** Exit signal. A dead target makes it vanish. */
export function sendExit(to: AnyRef, from: AnyRef, reason: Reason | 'kill', linked: boolean): void {
  if (threadOf(to) !== rt.thread) rt.remote?.signals.exit(to, from, reason, linked);
  else locally(() => arriveExit(to, from, reason, linked));
}

/** Asks an actor to end through terminate. */
export function sendStop(target: WatchTarget, reason: Reason): void {
  const { thread, via, key, ref } = target;
  if (thread !== rt.thread) rt.remote?.signals.stop(thread, via, key, reason);
  else locally(() => arriveStop(ref, reason));
}

/** Links two actors; a dead peer answers with an exit signal 'noproc'. */
export function linkCell(cell: Cell, to: AnyRef): void {
  if (to === cell.ref) return;
  cell.links ??= new Set();
  if (cell.links.has(to)) return;
  cell.links.add(to);
  if (threadOf(to) === rt.thread) locally(() => arriveLink(to, cell.ref));
  else if (rt.remote?.isUp(threadOf(to)) === true) rt.remote.signals.link(to, cell.ref);
  else locally(() => arriveExit(cell.ref, to, 'noconnection', true));
}

/** Ends a link: an exit signal under way from it is ignored on arrival. */
export function unlinkCell(cell: Cell, to: AnyRef): void {
  if (cell.links === null || !cell.links.delete(to)) return;
  if (threadOf(to) === rt.thread) locally(() => arriveUnlink(to, cell.ref));
  else rt.remote?.signals.unlink(to, cell.ref);
}

/** Where a watch points: a thread, and a ref or name there. */
export interface WatchTarget {
  readonly thread: number;
  readonly via: Via;
  readonly key: Key;
  /** The ref if known, else 0. */
  readonly ref: AnyRef;
  readonly name: Name<unknown> | undefined;
}

/** Starts a monitor for a cell or for the runtime (callback). Exactly one notice follows, unless ended. */
export function watch(
  target: WatchTarget,
  cell: Cell | null,
  callback: Watch['callback'],
): MonitorId {
  const id = (refBase(0, rt.thread) + ++monitorSerial) as MonitorId;
  const { thread, name, ref } = target;
  watches.set(id, { id, cell, callback, target: ref, thread, name, queued: false });
  if (cell !== null) {
    cell.monitors ??= new Set();
    cell.monitors.add(id);
  }
  if (thread === rt.thread) {
    const watched = lookup(ref);
    if (watched === undefined) locally(() => arriveDown(id, ref, 'noproc'));
    else {
      watched.monitoredBy ??= new Set();
      watched.monitoredBy.add(id);
    }
  } else if (rt.remote?.isUp(thread) === true) {
    rt.remote.signals.monitor(thread, id, target.via, target.key);
  } else {
    locally(() => arriveDown(id, ref, 'noconnection'));
  }
  return id;
}

/** Ends a monitor; with `flush` a notice already queued is not handled. Unknown id: nothing. */
export function unwatch(id: MonitorId, flush = true): void {
  const found = watches.get(id);
  if (found === undefined || (found.queued && !flush)) return;
  watches.delete(id);
  found.cell?.monitors?.delete(id);
  if (found.thread === rt.thread) lookup(found.target)?.monitoredBy?.delete(id);
  else rt.remote?.signals.demonitor(found.thread, id);
}

/** The monitor of a queued notice, taken out; undefined when it was ended meanwhile. */
export function takeNotice(message: DownMessage): DownNotice | undefined {
  const found = watches.get(message.id);
  if (found === undefined) return undefined;
  watches.delete(message.id);
  found.cell?.monitors?.delete(message.id);
  return {
    monitor: message.id,
    ref: message.ref,
    reason: message.reason,
    ...(found.name === undefined ? {} : { name: found.name }),
  };
}

/** Everything a dying cell owes: exit signals to its links, notices to its monitors, its own monitors end. */
export function sendDeathSignals(cell: Cell, reason: Reason): void {
  const { links, monitors, monitoredBy } = cell;
  cell.links = null;
  cell.monitors = null;
  cell.monitoredBy = null;
  if (monitors !== null) for (const id of monitors) unwatch(id);
  if (links !== null) for (const peer of links) sendExit(peer, cell.ref, reason, true);
  if (monitoredBy === null) return;
  for (const id of monitoredBy) {
    if (threadOf(id) === rt.thread) locally(() => arriveDown(id, cell.ref, reason));
    else {
      watchedFromAfar.delete(id);
      rt.remote?.signals.down(id, cell.ref, reason);
    }
  }
}

// ---------------------------------------------------------------- arriving (own thread's signals and the lanes')

export function arriveExit(
  to: AnyRef,
  from: AnyRef,
  reason: Reason | 'kill',
  linked: boolean,
): void {
  const cell = lookup(to);
  if (cell === undefined) return;
  // Only a link that still stands carries its exit: unlink is final at once, wherever the peer is.
  if (linked && cell.links?.delete(from) !== true) return;
  receiver?.exit(cell, from, reason, linked);
}

export function arriveStop(to: AnyRef, reason: Reason): void {
  const cell = lookup(to);
  if (cell !== undefined) receiver?.stop(cell, reason);
}

export function arriveLink(to: AnyRef, from: AnyRef): void {
  const cell = lookup(to);
  if (cell === undefined) {
    sendExit(from, to, 'noproc', true);
    return;
  }
  cell.links ??= new Set();
  cell.links.add(from);
}

export function arriveUnlink(to: AnyRef, from: AnyRef): void {
  lookup(to)?.links?.delete(from);
}

/** A monitor from another thread, on a ref already resolved (0: no such actor). */
export function arriveMonitor(id: MonitorId, ref: AnyRef): void {
  const cell = lookup(ref);
  if (cell === undefined) {
    rt.remote?.signals.down(id, ref, 'noproc');
    return;
  }
  cell.monitoredBy ??= new Set();
  cell.monitoredBy.add(id);
  watchedFromAfar.set(id, cell);
}

export function arriveDemonitor(id: MonitorId): void {
  watchedFromAfar.get(id)?.monitoredBy?.delete(id);
  watchedFromAfar.delete(id);
}

export function arriveDown(id: MonitorId, ref: AnyRef, reason: Reason): void {
  const found = watches.get(id);
  if (found === undefined) return;
  if (found.cell !== null) {
    found.queued = true;
    receiver?.notice(found.cell, new DownMessage(id, ref === NONE ? found.target : ref, reason));
    return;
  }
  watches.delete(id);
  found.callback?.(reason, ref);
}

/** A thread died: its monitors here are gone; ours on it fire, links to it give exit signals. O(cells). */
export function threadGone(thread: number): void {
  for (const [id, cell] of watchedFromAfar) {
    if (threadOf(id) !== thread) continue;
    cell.monitoredBy?.delete(id);
    watchedFromAfar.delete(id);
  }
  for (const found of [...watches.values()]) {
    if (found.thread === thread) locally(() => arriveDown(found.id, found.target, 'noconnection'));
  }
  for (const cell of allCells()) {
    if (cell.links === null) continue;
    for (const peer of [...cell.links]) {
      if (threadOf(peer) === thread)
        locally(() => arriveExit(cell.ref, peer, 'noconnection', true));
    }
  }
}
