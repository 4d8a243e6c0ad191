/**
 * What the tests of supervisors share: a fake clock and collected reports for each test, named probes,
 * children that follow a script, and the check that nothing outlives its supervisor. Tests only.
 */
import { afterEach, beforeEach, expect } from 'vitest';
import {
  type AnyRef,
  type ChildOptions,
  child,
  configureRuntime,
  counters,
  defineActor,
  exit,
  IGNORE,
  name,
  type Ref,
  type Report,
  stop,
  systemClock,
  whereis,
} from '../index.ts';
import { FakeClock, settle } from '../testkit/index.ts';
import { collectReports, Probe, type ProbeArg, type ProbeP } from './support.ts';

/** What each test of a file starts with, made anew before it. */
export class SupervisorRig {
  reports: Report[] = [];
  clock = new FakeClock();
  #actorsBefore = 0;
  #tests = 0;

  /** Call once, at the top of a test file. */
  constructor() {
    beforeEach(() => {
      this.reports = collectReports();
      // A later hour for each test: the bound on reports per second is over all of them.
      this.clock = new FakeClock(1_750_000_000_000 + ++this.#tests * 3_600_000);
      configureRuntime({ clock: this.clock });
      this.#actorsBefore = counters().actors;
    });
    afterEach(() => configureRuntime({ clock: systemClock }));
  }

  /** Nothing of the test lives any more. */
  expectNoneLeft(): void {
    expect(counters().actors).toBe(this.#actorsBefore);
  }

  /** Ends a supervisor, however it ends, and everything below it. */
  async end(sup: AnyRef): Promise<void> {
    await stop(sup, 'shutdown').catch(() => undefined);
    this.expectNoneLeft();
  }
}

export const at = (id: string): Ref<ProbeP> | undefined => whereis<ProbeP>(name(id));

export const probe = (id: string, arg: ProbeArg = {}, options: ChildOptions<ProbeP> = {}) =>
  child(id, Probe, arg, { name: name<ProbeP>(id), ...options });

export const refs = (...ids: string[]): (AnyRef | undefined)[] => ids.map(at);

/** Kills and lets everything that follows happen. */
export async function killRef(ref: AnyRef): Promise<void> {
  exit(ref, 'kill');
  await settle();
}

export const kill = (id: string): Promise<void> => killRef(at(id) as AnyRef);

/** A child whose init follows a script: ok, error or ignore; the last one repeats. */
export function scripted(
  id: string,
  script: ('ok' | 'error' | 'ignore')[],
  options: ChildOptions<{ ping(): void }> = {},
) {
  let step = 0;
  const Scripted = defineActor<{ ping(): void }, null>({
    name: 'scripted',
    init() {
      const next = script[Math.min(step++, script.length - 1)];
      if (next === 'error') throw new Error('scripted');
      return next === 'ignore' ? IGNORE : null;
    },
    handle: { ping() {} },
  });
  return child(id, Scripted, undefined, options);
}
