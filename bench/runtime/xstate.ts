/**
 * xstate as a subject of bench:runtime: the scenarios through its ordinary API (fromTransition, the cheapest logic that holds a
 * state, createActor, send, and spawn inside of a machine). It has no call and no restart. A process of its own per figure.
 */
import { type ActorRefFrom, assign, createActor, createMachine, fromTransition } from 'xstate';
import { type Batch, type Figures, runSubject, signal, timed, usedBytes } from './measure.ts';

const TRIPS = 20_000;
const RECEIVERS = 1000;
const ROUNDS = 20;
const HOPS = 20_000;
const SPAWNS = 2000;
const IDLE = 20_000;

type Done = () => void;
const nothing: Done = () => undefined;

/** What every actor here can be sent. */
interface Sendable<E> {
  send(event: E): void;
}

// ---------------------------------------------------------------- ping-pong

type PingEvent =
  | { readonly type: 'go'; readonly trips: number; readonly done: Done }
  | { readonly type: 'pong' };
interface PongEvent {
  readonly type: 'ping';
  readonly from: Sendable<PingEvent>;
}

async function pingPong(): Promise<Batch> {
  const pong = createActor(
    fromTransition((s: null, event: PongEvent) => {
      event.from.send({ type: 'pong' });
      return s;
    }, null),
  ).start();
  const ping = createActor(
    fromTransition(
      (s: { left: number; done: Done }, event: PingEvent, { self }) => {
        if (event.type === 'go') {
          pong.send({ type: 'ping', from: self });
          return { left: event.trips, done: event.done };
        }
        if (s.left === 1) s.done();
        else pong.send({ type: 'ping', from: self });
        return { ...s, left: s.left - 1 };
      },
      { left: 0, done: nothing },
    ),
  ).start();
  return () =>
    timed(TRIPS, () => {
      const { promise, resolve } = signal();
      ping.send({ type: 'go', trips: TRIPS, done: resolve });
      return promise;
    });
}

// ---------------------------------------------------------------- fan-out

interface Item {
  readonly type: 'item';
  readonly n: number;
}

const receiver = fromTransition((count: number, _event: Item) => count + 1, 0);

/** A send is handled before it returns, so a round is over when the loop is. */
async function fanOut(): Promise<Batch> {
  const receivers = Array.from({ length: RECEIVERS }, () => createActor(receiver).start());
  const sender = createActor(
    fromTransition((s: null, event: { readonly type: 'go'; readonly rounds: number }) => {
      for (let n = event.rounds; n > 0; n--) {
        for (const ref of receivers) ref.send({ type: 'item', n });
      }
      return s;
    }, null),
  ).start();
  return async () => {
    const before = sum();
    const sample = await timed(ROUNDS * RECEIVERS, async () => {
      sender.send({ type: 'go', rounds: ROUNDS });
    });
    const got = sum() - before;
    if (got !== ROUNDS * RECEIVERS) throw new Error(`fan-out: received: got ${got}`);
    return sample;
  };

  function sum(): number {
    return receivers.reduce((total, ref) => total + ref.getSnapshot().context, 0);
  }
}

// ---------------------------------------------------------------- ring

interface Token {
  readonly type: 'token';
  readonly left: number;
}

/** Hops nest in each other's stack until the token reaches an actor that is still busy; its mailbox takes it from there. */
async function ring(): Promise<Batch> {
  let done = nothing;
  const members: Sendable<Token>[] = [];
  for (let i = 0; i < 1000; i++) {
    members.push(
      createActor(
        fromTransition((s: null, { left }: Token) => {
          if (left === 0) done();
          else members[(i + 1) % members.length]?.send({ type: 'token', left: left - 1 });
          return s;
        }, null),
      ).start(),
    );
  }
  return () =>
    timed(HOPS, () => {
      const { promise, resolve } = signal();
      done = resolve;
      members[0]?.send({ type: 'token', left: HOPS - 1 });
      return promise;
    });
}

// ---------------------------------------------------------------- spawn, memory

const idle = fromTransition((n: number, _event: { readonly type: 'touch' }) => n, 7);
type IdleRef = ActorRefFrom<typeof idle>;

/** A machine that spawns children, as xstate's applications do. */
function family() {
  return createActor(
    createMachine({
      types: {} as {
        context: { refs: readonly IdleRef[] };
        events: { readonly type: 'spawn'; readonly count: number };
      },
      context: { refs: [] },
      on: {
        spawn: {
          actions: assign({
            refs: ({ event, spawn }) => Array.from({ length: event.count }, () => spawn(idle)),
          }),
        },
      },
    }),
  ).start();
}

async function spawned(): Promise<Batch> {
  return async () => {
    const parent = family();
    const sample = await timed(SPAWNS, async () => parent.send({ type: 'spawn', count: SPAWNS }));
    if (parent.getSnapshot().context.refs.length !== SPAWNS) throw new Error('spawn: too few');
    // Not stopped but dropped, the collector takes all of it: stop() takes time that grows with the square of the children.
    return sample;
  };
}

async function memory(): Promise<Figures> {
  const parent = family();
  const before = usedBytes();
  parent.send({ type: 'spawn', count: IDLE });
  const unused = usedBytes();
  for (const ref of parent.getSnapshot().context.refs) ref.send({ type: 'touch' });
  const used = usedBytes();
  return { bytes: (unused - before) / IDLE, bytesUsed: (used - before) / IDLE };
}

await runSubject({ 'ping-pong': pingPong, 'fan-out': fanOut, ring, spawn: spawned, memory });
