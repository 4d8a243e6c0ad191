/**
 * Entry file of every worker thread: loads its module, becomes a slot when told which, boots it when told to, and at an orderly
 * stop shuts the thread's actors down, closes its ports and lets the thread run out.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../assert.ts';
import { setCallIncarnation } from '../core/calls.ts';
import { onName } from '../core/cell.ts';
import { errorInfo } from '../core/reason.ts';
import { allCells, becomeThread, lookup, report, rt, wheel } from '../core/thread.ts';
import { counters, tree } from '../inspect/inspect.ts';
import { look } from '../inspect/look.ts';
import { blockEntity } from '../names/entity-host.ts';
import { inheritSnapshots, type SnapshotSink } from '../names/entity-snapshots.ts';
import { stopRoot } from '../supervision/shutdown.ts';
import type { AnyRef } from '../types.ts';
import { startPulse } from './pulse.ts';
import { Router } from './router.ts';
import { marksOf, setWatched } from './shared.ts';
import type {
  Booted,
  BootFunction,
  FromWorker,
  TopologySlot,
  ToWorker,
  WorkerBoot,
  WorkerLoad,
} from './types.ts';

assert(parentPort !== null, 'worker-entry runs in a worker thread');
const control = parentPort;
const send = (message: FromWorker): void => control.postMessage(message);

const { module } = workerData as WorkerLoad;
const loaded = import(module) as Promise<Record<string, unknown>>;
loaded.then(
  () => send({ kind: 'loaded' }),
  (error: unknown) => send({ kind: 'failed', error: errorInfo(error) }),
);

/** This thread as a slot of the node. */
class Slot {
  readonly #boot: WorkerBoot;
  readonly #slot: TopologySlot;
  readonly #router: Router;
  readonly #stopPulse: () => void;
  #booted: Booted | undefined;
  #isStopping = false;

  constructor(boot: WorkerBoot) {
    const slot = boot.topology.slots[boot.thread];
    assert(slot !== undefined, 'the topology knows this thread');
    this.#boot = boot;
    this.#slot = slot;
    const marks = marksOf(boot.shared);
    becomeThread(boot.thread, slot.name, marks[boot.thread] ?? 0);
    setCallIncarnation(boot.incarnation);
    rt.reserveSerials = (end) => {
      marks[boot.thread] = end;
    };
    rt.report = (each) => send({ kind: 'report', report: each });
    rt.gaveUp = (ref, label) => this.#gaveUp(ref, label);
    onName((number, name) => send({ kind: 'name', number, name }));
    for (const { type, key } of boot.blocked) blockEntity(type, key);
    const tellMain: SnapshotSink = {
      snapshot: (type, key, snapshot) => send({ kind: 'snapshot', type, key, snapshot }),
    };
    inheritSnapshots(tellMain, boot.snapshots);
    this.#router = new Router(boot.topology, boot.shared);
    rt.remote = this.#router;
    this.#stopPulse = startPulse(boot.shared, boot.thread);
    // On a thread that must never be terminated, what escaped every actor is main's decision.
    if (boot.fatal) {
      process.on('uncaughtException', (error) => send({ kind: 'fatal', error: errorInfo(error) }));
    }
  }

  take(message: ToWorker): void {
    if (message.kind === 'connect') this.#router.connect(message.thread, message.port);
    else if (message.kind === 'disconnect') this.#router.disconnect(message.thread);
    else if (message.kind === 'boot') void this.#start();
    else if (message.kind === 'stop') void this.#stop();
    else if (message.kind === 'inspect') {
      send({ kind: 'inspected', id: message.id, tree: tree(), counters: counters() });
    }
  }

  async #start(): Promise<void> {
    const { name, group, thread } = this.#slot;
    const { arg, exportName, incarnation } = this.#boot;
    try {
      const fn = (await loaded)[exportName];
      if (typeof fn !== 'function') {
        throw new TypeError(`slot ${name}: ${module} exports no function ${exportName}`);
      }
      const booted = await (fn as BootFunction)(arg, { slot: name, group, thread, incarnation });
      this.#booted = booted ?? undefined;
      setWatched(rt.pulse, true);
      send({ kind: 'booted' });
    } catch (error) {
      send({ kind: 'failed', error: errorInfo(error) });
    }
  }

  /**
   * A supervisor gives up. Without anybody above it, what it kept would be gone while the thread lives on: the thread ends too, and
   * main decides.
   */
  #gaveUp(ref: AnyRef, label: string): void {
    if (this.#isStopping || look(ref)?.isKept !== false) return;
    setImmediate(() => {
      throw new Error(`${label} gave up, and nobody is above it`);
    });
  }

  async #stop(): Promise<void> {
    this.#isStopping = true;
    setWatched(rt.pulse, false);
    try {
      await this.#booted?.stop?.();
    } catch (error) {
      const { name } = this.#slot;
      const reason = { error: errorInfo(error) };
      report({ kind: 'childFailed', supervisor: 'node', child: name, phase: 'shutdown', reason });
    }
    // Actors that nobody here supervises, the youngest first; their trees end with them.
    const roots = allCells().filter((cell) => lookup(cell.parent) === undefined);
    roots.sort((a, b) => b.ref - a.ref);
    for (const { ref } of roots) await stopRoot(ref);
    this.#router.close();
    this.#stopPulse();
    wheel.clear();
    send({ kind: 'stopped' });
    control.close();
  }
}

let slot: Slot | undefined;
control.on('message', (message: ToWorker) => {
  if (message.kind === 'become') slot = new Slot(message.boot);
  else slot?.take(message);
});
