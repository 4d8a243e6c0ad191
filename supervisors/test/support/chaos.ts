/**
 * The actor that breaks things from inside a thread of the fault server: ends other actors, and blocks
 * its thread in a loop. Runs on shard, reader and store threads of fault-server.ts, never in production.
 */
import {
  type AnyRef,
  defineActor,
  entity,
  exit,
  name,
  spawn,
  whereis,
} from '../../../runtime/index.ts';

export interface EntityName {
  readonly type: string;
  readonly key: number;
}

export interface ChaosP {
  /** Ends an entity that lives on this thread as a crash would; false where it does not live here. */
  killEntity(target: EntityName): boolean;
  /** Ends a named actor of this thread; false where there is none. */
  killNamed(key: string): boolean;
  /** Blocks the thread for so long; Infinity for ever. */
  spin(ms: number): void;
}

export const CHAOS = 'chaos';

const Chaos = defineActor<ChaosP, null>({
  name: CHAOS,
  init: () => null,
  handle: {
    killEntity: (_state, { type, key }) => kill(whereis(entity(type, key))),
    killNamed: (_state, key) => kill(whereis(name(key))),
    spin: (_state, ms) => {
      const end = process.hrtime.bigint() + BigInt(Math.min(ms, 1e9)) * 1_000_000n;
      while (process.hrtime.bigint() < end);
    },
  },
});

function kill(ref: AnyRef | undefined): boolean {
  if (ref === undefined) return false;
  exit(ref, 'kill');
  return true;
}

/** Adds the chaos actor to this thread. */
export async function startChaos(): Promise<void> {
  await spawn(Chaos, undefined, { name: name<ChaosP>(CHAOS) });
}
