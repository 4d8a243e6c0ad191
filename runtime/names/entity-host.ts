/**
 * Entities of this thread: one host actor per type. An entity starts with the first message to it,
 * exists at most once, is passivated when idle, and starts again with the next message after a crash,
 * within a restart intensity per key. The host is the parent of its entities and ends them with itself.
 */
import type { Ms } from '../clock.ts';
import { erase } from '../core/api.ts';
import { type Cell, type EntityTag, IDLE, internName } from '../core/cell.ts';
import { crashCell, drainMailbox, hasWork } from '../core/life.ts';
import type { Mailbox } from '../core/mailbox.ts';
import { isNormalClass, reasonOf } from '../core/reason.ts';
import { type AnyDest, type Place, removePlace, setPlace, targetOf } from '../core/send.ts';
import { sendStop } from '../core/signals.ts';
import { spawnAny, startActor } from '../core/spawn.ts';
import { lookup, report, rt } from '../core/thread.ts';
import { ActorError, type FailReason } from '../errors.ts';
import { noteRestart } from '../inspect/meters.ts';
import { markSupervisor } from '../supervision/child-spec.ts';
import { IntensityWindow } from '../supervision/intensity.ts';
import { shutdownChild } from '../supervision/shutdown.ts';
import { INTENSITY, PERIOD_S } from '../supervision/supervisor.ts';
import type { RestartLimit, Shutdown } from '../supervision/types.ts';
import type { AnyRef, Behaviour, Ctx, Key, Reason, Ref } from '../types.ts';
import { EntityKeepers } from './entity-snapshots.ts';

const SHUTDOWN_MS = 5000;
const SWEEP_MAX_MS = 10_000;
const SWEEPS_PER_IDLE = 4;
const NONE = 0 as AnyRef;

/** How a thread hosts a type of entity. */
export interface EntityOptions<P, S, A> extends RestartLimit {
  readonly behaviour: Behaviour<P, S, A>;
  /** Start argument of the entity `key`. */
  readonly arg: (key: number) => A;
  /**
   * Passivated after this time without a message (checked each quarter of it): terminate runs, reason
   * 'normal'. Not while calls wait for an answer (NOREPLY) or mayPassivate says false. Infinity: never.
   */
  readonly idleMs: Ms;
  /** Time to end at shutdown; default 5000. */
  readonly shutdown?: Shutdown;
}

interface HostP {
  sweep(): void;
}

/** One type on this thread. */
class Host implements Place {
  readonly type: string;
  readonly typeNumber: number;
  readonly options: EntityOptions<unknown, unknown, unknown>;
  readonly live = new Map<number, Cell>();
  /** Restarts noted, of keys that crashed lately. */
  readonly windows = new Map<number, IntensityWindow>();
  readonly keepers: EntityKeepers;
  self: AnyRef = NONE;
  stopping = false;

  constructor(type: string, options: EntityOptions<unknown, unknown, unknown>) {
    this.type = type;
    this.typeNumber = internName(type);
    this.keepers = new EntityKeepers(type);
    this.options = options;
  }

  ref(key: Key): AnyRef | undefined {
    return this.live.get(key as number)?.ref;
  }

  /** The live cell of a key, started if need be. */
  cell(named: Key): Cell | FailReason {
    const key = named as number;
    const live = this.live.get(key);
    if (live !== undefined) return live;
    if (this.stopping) return 'noproc';
    if (isBlocked(this.type, key)) return 'unavailable';
    if (this.windows.get(key)?.isOver(rt.clock.monotonic()) === true) return 'unavailable';
    return this.start(key, null);
  }

  start(key: number, mailbox: Mailbox | null): Cell | FailReason {
    let arg: unknown;
    try {
      arg = this.options.arg(key);
    } catch (thrown) {
      this.noteCrash(key, reasonOf(thrown));
      return reasonOf(thrown);
    }
    const entity = new Entity(this, key);
    const behaviour = erase(this.options.behaviour);
    const { ref, result } = startActor(behaviour, arg, {
      parent: this.self,
      link: true,
      entity,
      mailbox,
      snapshots: behaviour.snapshot === undefined ? undefined : this.keepers.of(key),
    });
    if ('ok' in result && !result.ok) return result.reason;
    return lookup(ref) ?? 'noproc';
  }

  noteCrash(key: number, reason: Reason): void {
    let window = this.windows.get(key);
    if (window === undefined) {
      const { intensity, period } = this.options;
      window = new IntensityWindow(intensity ?? INTENSITY, period ?? PERIOD_S);
      this.windows.set(key, window);
    }
    noteRestart('entities', this.type);
    if (!window.add(rt.clock.monotonic())) return;
    report({ kind: 'entityUnavailable', type: this.type, key, reason });
  }

