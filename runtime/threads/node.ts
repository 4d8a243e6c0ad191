/**
 * A node: main and its slots. Makes the shared memory and the mesh, puts a slot actor per thread under
 * one supervisor, runs the watchdog, and stops everything in reverse order. Runs on main.
 */

import type { Ms } from '../clock.ts';
import { configureRuntime, stop } from '../core/api.ts';
import { becomeThread, report, rt, serialMark } from '../core/thread.ts';
import { after } from '../core/timers.ts';
import { DriftwayError } from '../errors.ts';
import { counters, tree } from '../inspect/inspect.ts';
import type { RuntimeCounters } from '../inspect/types.ts';
import { bounceChild } from '../supervision/admin.ts';
import { child } from '../supervision/child-spec.ts';
import { startSupervisor } from '../supervision/supervisor.ts';
import type { CompleteChildSpec, SupervisorP } from '../supervision/types.ts';
import type { Ref, Report, TreeNode } from '../types.ts';
import { Mesh } from './mesh.ts';
import { Spares } from './prepared.ts';
import { startPulse } from './pulse.ts';
import { Router } from './router.ts';
import { makeShared, marksOf, setWatched, THREADS_MAX } from './shared.ts';
import { Slot } from './slot.ts';
import { SlotThread, type ThreadEvents } from './slot-thread.ts';
import { type StandbySlot, StandbySlots } from './standby.ts';
import type {
  LaneLimits,
  NamedSilence,
  NodeFailure,
  NodeHandle,
  NodeOptions,
  SlotOptions,
  SlotStatus,
  Topology,
} from './types.ts';
import { startWatchdog } from './watchdog.ts';

const INSPECT_MS = 2000;
const LIMITS: LaneLimits = {
  flushMessages: 512,
  flushBytes: 64 * 1024,
  inFlightBytes: 64 * 1024 * 1024,
};

/**
 * Makes this thread the main thread of a node and starts its slots one after another (their modules
 * load side by side). Resolves when all have booted. Rejects with ActorError when one does not; then
 * nothing runs. TypeError / RangeError for bad options. One node per process at a time.
 */
export async function startNode(options: NodeOptions): Promise<NodeHandle> {
  checkOptions(options);
  const node = new Node(options);
  await node.start();
  return node;
}

function checkOptions({ slots, entities, lanes }: NodeOptions): void {
  if (rt.remote !== null) throw new TypeError('startNode: a node runs in this process already');
  if (slots.length >= THREADS_MAX) {
    throw new RangeError(`startNode: slots: got ${slots.length}, want < ${THREADS_MAX}`);
  }
  const names = new Set(['main']);
  const known = new Set(['main']);
  for (const { name, group, onDown, standby } of slots) {
    if (name === '' || names.has(name)) {
      throw new TypeError(`startNode: slot name: got "${name}", want a new one`);
    }
    names.add(name);
    known.add(name);
    if (group !== undefined) known.add(group);
    if (onDown !== 'restart' && onDown !== 'fatal') {
      throw new TypeError(`startNode: slot ${name}: onDown: got ${String(onDown)}`);
    }
    if (standby !== undefined && onDown !== 'restart') {
      throw new TypeError(`startNode: slot ${name}: standby: got onDown ${onDown}, want restart`);
    }
  }
  for (const [type, group] of Object.entries(entities ?? {})) {
    if (!known.has(group)) {
      throw new TypeError(`startNode: entities.${type}: no slot is in group ${group}`);
    }
  }
  for (const { from, to, gatherMs, loaded } of lanes ?? []) {
    for (const end of [from, to]) {
      if (!known.has(end)) throw new TypeError(`startNode: lanes: no slot or group ${end}`);
    }
    if (!(gatherMs >= 0)) throw new RangeError(`startNode: lanes: gatherMs: got ${gatherMs}`);
    if (loaded !== undefined && !(loaded.records >= 1 && loaded.gatherMs >= gatherMs)) {
      const got = `${loaded.records} records, ${loaded.gatherMs} ms`;
      throw new RangeError(`startNode: lanes: loaded: got ${got}, want >= 1 and >= ${gatherMs} ms`);
    }
  }
}

function topologyOf({ slots, entities, lanes, laneLimits }: NodeOptions): Topology {
  return {
    slots: [
      { name: 'main', group: '', thread: 0 },
      ...slots.map(({ name, group }, i) => ({ name, group: group ?? '', thread: i + 1 })),
    ],
    entities: entities ?? {},
    pacing: lanes ?? [],
    limits: { ...LIMITS, ...laneLimits },
  };
}

interface Inspection {
  readonly tree: readonly TreeNode[];
  readonly counters: RuntimeCounters;
}

