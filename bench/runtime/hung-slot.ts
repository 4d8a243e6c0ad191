/**
 * The thread that hangs, for lanes.ts: a thousand actors under a supervisor, and one that never returns. Tells main when all
 * of them run. Loaded as a slot of its node.
 */
import { at, cast, child, defineActor, name, spawn, startSupervisor } from '../../runtime/index.ts';

const ACTORS = 1000;

/** On main: is told when a life of the thread has all its actors running. */
export interface WitnessP {
  allRunning(): void;
}

export interface HangerP {
  /** Busy for ever. */
  hang(): void;
}

const Idle = defineActor<Record<string, never>, null>({ init: () => null, handle: {} });

const Hanger = defineActor<HangerP, null>({
  init: () => null,
  handle: {
    hang() {
      for (;;);
    },
  },
});

/** Starts the actors and says so. */
export async function boot(): Promise<void> {
  const children = Array.from({ length: ACTORS }, (_, i) => child(`idle ${i}`, Idle, undefined));
  await startSupervisor({ strategy: 'oneForOne', children });
  await spawn(Hanger, undefined, { name: name<HangerP>('hanger') });
  cast(at<WitnessP>('main', 'witness'), 'allRunning');
}
