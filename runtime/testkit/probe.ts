/**
 * A probe: an actor that takes any op and lets a test say what it expects, in order, and answer. It stands
 * where an actor under test sends to. Tests only.
 */
import { type Ms, systemClock } from '../clock.ts';
import { call, defineActor, reply as replyTo, spawn, stop } from '../core/api.ts';
import { NOREPLY } from '../core/around.ts';
import type {
  AnyRef,
  Arg,
  Ctx,
  DownNotice,
  ExitNotice,
  From,
  MonitorId,
  Name,
  Ops,
  Ref,
  Reply,
} from '../types.ts';
import { settle } from './fake-clock.ts';

/** A message that a probe took. */
export interface Caught<P, K extends Ops<P>> {
  readonly op: K;
  readonly arg: Arg<P[K]>;
  /** Set when an answer is awaited. */
  readonly from: From | undefined;
  /** Answers; does nothing for a cast. */
  reply(value: Reply<P[K]>): void;
}

export interface ProbeOptions<P> {
  readonly name?: Name<P>;
  /** Real time an expectation waits before it fails with what came instead; default 2000. */
  readonly timeoutMs?: Ms;
  /** Keeps messages that nobody expected yet; beyond it the probe crashes. Default 10 000. */
  readonly keptMax?: number;
}

export interface Probe<P> {
  readonly ref: Ref<P>;
  /** Messages taken and not expected yet. */
  readonly waiting: number;
  /** The next message has to be `op`; its argument has to fit, if a test for it is given. */
  expect<K extends Ops<P>>(op: K, fits?: (arg: Arg<P[K]>) => boolean): Promise<Caught<P, K>>;
  /** The next message that is `op` and fits; those before it are thrown away. */
  fish<K extends Ops<P>>(op: K, fits?: (arg: Arg<P[K]>) => boolean): Promise<Caught<P, K>>;
  /** Everything that can run has run, and no message is there. */
  expectNothing(): Promise<void>;
  /** Monitors an actor, for expectDown. */
  monitor(to: AnyRef | Name<unknown>): Promise<MonitorId>;
  link(to: AnyRef): Promise<void>;
  /** The next notice of a monitor. */
  expectDown(): Promise<DownNotice>;
  /** The next exit notice (a probe traps exits). */
  expectExit(): Promise<ExitNotice>;
  /** Runs code as the probe. */
  run<T>(work: (ctx: Ctx<unknown>) => T): Promise<T>;
  stop(): Promise<void>;
}

const TIMEOUT_MS: Ms = 2000;
const KEPT_MAX = 10_000;

type Item =
  | {
      readonly kind: 'message';
      readonly op: string;
      readonly arg: unknown;
      readonly from: From | undefined;
    }
  | { readonly kind: 'down'; readonly notice: DownNotice }
  | { readonly kind: 'exit'; readonly notice: ExitNotice };

