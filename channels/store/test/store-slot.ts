/**
 * Slot module of the thread tests: an actor on each thread that starts and stops the store's tree there,
 * so that many tests can share one node. Test code.
 */
import {
  at,
  defineActor,
  name,
  type Ref,
  type SupervisorP,
  spawn,
  stop,
} from '../../../runtime/index.ts';
import { bootReaderThread, bootStoreThread } from '../boot.ts';
import { nodeSqliteDriver } from '../driver.ts';
import { FaultSwitch, faultDriver } from './fault-driver.ts';

export interface FixtureP {
  start(path: string): null;
  stop(): null;
}

/** The fixture on the thread of `slot`. */
export const fixtureAt = (slot: string) => at<FixtureP>(slot, 'fixture');

export interface FixtureArg {
  readonly role: 'store' | 'reader';
  /** Buffer of the FaultSwitch that the test holds. */
  readonly faults: SharedArrayBuffer;
  /** Started with the thread, as a server does; otherwise by `start`. */
  readonly path?: string;
}

interface State {
  readonly boot: (path: string) => Promise<Ref<SupervisorP>>;
  supervisor: Ref<SupervisorP> | undefined;
}

const Fixture = defineActor<FixtureP, State, FixtureArg>({
  async init(_ctx, { role, faults, path }) {
    const driver = faultDriver(nodeSqliteDriver, new FaultSwitch(faults));
    const boot = (file: string): Promise<Ref<SupervisorP>> =>
      role === 'store'
        ? bootStoreThread({ path: file, reopenMs: 1 }, { driver })
        : bootReaderThread({ path: file });
    return { boot, supervisor: path === undefined ? undefined : await boot(path) };
  },
  handle: {
    async start(state, path) {
      state.supervisor = await state.boot(path);
      return null;
    },
    async stop(state) {
      if (state.supervisor !== undefined) {
        await stop(state.supervisor, 'shutdown');
        state.supervisor = undefined;
      }
      return null;
    },
  },
});

export async function boot(arg: FixtureArg): Promise<void> {
  await spawn(Fixture, arg, { name: name('fixture') });
}
