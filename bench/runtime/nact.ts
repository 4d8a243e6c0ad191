/**
 * nact as a subject of bench:runtime: the scenarios through its ordinary API (start, spawn, dispatch, query, onCrash). A process of
 * its own per figure.
 */
import { dispatch, query, type Ref, spawn, start, stop } from 'nact';
import { type Batch, type Figures, runSubject, signal, timed, turn, usedBytes } from './measure.ts';

const TRIPS = 2000;
const RECEIVERS = 1000;
const ROUNDS = 5;
const HOPS = 5000;
const SPAWNS = 5000;
const IDLE = 20_000;
const CALLS = 2000;
const BURST = 200;
const QUERY_MS = 5000;

type Done = () => void;
const nothing: Done = () => undefined;

// ---------------------------------------------------------------- ping-pong

type PingMessage = { readonly trips: number; readonly done: Done } | 'pong';

async function pingPong(): Promise<Batch> {
  const system = start();
  const pong = spawn(system, (_s: null, from: Ref<PingMessage>) => {
    dispatch(from, 'pong');
    return null;
  });
  const ping = spawn(
    system,
    (s: { left: number; done: Done }, message: PingMessage, ctx) => {
      if (message !== 'pong') {
        dispatch(pong, ctx.self);
        return { left: message.trips, done: message.done };
      }
      if (s.left === 1) s.done();
      else dispatch(pong, ctx.self);
      return { ...s, left: s.left - 1 };
    },
    'ping',
    { initialState: { left: 0, done: nothing } },
  );
  return () =>
    timed(TRIPS, () => {
      const { promise, resolve } = signal();
      dispatch(ping, { trips: TRIPS, done: resolve });
      return promise;
    });
}

// ---------------------------------------------------------------- fan-out

type Item =
  | { readonly item: number }
  | { readonly done: Ref<RoundMessage> }
  | { readonly take: Ref<number> };
type RoundMessage = { readonly rounds: number; readonly done: Done } | 'done';

function receive(count: number, message: Item): number {
  if ('item' in message) return count + 1;
  if ('done' in message) {
    dispatch(message.done, 'done');
    return count;
  }
  dispatch(message.take, count);
  return 0;
}

async function fanOut(): Promise<Batch> {
  const system = start();
  const receivers: Ref<Item>[] = [];
  for (let i = 0; i < RECEIVERS; i++) {
    receivers.push(spawn(system, receive, `receiver-${i}`, { initialState: 0 }));
  }
  const round = (left: number, self: Ref<RoundMessage>) => {
    for (const ref of receivers) dispatch(ref, { item: left });
    dispatch(receivers.at(-1) as Ref<Item>, { done: self });
  };
  const sender = spawn(
    system,
    (s: { left: number; done: Done }, message: RoundMessage, ctx) => {
      if (message !== 'done') {
        round(message.rounds, ctx.self);
        return { left: message.rounds, done: message.done };
      }
      if (s.left === 1) s.done();
      else round(s.left - 1, ctx.self);
      return { ...s, left: s.left - 1 };
    },
    'sender',
    { initialState: { left: 0, done: nothing } },
  );
  return async () => {
    const sample = await timed(ROUNDS * RECEIVERS, () => {
      const { promise, resolve } = signal();
      dispatch(sender, { rounds: ROUNDS, done: resolve });
      return promise;
    });
    let sum = 0;
    for (const ref of receivers) {
      sum += await query(ref, (temp: Ref<number>) => ({ take: temp }), QUERY_MS);
    }
    if (sum !== ROUNDS * RECEIVERS) throw new Error(`fan-out: received: got ${sum}`);
    return sample;
  };
}

// ---------------------------------------------------------------- ring

async function ring(): Promise<Batch> {
  const system = start();
  let done = nothing;
  const members: Ref<number>[] = [];
  for (let i = 0; i < 1000; i++) {
    members.push(
      spawn(
        system,
        (_s: null, left: number) => {
          if (left === 0) done();
          else dispatch(members[(i + 1) % members.length] as Ref<number>, left - 1);
          return null;
        },
        `member-${i}`,
      ),
    );
  }
  return () =>
    timed(HOPS, () => {
      const { promise, resolve } = signal();
      done = resolve;
      dispatch(members[0] as Ref<number>, HOPS - 1);
      return promise;
    });
}

// ---------------------------------------------------------------- spawn, memory, query

/** nact's own random names collide now and then. */
let names = 0;
const nextName = () => `idle-${++names}`;

type IdleMessage = { readonly get: Ref<number> } | 'touch';

function idle(n: number, message: IdleMessage): number {
  if (message !== 'touch') dispatch(message.get, n);
  return n;
}

async function spawned(): Promise<Batch> {
  const system = start();
  return async () => {
    const refs: Ref<IdleMessage>[] = [];
    const sample = await timed(SPAWNS, async () => {
      for (let i = 0; i < SPAWNS; i++) {
        refs.push(spawn(system, idle, nextName(), { initialState: i }));
      }
    });
    for (const ref of refs) stop(ref);
    await turn();
    return sample;
  };
}

async function memory(): Promise<Figures> {
  const system = start();
  const refs: Ref<IdleMessage>[] = new Array(IDLE).fill(system);
  const before = usedBytes();
  for (let i = 0; i < IDLE; i++) {
    refs[i] = spawn(system, idle, nextName(), { initialState: i });
  }
  const unused = usedBytes();
  for (const ref of refs) dispatch(ref, 'touch');
  await query(refs.at(-1) as Ref<IdleMessage>, (temp: Ref<number>) => ({ get: temp }), QUERY_MS);
  await turn();
  const used = usedBytes();
  return { bytes: (unused - before) / IDLE, bytesUsed: (used - before) / IDLE };
}

async function calls(): Promise<Batch> {
  const system = start();
  const server = spawn(system, idle, 'server', { initialState: 7 });
  return () =>
    timed(CALLS, async () => {
      for (let i = 0; i < CALLS; i++) {
        const got = await query(server, (temp: Ref<number>) => ({ get: temp }), QUERY_MS);
        if (got !== 7) throw new Error('query: wrong answer');
      }
    });
}

// ---------------------------------------------------------------- restart

/** nact resets the same actor (its state is made anew); ref and mailbox stay. */
async function restart(): Promise<Batch> {
  const system = start();
  let up: (ref: Ref<'crash'>) => void = nothing;
  const child = spawn(
    system,
    (_s: null, _message: 'crash'): null => {
      throw new Error('boom');
    },
    'child',
    {
      initialStateFunc(ctx) {
        up(ctx.self as Ref<'crash'>);
        return null;
      },
      onCrash: (_message, _error, ctx) => ctx.reset,
    },
  );
  return () =>
    timed(BURST, () => {
      const { promise, resolve } = signal();
      let left = BURST;
      up = (ref) => {
        if (--left === 0) resolve();
        else dispatch(ref, 'crash');
      };
      dispatch(child, 'crash');
      return promise;
    });
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
