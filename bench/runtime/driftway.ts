/**
 * Driftway's runtime as a subject of bench:runtime: the scenarios on one thread, through the runtime's public API alone. A process
 * of its own per figure.
 */
import {
  call,
  cast,
  child,
  configureRuntime,
  defineActor,
  exit,
  type Ref,
  spawn,
  startSupervisor,
  stop,
} from '../../runtime/index.ts';
import {
  type Batch,
  type Figures,
  runSubject,
  type Sample,
  signal,
  timed,
  turn,
  usedBytes,
} from './measure.ts';

const TRIPS = 200_000;
const RECEIVERS = 1000;
const ROUNDS = 20;
const HOPS = 500_000;
const SPAWNS = 10_000;
const IDLE = 100_000;
const CALLS = 100_000;
const BURST = 200;
const BURSTS = 20;

/** As on the other sides: a crash on purpose is not printed. */
configureRuntime({ report: () => undefined });

type Done = () => void;
const nothing: Done = () => undefined;

// ---------------------------------------------------------------- ping-pong

interface PongP {
  ping(from: Ref<PingP>): void;
}
interface PingP {
  go(m: { readonly trips: number; readonly done: Done }): void;
  pong(): void;
}

const Pong = defineActor<PongP, null>({
  init: () => null,
  handle: { ping: (_s, from) => cast(from, 'pong') },
});

const Ping = defineActor<
  PingP,
  { readonly pong: Ref<PongP>; left: number; done: Done },
  Ref<PongP>
>({
  init: (_ctx, pong) => ({ pong, left: 0, done: nothing }),
  handle: {
    go(s, { trips, done }, ctx) {
      s.left = trips;
      s.done = done;
      cast(s.pong, 'ping', ctx.self);
    },
    pong(s, _arg, ctx) {
      if (--s.left === 0) s.done();
      else cast(s.pong, 'ping', ctx.self);
    },
  },
});

async function pingPong(): Promise<Batch> {
  const ping = await spawn(Ping, await spawn(Pong, undefined));
  return () =>
    timed(TRIPS, () => {
      const { promise, resolve } = signal();
      cast(ping, 'go', { trips: TRIPS, done: resolve });
      return promise;
    });
}

// ---------------------------------------------------------------- fan-out

interface ReceiverP {
  item(n: number): void;
  /** To the last one of a round: tells the sender. */
  done(to: Ref<SenderP>): void;
  take(): number;
}
interface SenderP {
  go(m: { readonly rounds: number; readonly done: Done }): void;
  done(): void;
}

const Receiver = defineActor<ReceiverP, { count: number }>({
  init: () => ({ count: 0 }),
  handle: {
    item(s) {
      s.count++;
    },
    done: (_s, to) => cast(to, 'done'),
    take(s) {
      const { count } = s;
      s.count = 0;
      return count;
    },
  },
});

interface Sending {
  readonly to: readonly Ref<ReceiverP>[];
  left: number;
  done: Done;
}

const Sender = defineActor<SenderP, Sending, readonly Ref<ReceiverP>[]>({
  init: (_ctx, to) => ({ to, left: 0, done: nothing }),
  handle: {
    go(s, { rounds, done }, ctx) {
      s.left = rounds;
      s.done = done;
      sendRound(s, ctx.self);
    },
    done(s, _arg, ctx) {
      if (--s.left === 0) s.done();
      else sendRound(s, ctx.self);
    },
  },
});

function sendRound(s: Sending, self: Ref<SenderP>): void {
  for (const ref of s.to) cast(ref, 'item', s.left);
  cast(s.to.at(-1) as Ref<ReceiverP>, 'done', self);
}

async function fanOut(): Promise<Batch> {
  const receivers: Ref<ReceiverP>[] = [];
  for (let i = 0; i < RECEIVERS; i++) receivers.push(await spawn(Receiver, undefined));
  const sender = await spawn(Sender, receivers);
  return async () => {
    const sample = await timed(ROUNDS * RECEIVERS, () => {
      const { promise, resolve } = signal();
      cast(sender, 'go', { rounds: ROUNDS, done: resolve });
      return promise;
    });
    let sum = 0;
    for (const ref of receivers) sum += await call(ref, 'take');
    if (sum !== ROUNDS * RECEIVERS) throw new Error(`fan-out: received: got ${sum}`);
    return sample;
  };
}

// ---------------------------------------------------------------- ring

interface MemberP {
  next(ref: Ref<MemberP>): void;
  token(left: number): void;
}

