/**
 * Starting an actor: ref, name and link first, then init (which runs at once, in the starter's time,
 * and may go on asynchronously). The outcome is a value; spawn turns it into a promise.
 */
import type { Ms } from '../clock.ts';
import { ActorError } from '../errors.ts';
import type { AnyRef, Ignore, Name, SpawnOptions } from '../types.ts';
import { afterMessage } from './around.ts';
import {
  type AnyBehaviour,
  Cell,
  compile,
  DEAD,
  type EntityTag,
  extraOf,
  IDLE,
  internName,
  STARTING,
  type StartResult,
} from './cell.ts';
import { contextOf, setSpawner } from './context.ts';
import { crashCell, endCell, hasWork, isThenable, wake } from './life.ts';
import type { Mailbox } from './mailbox.ts';
import { StopSignal } from './reason.ts';
import { linkCell, unlinkCell, watch } from './signals.ts';
import { snapshotState } from './snapshot-take.ts';
import type { SnapshotKeeper } from './snapshots.ts';
import { addCell, lookup, nextRef, rt, setPulse } from './thread.ts';
// Installs what a turn does, turn.ts included.
import './step-extra.ts';
import { after, cancelTimer } from './timers.ts';

/** Return it from init: nothing runs, the start gives reason 'ignore'. */
export const IGNORE = Object.freeze({ ignore: true }) as unknown as Ignore;

/** How names other than name(key) are taken; names/name-service.ts installs it. */
export interface NameTaker {
  /** The live owner of the name; undefined when it is free. */
  owner(name: Name<unknown>): AnyRef | undefined;
  /** Gives the free name to a cell, until the cell ends; false when it is not free after all. */
  take(name: Name<unknown>, cell: Cell): boolean;
}
let taker: NameTaker | null = null;

export function setNameTaker(installed: NameTaker): void {
  taker = installed;
}

/** TypeError for a name that no actor can be started with. */
export function checkStartName(what: string, name: Name<unknown> | undefined): void {
  if (name === undefined || name.via === 'name' || name.via === 'service') return;
  if (name.via === 'registry' && (name.slot ?? rt.slot) === rt.slot) return;
  const want = 'want name(key), via() or a name of a registry of this thread';
  throw new TypeError(`${what}: name: got one made by ${name.via}(), ${want}`);
}

function ownerOf(name: Name<unknown>): AnyRef | undefined {
  if (name.via !== 'name') return taker?.owner(name);
  const taken = rt.names.get(name.key);
  return taken !== undefined && lookup(taken) !== undefined ? taken : undefined;
}

function takeName(name: Name<unknown>, cell: Cell): boolean {
  if (name.via !== 'name') return taker?.take(name, cell) ?? false;
  cell.name = name.key;
  rt.names.set(name.key, cell.ref);
  return true;
}

export interface StartOptions {
  readonly name?: Name<unknown> | undefined;
  readonly parent?: AnyRef;
  readonly link?: boolean;
  readonly initTimeoutMs?: Ms | undefined;
  readonly entity?: EntityTag;
  /** Where its snapshots are kept, over its lives; what it holds is restored. */
  readonly snapshots?: SnapshotKeeper | undefined;
  /** Earlier lives, for processInfo. */
  readonly restarts?: number | undefined;
  /** Mail taken over from the entity's former activation. */
  readonly mailbox?: Mailbox | null;
}

/** A start: the cell exists from the first moment, `result` is a promise only when init is asynchronous. */
export interface Start {
  readonly ref: AnyRef;
  readonly result: StartResult | Promise<StartResult>;
}

const NONE = 0 as AnyRef;
/** Op name of an init, for the watchdog. */
const INIT = internName('init');

/** Starts an actor on this thread. Never throws for what init does. */
export function startActor(behaviour: AnyBehaviour, arg: unknown, options: StartOptions): Start {
  const { name } = options;
  if (name !== undefined) {
    const taken = ownerOf(name);
    if (taken !== undefined) {
      return { ref: NONE, result: { ok: false, reason: { alreadyStarted: taken } } };
    }
  }
  const cell = makeCell(behaviour, options);
  if (name !== undefined && !takeName(name, cell)) {
    endCell(cell, 'normal');
    return { ref: NONE, result: { ok: false, reason: { alreadyStarted: ownerOf(name) ?? NONE } } };
  }
  if (options.link === true) {
    cell.isChild = cell.parent !== NONE;
    linkCell(cell, cell.parent);
  }
  let outcome: StartResult | undefined;
  let tell: ((result: StartResult) => void) | undefined;
  cell.starter = (result) => {
    outcome = result;
    tell?.(result);
  };
  runInit(cell, behaviour, rt.onStart === null ? arg : rt.onStart(cell, arg));
  if (outcome !== undefined) return { ref: cell.ref, result: outcome };
  limitInit(cell, options.initTimeoutMs);
  return {
    ref: cell.ref,
    result: new Promise((resolve) => {
      tell = resolve;
    }),
  };
}

