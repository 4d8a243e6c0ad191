/**
 * Entry file of every worker thread: becomes its slot, loads the slot's module, boots it when told to,
 * and at an orderly stop shuts the thread's actors down, closes its ports and lets the thread run out.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../assert.ts';
import { setCallIncarnation } from '../core/calls.ts';
import { onName } from '../core/cell.ts';
import { errorInfo } from '../core/reason.ts';
import { allCells, becomeThread, lookup, report, rt, wheel } from '../core/thread.ts';
import { counters, tree } from '../inspect/inspect.ts';
import { blockEntity } from '../names/entity-host.ts';
import { stopRoot } from '../supervision/shutdown.ts';
import { startPulse } from './pulse.ts';
import { Router } from './router.ts';
import { marksOf, setWatched } from './shared.ts';
import type { Booted, BootFunction, FromWorker, ToWorker, WorkerBoot } from './types.ts';

const boot = workerData as WorkerBoot;
assert(parentPort !== null, 'worker-entry runs in a worker thread');
const control = parentPort;
const send = (message: FromWorker): void => control.postMessage(message);
const slot = boot.topology.slots[boot.thread];
assert(slot !== undefined, 'the topology knows this thread');

const marks = marksOf(boot.shared);
becomeThread(boot.thread, slot.name, marks[boot.thread] ?? 0);
setCallIncarnation(boot.incarnation);
rt.reserveSerials = (end) => {
  marks[boot.thread] = end;
};
rt.report = (each) => send({ kind: 'report', report: each });
onName((number, name) => send({ kind: 'name', number, name }));
for (const { type, key } of boot.blocked) blockEntity(type, key);
const router = new Router(boot.topology, boot.shared);
rt.remote = router;
const stopPulse = startPulse(boot.shared, boot.thread);

// On a thread that must never be terminated, what escaped every actor is main's decision.
if (boot.fatal) {
  process.on('uncaughtException', (error) => send({ kind: 'fatal', error: errorInfo(error) }));
}

let booted: Booted | undefined;
const loaded = import(boot.module) as Promise<Record<string, unknown>>;
loaded.then(
  () => send({ kind: 'loaded' }),
  (error: unknown) => send({ kind: 'failed', error: errorInfo(error) }),
);

async function start(): Promise<void> {
  try {
    const fn = (await loaded)[boot.exportName];
    if (typeof fn !== 'function') {
      throw new TypeError(
        `slot ${slot?.name}: ${boot.module} exports no function ${boot.exportName}`,
      );
    }
    const { name, group, thread } = slot as NonNullable<typeof slot>;
    const { incarnation } = boot;
    booted =
      (await (fn as BootFunction)(boot.arg, { slot: name, group, thread, incarnation })) ??
      undefined;
    setWatched(rt.pulse, true);
    send({ kind: 'booted' });
  } catch (error) {
    send({ kind: 'failed', error: errorInfo(error) });
  }
}

async function stop(): Promise<void> {
  setWatched(rt.pulse, false);
  try {
    await booted?.stop?.();
  } catch (error) {
    const name = slot?.name ?? '';
    const reason = { error: errorInfo(error) };
    report({ kind: 'childFailed', supervisor: 'node', child: name, phase: 'shutdown', reason });
  }
  // Actors that nobody here supervises, the youngest first; their trees end with them.
  const roots = allCells().filter((cell) => lookup(cell.parent) === undefined);
  roots.sort((a, b) => b.ref - a.ref);
  for (const { ref } of roots) await stopRoot(ref);
  router.close();
  stopPulse();
  wheel.clear();
  send({ kind: 'stopped' });
  control.close();
}

control.on('message', (message: ToWorker) => {
  if (message.kind === 'connect') router.connect(message.thread, message.port);
  else if (message.kind === 'disconnect') router.disconnect(message.thread);
  else if (message.kind === 'boot') void start();
  else if (message.kind === 'stop') void stop();
  else send({ kind: 'inspected', id: message.id, tree: tree(), counters: counters() });
});
