/**
 * The slots of a node that are not started with it: each has a supervisor of its own while it is wanted, so that one that keeps failing
 * goes down alone. Runs on main only.
 */
import { stop } from '../core/api.ts';
import { startSupervisor } from '../supervision/supervisor.ts';
import type { CompleteChildSpec, RestartLimit, SupervisorP } from '../supervision/types.ts';
import type { AnyRef, Ref } from '../types.ts';

/** What is kept in standby: its limit, and how its thread is started as a child. */
export interface StandbySlot {
  readonly limit: RestartLimit;
  readonly child: CompleteChildSpec;
}

interface Entry extends StandbySlot {
  supervisor: Ref<SupervisorP> | undefined;
  starting: Promise<void> | undefined;
  stopping: Promise<void> | undefined;
}

export class StandbySlots {
  readonly #entries: ReadonlyMap<string, Entry>;
  #isClosed = false;

  constructor(slots: ReadonlyMap<string, StandbySlot>) {
    const entries = [...slots].map(([name, { child, limit }]): [string, Entry] => {
      return [
        name,
        { child, limit, supervisor: undefined, starting: undefined, stopping: undefined },
      ];
    });
    this.#entries = new Map(entries);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** It is up, is being started, or is being replaced. */
  isWanted(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry?.supervisor !== undefined || entry?.starting !== undefined;
  }

  /** Its supervisor while it is wanted. */
  supervisorOf(name: string): Ref<SupervisorP> | undefined {
    return this.#entries.get(name)?.supervisor;
  }

  /** Resolves when the thread has booted, or had before. Rejects with ActorError when it did not; it is in standby then. */
  start(name: string): Promise<void> {
    const entry = this.#entry(name, 'startSlot');
    entry.starting ??= this.#start(entry).finally(() => {
      entry.starting = undefined;
    });
    return entry.starting;
  }

  async #start(entry: Entry): Promise<void> {
    await entry.stopping;
    if (entry.supervisor !== undefined) return;
    const { child, limit } = entry;
    entry.supervisor = await startSupervisor({
      ...limit,
      strategy: 'oneForOne',
      children: [child],
    });
  }

  /** In order, and back to standby. Never rejects. */
  stop(name: string): Promise<void> {
    const entry = this.#entry(name, 'stopSlot');
    entry.stopping ??= this.#stop(entry).finally(() => {
      entry.stopping = undefined;
    });
    return entry.stopping;
  }

  async #stop(entry: Entry): Promise<void> {
    await entry.starting?.catch(() => undefined);
    const { supervisor } = entry;
    entry.supervisor = undefined;
    // It may have given up a moment ago.
    if (supervisor !== undefined) await stop(supervisor, 'shutdown').catch(() => undefined);
  }

  /** A supervisor gave up: its slot is in standby again. False: it is none of these. */
  gaveUp(ref: AnyRef): boolean {
    for (const entry of this.#entries.values()) {
      if (entry.supervisor !== ref) continue;
      entry.supervisor = undefined;
      return true;
    }
    return false;
  }

  /** All of them; nothing is started afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#entries.keys()].map((name) => this.stop(name)));
  }

  #entry(name: string, what: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new RangeError(`${what}: got ${name}, want a standby slot`);
    if (this.#isClosed && what === 'startSlot') {
      throw new RangeError(`${what}: got ${name}, want a node that is not stopping`);
    }
    return entry;
  }
}