function makeCell(behaviour: AnyBehaviour, options: StartOptions): Cell {
  const { entity, mailbox } = options;
  const active = rt.clock.monotonic();
  const cell = new Cell(
    nextRef(),
    compile(behaviour),
    options.parent ?? NONE,
    rt.clock.now(),
    active,
  );
  cell.ctx = contextOf(cell);
  if (entity !== undefined) cell.entity = entity;
  if (mailbox !== undefined) cell.mailbox = mailbox;
  if (options.snapshots !== undefined && cell.compiled.behaviour.snapshot !== undefined) {
    extraOf(cell).snapshots = snapshotState(cell, options.snapshots);
  }
  if (options.restarts !== undefined && options.restarts > 0) {
    extraOf(cell).restarts = options.restarts;
  }
  if (rt.timeAll) extraOf(cell).isTimed = true;
  if (cell.compiled.hibernateAfterMs !== Number.POSITIVE_INFINITY) extraOf(cell);
  addCell(cell);
  rt.counters.spawned++;
  entity?.began(cell);
  return cell;
}

function runInit(cell: Cell, behaviour: AnyBehaviour, arg: unknown): void {
  const outer = rt.current;
  const outerOp = rt.pulse.ints[1] ?? 0;
  rt.current = cell;
  setPulse(cell, INIT);
  cell.currentOp = 'init';
  cell.deadline = Number.POSITIVE_INFINITY;
  try {
    const state = firstState(cell, behaviour, arg);
    if (isThenable(state)) {
      state.then(
        (value) => begin(cell, value),
        (thrown) => crashCell(cell, thrown),
      );
    } else begin(cell, state);
  } catch (thrown) {
    crashCell(cell, thrown);
  } finally {
    rt.current = outer;
    // The starter goes on: a hang from here on is its own again.
    if (outer === null) rt.pulse.ints[1] = 0;
    else setPulse(outer, outerOp);
  }
}

/** The state to begin with: from a snapshot after a crash, the older one if that fails, else from init. */
function firstState(cell: Cell, behaviour: AnyBehaviour, arg: unknown, index = 0): unknown {
  const keeper = cell.extra?.snapshots?.keeper;
  if (keeper === undefined || behaviour.restore === undefined || index >= keeper.kept.length) {
    return behaviour.init(cell.ctx, arg);
  }
  const next = (thrown: unknown): unknown => {
    if (thrown instanceof StopSignal || cell.status === DEAD) throw thrown;
    for (const key of [...(cell.timers?.keys() ?? [])]) cancelTimer(cell, key);
    return firstState(cell, behaviour, arg, index + 1);
  };
  try {
    const state = behaviour.restore(cell.ctx, arg, keeper.copy(index));
    return isThenable(state) ? state.then(undefined, next) : state;
  } catch (thrown) {
    return next(thrown);
  }
}

function begin(cell: Cell, state: unknown): void {
  if (cell.status === DEAD) return;
  const starter = cell.starter;
  cell.starter = null;
  if (state === IGNORE) {
    unlinkCell(cell, cell.parent);
    endCell(cell, 'normal');
    starter?.({ ok: false, reason: 'ignore' });
    return;
  }
  cell.state = state;
  cell.status = IDLE;
  cell.currentOp = '';
  starter?.({ ok: true, ref: cell.ref });
  if (cell.extra !== null) afterMessage(cell, cell.extra);
  if (hasWork(cell)) wake(cell);
}

function limitInit(cell: Cell, initTimeoutMs: Ms | undefined): void {
  if (initTimeoutMs === undefined) return;
  const starter = cell.starter;
  const cancel = after(initTimeoutMs, () => {
    if (cell.status !== STARTING) return;
    cell.starter = null;
    endCell(cell, 'killed');
    starter?.({ ok: false, reason: 'timeout' });
  });
  cell.starter = (result) => {
    cancel();
    starter?.(result);
  };
}

/** How actors are started on other threads; spawn-at.ts installs it. */
type SpawnAway = (
  behaviour: AnyBehaviour,
  arg: unknown,
  options: SpawnOptions<unknown>,
  parent: AnyRef,
  link: boolean,
) => Promise<AnyRef>;
let spawnAway: SpawnAway | null = null;

export function setSpawnAway(installed: SpawnAway): void {
  spawnAway = installed;
}

/** spawn with the types forgotten: resolves to the ref, rejects with ActorError. */
export async function spawnAny(
  behaviour: AnyBehaviour,
  arg: unknown,
  options: SpawnOptions<unknown> | undefined,
  parent: AnyRef,
  link: boolean,
): Promise<AnyRef> {
  const name = options?.name;
  const starter = lookup(parent);
  if (starter === undefined && (options?.link === true || options?.monitor === true)) {
    throw new TypeError('spawn: link, monitor: got no actor that runs, want one');
  }
  if (options?.at !== undefined && options.at !== rt.slot && spawnAway !== null) {
    return spawnAway(behaviour, arg, options, parent, link || options.link === true);
  }
  checkStartName('spawn', name);
  const start = startActor(behaviour, arg, {
    name,
    parent,
    link: link || options?.link === true,
    initTimeoutMs: options?.initTimeoutMs,
  });
  const result = isThenable(start.result) ? await start.result : start.result;
  if (!result.ok) throw new ActorError(result.reason, `spawn ${behaviour.name ?? 'actor'}`);
  const { ref } = result;
  if (options?.monitor === true && starter !== undefined && starter.status !== DEAD) {
    watch({ thread: rt.thread, via: 0, key: ref, ref, name: undefined }, starter, null);
  }
  return ref;
}

setSpawner(spawnAny);
