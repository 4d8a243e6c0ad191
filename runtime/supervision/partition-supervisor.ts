/**
 * The partition supervisor: the same child several times, so that one busy actor becomes n, or one per
 * thread of a group; a key always leads to the same partition. A static supervisor underneath, whose
 * child ids are the partition numbers, plus this thread's table of who partition i is.
 */
import { call, erase, name as localName, slotsOf, thisSlot } from '../core/api.ts';
import type { Cell } from '../core/cell.ts';
import { isThenable } from '../core/life.ts';
import { type Place, removePlace, setPlace, targetOf } from '../core/send.ts';
import { watch } from '../core/signals.ts';
import { spawnAny } from '../core/spawn.ts';
import { lookup, rt } from '../core/thread.ts';
import type { AnyRef, Behaviour, Ctx, Key, Name, Ref } from '../types.ts';
import { markSupervisor } from './child-spec.ts';
import { outcomeOf } from './start-child.ts';
import { defineSupervisor } from './supervisor.ts';
import type {
  ChildSpec,
  PartitionOptions,
  PartitionSupervisorP,
  ResizeResult,
  StartFunction,
  SupervisorFlags,
  SupervisorP,
} from './types.ts';

const NONE = 0 as AnyRef;
/** Marks the place of names: no entity type, registry or group scope looks like it. */
const VIA = '%partition/';

// ---------------------------------------------------------------- which partition

/** The partition of a key among `count`: an integer by its absolute value, anything else by a stable hash (FNV-1a). */
export function partitionOf(key: Key, count: number): number {
  if (Number.isInteger(key)) return Math.abs(key as number) % count;
  let h = 0x811c9dc5;
  for (const byte of Buffer.from(String(key))) h = Math.imul(h ^ byte, 0x01000193);
  return (h >>> 0) % count;
}

/** What this thread knows of one partition supervisor of its own. */
class Partitions implements Place {
  readonly options: PartitionOptions;
  /** The only partition of this thread, when there is one per thread. */
  readonly own: number | undefined;
  readonly started: number;
  /** Partitions that keys lead to: 0 .. active-1. */
  active: number;
  supervisor: AnyRef = NONE;
  readonly #refs = new Map<number, AnyRef>();

  constructor(options: PartitionOptions) {
    this.options = options;
    const { partitions = 'threads', group } = options;
    if (partitions === 'threads') {
      const slots = group === undefined ? [] : slotsOf(group);
      // Outside a node there is this thread alone.
      this.own = slots.length === 0 ? 0 : slots.indexOf(thisSlot());
      this.started = Math.max(1, slots.length);
      if (this.own < 0) {
        throw new RangeError(`partitions ${options.name}: ${thisSlot()} is not of group ${group}`);
      }
    } else {
      this.own = undefined;
      this.started = partitions;
    }
    this.active = this.started;
  }

  flags(): SupervisorFlags {
    const { intensity, period } = this.options;
    const ids = this.own === undefined ? [...Array(this.started).keys()] : [this.own];
    return {
      ...(intensity === undefined ? {} : { intensity }),
      ...(period === undefined ? {} : { period }),
      children: ids.map((i) => this.#spec(i)),
    };
  }

  /** The caller's spec under the partition's number; its start also tells the table who it is. */
  #spec(i: number): ChildSpec {
    const spec = this.options.child(i);
    const start: StartFunction = (parent, extra, lives) => {
      const given = spec.start(parent, extra, lives);
      if (isThenable(given)) return given.then((each) => this.#note(i, each)) as typeof given;
      return this.#note(i, given);
    };
    return { ...spec, id: i, start };
  }

  #note<T>(i: number, given: T): T {
    const outcome = outcomeOf(given);
    if (outcome.ok) this.#refs.set(i, outcome.ref);
    return given;
  }

  ref(key: Key): AnyRef | undefined {
    if (this.active === 0) return undefined;
    const ref = this.#refs.get(this.own ?? partitionOf(key, this.active));
    return ref === undefined || lookup(ref) === undefined ? undefined : ref;
  }

  cell(key: Key): Cell | 'noproc' {
    return lookup(this.ref(key) ?? NONE) ?? 'noproc';
  }
}

const tables = new Map<string, Partitions>();

/** A table lives as long as its supervisor. */
function open(table: Partitions, supervisor: AnyRef): void {
  const { name } = table.options;
  if (lookup(tables.get(name)?.supervisor ?? NONE) !== undefined) {
    throw new TypeError(`partitions ${name}: there are such on this thread already`);
  }
  table.supervisor = supervisor;
  tables.set(name, table);
  setPlace(VIA + name, table);
  watch(targetOf(supervisor), null, () => {
    removePlace(VIA + name, table);
    if (tables.get(name) === table) tables.delete(name);
  });
}

function tableOf(name: string): Partitions {
  const found = tables.get(name);
  if (found === undefined) throw new RangeError(`partitions ${name}: none such on this thread`);
  return found;
}