  /** Passivates what has been idle, forgets windows that have passed. */
  sweep(): void {
    const now = rt.clock.monotonic();
    for (const [key, window] of this.windows) if (window.isEmpty(now)) this.windows.delete(key);
    const { idleMs, behaviour } = this.options;
    for (const cell of this.live.values()) {
      if (cell.status !== IDLE || cell.scheduled || hasWork(cell)) continue;
      if (cell.lastActiveMs + idleMs > now || (cell.deferred?.size ?? 0) > 0) continue;
      try {
        if (behaviour.mayPassivate?.(cell.state) === false) continue;
      } catch (thrown) {
        cell.currentOp = 'mayPassivate';
        crashCell(cell, thrown);
        continue;
      }
      sendStop(targetOf(cell.ref as AnyDest), 'normal');
    }
  }

  async shutdown(): Promise<void> {
    this.stopping = true;
    hosts.delete(this.type);
    removePlace(this.type, this);
    const shutdown = this.options.shutdown ?? SHUTDOWN_MS;
    const all = [...this.live.values()];
    await Promise.all(all.map((cell) => shutdownChild(this.self, cell.ref, shutdown)));
  }
}

/** What the cell of an entity knows of its host. */
class Entity implements EntityTag {
  readonly #host: Host;
  readonly key: number;

  constructor(host: Host, key: number) {
    this.#host = host;
    this.key = key;
  }
  get type(): string {
    return this.#host.type;
  }
  get typeNumber(): number {
    return this.#host.typeNumber;
  }

  began(cell: Cell): void {
    this.#host.live.set(this.key, cell);
  }

  ended(cell: Cell, reason: Reason, started: boolean): boolean {
    const host = this.#host;
    if (host.live.get(this.key) === cell) host.live.delete(this.key);
    host.keepers.ended(this.key);
    if (host.stopping) return false;
    const mailbox = cell.mailbox;
    if (!started || !isNormalClass(reason)) {
      host.noteCrash(this.key, reason);
      // A crash has been reported; an end by force has not, but for that of everybody with the host.
      if (reason === 'killed' && lookup(host.self) !== undefined) {
        const child = String(this.key);
        report({ kind: 'childFailed', supervisor: host.type, child, phase: 'exit', reason });
      }
      return false;
    }
    // One that ends by itself before it has handled anything would start again for ever.
    if (cell.messagesIn === 0 && cell.stopReason === null) return false;
    if (mailbox === null || mailbox.limited === 0) return false;
    const next = host.start(this.key, mailbox);
    if (typeof next === 'object' && 'compiled' in next) return true;
    drainMailbox(mailbox, next);
    return true;
  }
}

const hosts = new Map<string, Host>();

/** The live host of a type on this thread. */
export function hostOf(type: string): AnyRef | undefined {
  return hosts.get(type)?.self;
}

/** Keys that hung their thread too often (type and key), left down for the life of this thread. */
const blocked = new Set<string>();

/** Leaves an entity of this thread down: calls fail 'unavailable'. */
export function blockEntity(type: string, key: number): void {
  blocked.add(`${type}:${key}`);
}

function isBlocked(type: string, key: number): boolean {
  return blocked.size > 0 && blocked.has(`${type}:${key}`);
}

const hostBehaviour: Behaviour<HostP, Host, Host> = markSupervisor({
  name: 'entities',
  init(ctx: Ctx<HostP>, host) {
    ctx.trapExit(true);
    ctx.label(host.type);
    host.self = ctx.self;
    hosts.set(host.type, host);
    setPlace(host.type, host);
    const sweepMs = Math.min(SWEEP_MAX_MS, Math.max(1, host.options.idleMs / SWEEPS_PER_IDLE));
    ctx.every('sweep', sweepMs, 'sweep');
    return host;
  },
  handle: { sweep: (host) => host.sweep() },
  terminate: (host) => host.shutdown(),
});

/**
 * Hosts a type of entity on this thread, until the thread stops. Call it in the boot of every slot of
 * the type's group before anything is sent to its entities. Resolves to the host actor. RangeError for
 * a bad idleMs, ActorError alreadyStarted when the type is hosted here already.
 */
export async function hostEntity<P, S, A>(
  type: string,
  options: EntityOptions<P, S, A>,
): Promise<Ref<unknown>> {
  if (!/^[^@%]/.test(type)) {
    throw new TypeError(
      `hostEntity: type: got '${type}', want a name that does not begin with @ or %`,
    );
  }
  if (!(options.idleMs > 0)) {
    throw new RangeError(`hostEntity ${type}: idleMs: got ${options.idleMs}, want > 0`);
  }
  const present = hosts.get(type);
  if (present !== undefined && lookup(present.self) !== undefined) {
    throw new ActorError({ alreadyStarted: present.self }, `hostEntity ${type}`);
  }
  const host = new Host(type, options as unknown as Host['options']);
  return await spawnAny(erase(hostBehaviour), host, undefined, NONE, false);
}
