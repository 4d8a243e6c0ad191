/**
 * Shared by the tests of this folder: outcomes of calls as values, collected reports, a probe actor.
 */
import {
  ActorError,
  configureRuntime,
  type DownNotice,
  defineActor,
  type ExitNotice,
  type Reason,
  type Ref,
  type Report,
} from '../index.ts';
import { FakeClock } from '../testkit/index.ts';

/** 'resolved', or the reason of the rejection. */
export function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof ActorError ? error.reason : error),
  );
}

/** Collects this thread's reports from now on, instead of printing them. */
export function collectReports(): Report[] {
  const all: Report[] = [];
  configureRuntime({ report: (each) => all.push(each) });
  return all;
}

/** A fresh fake clock for this thread, and its reports from now on. Afterwards: configureRuntime({ clock: systemClock }). */
export function onFakeClock(): { readonly clock: FakeClock; readonly reports: Report[] } {
  const reports = collectReports();
  const clock = new FakeClock();
  configureRuntime({ clock });
  return { clock, reports };
}

/** An actor that does what a test asks for and tells `log`. */
export interface ProbeP {
  echo(value: unknown): unknown;
  log(value: unknown): void;
  /** Awaits a promise, then logs `after`. */
  block(m: { until: Promise<unknown>; after: unknown }): void;
  crash(): void;
  crashAsync(): Promise<void>;
  stop(reason: Reason): void;
  link(ref: Ref<unknown>): void;
  unlink(ref: Ref<unknown>): void;
  watch(ref: Ref<unknown>): number;
  unwatch(id: number): void;
  run(fn: (ctx: ProbeCtx) => unknown): unknown;
}
export type ProbeCtx = import('../index.ts').Ctx<ProbeP>;

export interface ProbeArg {
  readonly log?: unknown[];
  readonly trap?: boolean;
  readonly init?: (ctx: ProbeCtx) => unknown;
  readonly terminate?: (reason: Reason) => void | Promise<void>;
}

export const Probe = defineActor<ProbeP, ProbeArg & { log: unknown[] }, ProbeArg>({
  name: 'probe',
  init(ctx, arg) {
    ctx.trapExit(arg.trap === true);
    const state = { ...arg, log: arg.log ?? [] };
    const result = arg.init?.(ctx);
    return result instanceof Promise ? result.then(() => state) : state;
  },
  handle: {
    echo: (_s, value) => value,
    log: (s, value) => {
      s.log.push(value);
    },
    async block(s, { until, after }) {
      await until;
      s.log.push(after);
    },
    crash() {
      throw new Error('crash on request');
    },
    async crashAsync() {
      await Promise.resolve();
      throw new Error('late crash');
    },
    stop: (_s, reason, ctx) => ctx.stop(reason),
    link: (_s, ref, ctx) => ctx.link(ref),
    unlink: (_s, ref, ctx) => ctx.unlink(ref),
    watch: (_s, ref, ctx) => ctx.monitor(ref),
    unwatch: (_s, id, ctx) => ctx.demonitor(id as DownNotice['monitor']),
    run: (_s, fn, ctx) => fn(ctx),
  },
  onExit: (s, exit: ExitNotice) => {
    s.log.push({ exit: exit.reason, from: exit.from });
  },
  onDown: (s, down: DownNotice) => {
    s.log.push({ down: down.reason, ref: down.ref });
  },
  terminate: (s, reason) => s.terminate?.(reason),
});