/**
 * The actor that serves `key` among the partitions `name`: an integer leads to its absolute value modulo
 * their count, anything else to a stable hash. The name is plain data, resolved at each use, survives
 * restarts and may be sent to other threads. Give the group for partitions that run one per thread, when
 * this thread is none of them. RangeError when there is no such partition supervisor, or no partition
 * (after resizing to zero); a name made before that fails 'noproc'.
 */
export function partition<P>(name: string, key: Key, group?: string): Name<P> {
  const of = VIA + name;
  const found = tables.get(name);
  const spread = group ?? (found?.own === undefined ? undefined : found.options.group);
  const slots = spread === undefined ? [] : slotsOf(spread);
  if (slots.length > 0) {
    return { via: 'registry', of, key, slot: slots[partitionOf(key, slots.length)] as string };
  }
  if (tableOf(name).active === 0) throw new RangeError(`partitions ${name}: there are 0 of them`);
  return { via: 'registry', of, key, slot: thisSlot() };
}

/** How many partitions keys lead to now. RangeError when this thread has no such partition supervisor. */
export function partitionCount(name: string): number {
  return tableOf(name).active;
}

// ---------------------------------------------------------------- the supervisor

type PartitionCtx = Ctx<PartitionSupervisorP>;

/** A partition supervisor as a behaviour, so that it can be a child. Wrong options fail the start. */
export function definePartitionSupervisor<A = undefined>(
  options: (arg: A) => PartitionOptions,
): Behaviour<PartitionSupervisorP, unknown, A> {
  const base = defineSupervisor<Partitions>((table) => table.flags());
  const tablesOf = new WeakMap<object, Partitions>();
  return markSupervisor<PartitionSupervisorP, unknown, A>({
    ...(base as unknown as Behaviour<PartitionSupervisorP, unknown, A>),
    name: 'partitionSupervisor',
    async init(ctx, arg) {
      ctx.trapExit(true);
      const table = new Partitions(checkOptions(options(arg)));
      open(table, ctx.self);
      const state = (await base.init(ctx as unknown as Ctx<SupervisorP>, table)) as object;
      tablesOf.set(state, table);
      return state;
    },
    handle: {
      ...(base.handle as unknown as Behaviour<PartitionSupervisorP, unknown, A>['handle']),
      resize: (state, count, ctx) =>
        resize(base, tablesOf.get(state as object) as Partitions, state, count, ctx),
    },
  });
}

/**
 * Starts a partition supervisor, registered as name(options.name), and its partitions one after
 * another. With partitions 'threads' call it in the boot of every slot of the group: each starts its
 * own. Rejects with TypeError / RangeError for wrong options, ActorError like startSupervisor.
 */
export async function startPartitionSupervisor(
  options: PartitionOptions,
): Promise<Ref<PartitionSupervisorP>> {
  checkOptions(options);
  const parent = rt.current === null ? NONE : rt.current.ref;
  const behaviour = erase(definePartitionSupervisor(() => options));
  const named = { name: localName<unknown>(options.name) };
  return spawnAny(behaviour, undefined, named, parent, false) as Promise<Ref<PartitionSupervisorP>>;
}

/**
 * Stops partitions from the last on, or starts stopped ones again, until `count` of them are active;
 * 0 to the count at the start. Keys lead to the remaining ones at once.
 */
export function resizePartitions(name: string, count: number): Promise<ResizeResult> {
  return call(localName<PartitionSupervisorP>(name), 'resize', count, {
    timeoutMs: Number.POSITIVE_INFINITY,
  });
}

function checkOptions(options: PartitionOptions): PartitionOptions {
  const { name, partitions = 'threads', child } = options;
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`partition supervisor: name: got ${String(name)}, want a string`);
  }
  if (partitions !== 'threads' && !(Number.isInteger(partitions) && partitions > 0)) {
    throw new RangeError(
      `partition supervisor: partitions: got ${String(partitions)}, want an integer > 0 or threads`,
    );
  }
  if (typeof child !== 'function') {
    throw new TypeError(`partition supervisor: child: got ${typeof child}, want a function`);
  }
  return options;
}

async function resize(
  base: Behaviour<SupervisorP, unknown, Partitions>,
  table: Partitions,
  state: unknown,
  count: number,
  given: PartitionCtx,
): Promise<ResizeResult> {
  const fits = Number.isInteger(count) && count >= 0 && count <= table.started;
  if (!fits || table.own !== undefined) return { ok: false, why: 'outOfRange' };
  const ctx = given as unknown as Ctx<SupervisorP>;
  const previous = table.active;
  if (count < previous) table.active = count;
  for (let i = previous - 1; i >= count; i--) await base.handle.terminateChild(state, i, ctx);
  for (let i = previous; i < count; i++) {
    const result = await base.handle.restartChild(state, i, ctx);
    if ('why' in result && result.why === 'error') {
      return { ok: false, why: 'error', reason: result.reason };
    }
    table.active = i + 1;
  }
  return { ok: true, previous };
}