/** What came, in order, and one expectation that waits at a time. */
class Inbox {
  readonly items: Item[] = [];
  readonly #keptMax: number;
  #arrived = () => {};

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  add(item: Item): void {
    if (this.items.length >= this.#keptMax) throw new RangeError('probe: too many messages kept');
    this.items.push(item);
    this.#arrived();
  }

  /** `fits` gives true to take, false to throw away; it throws for what must not come. */
  async take(what: string, timeoutMs: Ms, fits: (item: Item) => boolean): Promise<Item> {
    const skipped: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let next = { promise, resolve };
    const timer = systemClock.setTimeout(() => {
      const seen = skipped.length === 0 ? 'nothing' : skipped.join(', ');
      reject(new Error(`probe: expected ${what}, got ${seen} within ${timeoutMs} ms`));
      next.resolve();
    }, timeoutMs);
    const isLate = promise.then(() => false);
    try {
      for (;;) {
        const item = this.items.shift();
        if (item !== undefined) {
          if (fits(item)) return item;
          skipped.push(nameOf(item));
          continue;
        }
        const arrival = Promise.withResolvers<void>();
        next = arrival;
        this.#arrived = arrival.resolve;
        await Promise.race([arrival.promise, isLate]);
      }
    } finally {
      this.#arrived = () => {};
      systemClock.clearTimeout(timer);
      isLate.catch(() => undefined);
    }
  }
}

function nameOf(item: Item): string {
  return item.kind === 'message' ? item.op : item.kind;
}

interface ControlP {
  /** Runs code as the probe; under a name that no protocol has. */
  '#run'(work: (ctx: Ctx<ControlP>) => unknown): unknown;
}

const Behaviour = defineActor<ControlP, Inbox, Inbox>({
  name: 'probe',
  init: (ctx, inbox) => {
    ctx.trapExit(true);
    return inbox;
  },
  handle: { '#run': (_s, work, ctx) => work(ctx) },
  onUnknown: (inbox, op, arg, ctx) => {
    inbox.add({ kind: 'message', op, arg, from: ctx.from });
    return NOREPLY;
  },
  onDown: (inbox, notice) => inbox.add({ kind: 'down', notice }),
  onExit: (inbox, notice) => inbox.add({ kind: 'exit', notice }),
});

/** Starts a probe that understands any protocol. Calls to it wait for Caught.reply. */
export async function probe<P>(options: ProbeOptions<P> = {}): Promise<Probe<P>> {
  const { timeoutMs = TIMEOUT_MS, keptMax = KEPT_MAX } = options;
  const inbox = new Inbox(keptMax);
  const name = options.name as Name<ControlP> | undefined;
  const ref = await spawn(Behaviour, inbox, name === undefined ? {} : { name });
  const run = async <T>(work: (ctx: Ctx<unknown>) => T): Promise<T> =>
    (await call(ref, '#run', work as (ctx: Ctx<ControlP>) => unknown)) as T;
  const message = async <K extends Ops<P>>(
    how: 'expect' | 'fish',
    op: K,
    fits: ((arg: Arg<P[K]>) => boolean) | undefined,
  ): Promise<Caught<P, K>> => {
    const item = await inbox.take(op, timeoutMs, (each) => {
      const isIt =
        each.kind === 'message' && each.op === op && fits?.(each.arg as Arg<P[K]>) !== false;
      if (!isIt && how === 'expect') throw new Error(`probe: expected ${op}, got ${nameOf(each)}`);
      return isIt;
    });
    return caught<P, K>(item);
  };
  const notice = async (kind: 'down' | 'exit') => {
    const item = await inbox.take(kind, timeoutMs, (each) => {
      if (each.kind !== kind) throw new Error(`probe: expected ${kind}, got ${nameOf(each)}`);
      return true;
    });
    return (item as Item & { kind: 'down' | 'exit' }).notice;
  };
  return {
    ref: ref as unknown as Ref<P>,
    get waiting() {
      return inbox.items.length;
    },
    expect: (op, fits) => message('expect', op, fits),
    fish: (op, fits) => message('fish', op, fits),
    async expectNothing() {
      await settle();
      const came = inbox.items.map(nameOf).join(', ');
      if (came !== '') throw new Error(`probe: expected nothing, got ${came}`);
    },
    monitor: (to) => run((ctx) => ctx.monitor(to)),
    link: (to) => run((ctx) => ctx.link(to)),
    expectDown: () => notice('down') as Promise<DownNotice>,
    expectExit: () => notice('exit') as Promise<ExitNotice>,
    run,
    stop: () => stop(ref),
  };
}

function caught<P, K extends Ops<P>>(item: Item): Caught<P, K> {
  const { op, arg, from } = item as Item & { kind: 'message' };
  return {
    op: op as K,
    arg: arg as Arg<P[K]>,
    from,
    reply: (value) => {
      if (from !== undefined) replyTo(from, value);
    },
  };
}