let ringDone = nothing;

const Member = defineActor<MemberP, { next: Ref<MemberP> }, Ref<MemberP>>({
  init: (_ctx, next) => ({ next }),
  handle: {
    next(s, ref) {
      s.next = ref;
    },
    token(s, left) {
      if (left === 0) ringDone();
      else cast(s.next, 'token', left - 1);
    },
  },
});

async function ring(): Promise<Batch> {
  const last = await spawn(Member, 0 as Ref<MemberP>);
  let first = last;
  for (let i = 1; i < 1000; i++) first = await spawn(Member, first);
  cast(last, 'next', first);
  return () =>
    timed(HOPS, () => {
      const { promise, resolve } = signal();
      ringDone = resolve;
      cast(first, 'token', HOPS - 1);
      return promise;
    });
}

// ---------------------------------------------------------------- spawn, memory, call

interface IdleP {
  get(): number;
  touch(): void;
}

const Idle = defineActor<IdleP, number, number>({
  init: (_ctx, n) => n,
  handle: { get: (s) => s, touch: () => undefined },
});

async function spawned(): Promise<Batch> {
  const refs: Ref<IdleP>[] = new Array(SPAWNS).fill(0);
  return async () => {
    const sample = await timed(SPAWNS, async () => {
      for (let i = 0; i < SPAWNS; i++) refs[i] = await spawn(Idle, i);
    });
    for (const ref of refs) exit(ref, 'kill');
    await turn();
    return sample;
  };
}

async function memory(): Promise<Figures> {
  const refs: Ref<IdleP>[] = new Array(IDLE).fill(0.5);
  for (let i = 0; i < 1000; i++) exit(await spawn(Idle, i), 'kill');
  const before = usedBytes();
  for (let i = 0; i < IDLE; i++) refs[i] = await spawn(Idle, i);
  const idle = usedBytes();
  for (const ref of refs) cast(ref, 'touch');
  await call(refs.at(-1) as Ref<IdleP>, 'get');
  await turn();
  const used = usedBytes();
  return { bytes: (idle - before) / IDLE, bytesUsed: (used - before) / IDLE };
}

interface CallerP {
  go(calls: number): Promise<void>;
}

/** The caller is an actor, as it is a process in Erlang. */
const Caller = defineActor<CallerP, Ref<IdleP>, Ref<IdleP>>({
  init: (_ctx, ref) => ref,
  handle: {
    async go(ref, calls, ctx) {
      for (let i = 0; i < calls; i++) {
        if ((await ctx.call(ref, 'get')) !== 7) throw new Error('call: wrong answer');
      }
    },
  },
});

async function calls(): Promise<Batch> {
  const caller = await spawn(Caller, await spawn(Idle, 7));
  return () =>
    timed(CALLS, () => call(caller, 'go', CALLS, { timeoutMs: Number.POSITIVE_INFINITY }));
}

// ---------------------------------------------------------------- restart

interface CrasherP {
  crash(): void;
}

/** Told by each life of the child, from its init. */
let up: (ref: Ref<CrasherP>) => void = nothing;

const Crasher = defineActor<CrasherP, null>({
  init(ctx) {
    up(ctx.self);
    return null;
  },
  handle: {
    crash() {
      throw new Error('boom');
    },
  },
});

async function restart(): Promise<Batch> {
  return async () => {
    let [ns, cpuNs] = [0, 0];
    for (let i = 0; i < BURSTS; i++) {
      const sample = await restartBurst();
      ns += sample.ns;
      cpuNs += sample.cpuNs;
    }
    return { ops: BURSTS * BURST, ns, cpuNs };
  };
}

async function restartBurst(): Promise<Sample> {
  let first = 0 as Ref<CrasherP>;
  up = (ref) => {
    first = ref;
  };
  const sup = await startSupervisor({
    intensity: 2 * BURST,
    period: 1,
    children: [child('child', Crasher, undefined)],
  });
  const sample = await timed(BURST, () => {
    const { promise, resolve } = signal();
    let left = BURST;
    up = (ref) => {
      if (--left === 0) resolve();
      else cast(ref, 'crash');
    };
    cast(first, 'crash');
    return promise;
  });
  await stop(sup, 'shutdown');
  return sample;
}

await runSubject({
  'ping-pong': pingPong,
  'fan-out': fanOut,
  ring,
  spawn: spawned,
  memory,
  call: calls,
  restart,
});