class Node implements NodeHandle {
  readonly #options: NodeOptions;
  readonly #router: Router;
  readonly #mesh: Mesh;
  readonly #spares: Spares;
  readonly #standby: StandbySlots;
  /** Made ahead, so that all modules load while the first slots boot. */
  readonly #ahead = new Map<number, SlotThread>();
  readonly #current = new Map<number, SlotThread>();
  readonly #inspections = new Map<number, (thread: number, seen: Inspection) => void>();
  readonly #formerReport = rt.report;
  #inspectionId = 0;
  #supervisor: Ref<SupervisorP> | undefined;
  #stopPulse: () => void = () => {};
  #stopWatchdog: () => Promise<void> = () => Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    const topology = topologyOf(options);
    const shared = makeShared();
    if (options.clock !== undefined) configureRuntime({ clock: options.clock });
    this.#router = new Router(topology, shared);
    const fatal = (failure: NodeFailure): void => options.fatal?.(failure);
    const { execArgv } = options;
    const flags = execArgv === undefined ? {} : { execArgv: [...execArgv] };
    this.#mesh = new Mesh(topology, shared, this.#router, fatal, flags);
    this.#spares = new Spares(flags);
    this.#standby = new StandbySlots(this.#standbySlots());
    becomeThread(0, 'main', serialMark());
    const marks = marksOf(shared);
    marks[0] = serialMark();
    rt.reserveSerials = (end) => {
      marks[0] = end;
    };
    rt.report = (each) => this.#report(each);
    rt.remote = this.#router;
  }

  async start(): Promise<void> {
    const { shared } = this.#mesh;
    this.#stopPulse = startPulse(shared, 0);
    setWatched(rt.pulse, true);
    this.#stopWatchdog = startWatchdog(this.#options.watchdog ?? {}, this.#mesh, (silence) =>
      this.#silent(silence),
    );
    const { slots, restart } = this.#options;
    const started = [...slots.entries()].filter(([, slot]) => slot.standby === undefined);
    for (const [i, slot] of started) this.#ahead.set(i + 1, this.#makeThread(slot, i + 1));
    try {
      this.#supervisor = await startSupervisor({
        ...restart,
        strategy: 'oneForOne',
        children: started.map(([i, slot]) => this.#childOf(slot, i + 1)),
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
    // Not before: nothing is to take a processor away from the start.
    for (const [, slot] of started) this.#spares.refill(slot);
  }

  #childOf(slot: SlotOptions, thread: number): CompleteChildSpec {
    const arg = {
      mesh: this.#mesh,
      take: () => this.#take(slot, thread),
      booted: () => this.#booted(slot),
    };
    return child(slot.name, Slot, arg, {
      restart: slot.onDown === 'restart' ? 'permanent' : 'transient',
      shutdown: Number.POSITIVE_INFINITY,
    });
  }

  #standbySlots(): ReadonlyMap<string, StandbySlot> {
    const found = new Map<string, StandbySlot>();
    for (const [i, slot] of this.#options.slots.entries()) {
      const { name, standby: limit } = slot;
      if (limit !== undefined) found.set(name, { limit, child: this.#childOf(slot, i + 1) });
    }
    return found;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    setWatched(rt.pulse, false);
    await this.#standby.close();
    if (this.#supervisor !== undefined) {
      // It may have given up before: then its children are down already.
      await stop(this.#supervisor, 'shutdown').catch(() => undefined);
    }
    for (const thread of this.#ahead.values()) await thread.end();
    await this.#spares.close();
    await this.#stopWatchdog();
    this.#router.close();
    this.#stopPulse();
    rt.remote = null;
    rt.report = this.#formerReport;
  }

  // -------------------------------------------------------------- threads

  #makeThread(slot: SlotOptions, thread: number): SlotThread {
    const events: ThreadEvents = {
      onReport: (each) => this.#deliverReport(each),
      onInspected: (id, seenTree, seenCounters) => {
        this.#inspections.get(id)?.(thread, { tree: seenTree, counters: seenCounters });
      },
      onFatal: (error) => this.#mesh.fail({ slot: slot.name, why: 'threadDown', reason: error }),
    };
    const made = new SlotThread(slot, thread, this.#spares.take(slot), this.#mesh, events);
    this.#current.set(thread, made);
    return made;
  }

  #take(slot: SlotOptions, thread: number): SlotThread {
    const ahead = this.#ahead.get(thread);
    this.#ahead.delete(thread);
    return ahead ?? this.#makeThread(slot, thread);
  }

  /** A thread is ready; if it was a replacement, the next one may come as quickly. */
  #booted(slot: SlotOptions): void {
    if (this.#supervisor !== undefined) this.#spares.refill(slot);
  }

  #silent({ kind, thread, silentMs, culprit }: NamedSilence): void {
    const slot = this.#mesh.slotName(thread);
    report({ kind, thread: slot, silentMs, culprit });
    const current = this.#current.get(thread);
    if (kind !== 'hung' || current === undefined || !this.#mesh.isUp(thread)) return;
    const reason = { name: 'ThreadHung', message: `silent for ${silentMs} ms in ${culprit.op}` };
    if (current.slot.onDown === 'fatal') {
      this.#mesh.fail({ slot, why: 'hung', reason: culprit });
      return;
    }
    const { entity } = culprit;
    if (entity !== undefined && this.#mesh.strike(entity.type, entity.key)) {
      report({ kind: 'entityUnavailable', ...entity, reason });
    }
    current.fail(reason);
  }

  terminateSlot(name: string): void {
    const error = { name: 'ThreadTerminated', message: 'terminated on request' };
    this.#restartable(name, 'terminateSlot').fail(error);
  }

  async restartSlot(name: string): Promise<void> {
    const { incarnation } = this.#restartable(name, 'restartSlot');
    const reason = { name: 'ThreadRestarted', message: 'stopped and started on request' };
    report({ kind: 'threadDown', thread: name, incarnation, reason });
    const supervisor = this.#standby.supervisorOf(name) ?? this.#supervisor;
    const result = await bounceChild(supervisor as Ref<SupervisorP>, name);
    if (result.ok) return;
    throw new DriftwayError('DRIFT_RUNTIME_THREAD', `slot ${name}: did not start: ${result.why}`, {
      data: { result },
    });
  }

  startSlot(name: string): Promise<void> {
    return this.#standby.start(name);
  }

  stopSlot(name: string): Promise<void> {
    return this.#standby.stop(name);
  }

  breakLane(a: string, b: string, forMs: Ms): (() => void) | undefined {
    if (!(forMs > 0 && Number.isFinite(forMs))) {
      throw new RangeError(`breakLane: forMs: got ${forMs}, want > 0 and finite`);
    }
    const [from, to] = [this.#router.slotThread(a), this.#router.slotThread(b)];
    const join = from < 0 || to < 0 || from === to ? undefined : this.#mesh.part(from, to);
    if (join === undefined) return undefined;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      join();
    };
    const cancel = after(forMs, end);
    return end;
  }

  #restartable(name: string, what: string): SlotThread {
    const current = this.#current.get(this.#router.slotThread(name));
    if (current !== undefined && !current.hasEnded && current.slot.onDown === 'restart') {
      return current;
    }
    throw new RangeError(`${what}: got ${name}, want a slot that is up and may restart`);
  }

  // -------------------------------------------------------------- reports, inspection

  #report(each: Report): void {
    this.#deliverReport(each);
    if (each.kind !== 'restartLimit' || this.#standby.gaveUp(each.ref)) return;
    if (each.ref === this.#supervisor) {
      this.#mesh.fail({ slot: 'main', why: 'restartLimit', reason: each.reason });
    }
  }

  #deliverReport(each: Report): void {
    (this.#options.report ?? this.#formerReport)(each);
  }

  slots(): readonly SlotStatus[] {
    const standby = this.#standby;
    return this.#mesh.topology.slots
      .filter(({ name }) => !standby.has(name) || standby.isWanted(name))
      .map(({ name, group, thread }) => ({
        name,
        group,
        thread,
        up: this.#mesh.isUp(thread),
        incarnation: thread === 0 ? 1 : this.#mesh.incarnation(thread),
      }));
  }

  async tree(): Promise<Readonly<Record<string, readonly TreeNode[]>>> {
    const seen = await this.#inspect();
    return Object.fromEntries([...seen].map(([slot, each]) => [slot, each.tree]));
  }

  async counters(): Promise<Readonly<Record<string, RuntimeCounters>>> {
    const seen = await this.#inspect();
    return Object.fromEntries([...seen].map(([slot, each]) => [slot, each.counters]));
  }

  #inspect(): Promise<Map<string, Inspection>> {
    const id = ++this.#inspectionId;
    const seen = new Map<string, Inspection>([['main', { tree: tree(), counters: counters() }]]);
    const missing = new Set(this.#mesh.threadsUp());
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        this.#inspections.delete(id);
        resolve(seen);
      };
      const cancel = after(INSPECT_MS, finish);
      this.#inspections.set(id, (thread, inspection) => {
        seen.set(this.#mesh.slotName(thread), inspection);
        missing.delete(thread);
        if (missing.size === 0) finish();
      });
      for (const thread of missing) this.#mesh.post(thread, { kind: 'inspect', id });
      if (missing.size === 0) finish();
    });
  }
}
