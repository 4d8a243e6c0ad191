/** Mailboxes that are slow or lose messages for a time: order, bounds, and that it ends by itself. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TraceContext } from '../core/trace-context.ts';
import {
  call,
  cast,
  configureRuntime,
  currentTrace,
  defineActor,
  exit,
  faults,
  isAlive,
  processInfo,
  type Ref,
  type Report,
  spawn,
  systemClock,
  systemRng,
  withTrace,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock, reasonOf } from './support.ts';

interface ListP {
  add(n: number): void;
  /** Adds n, then n + 1 by a message to itself. */
  twice(n: number): void;
  tick(): void;
  all(): readonly number[];
}

const List = defineActor<ListP, number[], { readonly limit?: number } | undefined>({
  name: 'list',
  init: (ctx) => {
    ctx.every('tick', 100, 'tick');
    return [];
  },
  handle: {
    add: (all, n) => void all.push(n),
    twice: (all, n, ctx) => {
      all.push(n);
      ctx.cast(ctx.self, 'add', n + 1);
    },
    tick: () => {},
    all: (all) => [...all],
  },
  mailbox: { limit: 8, overflow: 'dropOldest' },
});

interface SeenP {
  /** Trace of the message that asks. */
  trace(): string;
}
const Seen = defineActor<SeenP, null>({
  name: 'seen',
  init: () => null,
  handle: { trace: () => currentTrace()?.traceId ?? 'none' },
});

let clock: FakeClock;
let reports: Report[];
beforeEach(() => {
  ({ clock, reports } = onFakeClock());
});
afterEach(() => configureRuntime({ clock: systemClock }));

const options = { forMs: 1000, delayMs: 0, dropShare: 0, rng: systemRng };

async function listOf(ref: Ref<ListP>): Promise<readonly number[]> {
  const answer = call(ref, 'all');
  await settle();
  return answer;
}

describe('faultMailbox: delay', () => {
  test('casts, arrive after the delay, in order, behind what was queued before', async () => {
    const ref = await spawn(List, undefined);
    cast(ref, 'add', 1);
    faults.faultMailbox(ref, { ...options, delayMs: 200 });
    cast(ref, 'add', 2);
    cast(ref, 'add', 3);
    await settle();
    expect(processInfo(ref)?.messagesIn).toBe(1);
    await clock.advance(220);
    const answer = call(ref, 'all');
    await clock.advance(220);
    expect(await answer).toEqual([1, 2, 3]);
  });

  test('what the actor sends to itself, does not wait', async () => {
    const ref = await spawn(List, undefined);
    const fault = faults.faultMailbox(ref, { ...options, delayMs: 200 });
    cast(ref, 'twice', 1);
    await clock.advance(220);
    fault?.end();
    expect(await listOf(ref)).toEqual([1, 2]);
    expect(fault?.counts).toEqual({ delayed: 1, dropped: 0 });
  });

  test('its time is over: nobody ends it, what waits arrives and the mailbox is as before', async () => {
    let ended = 0;
    const ref = await spawn(List, undefined);
    faults.faultMailbox(ref, { ...options, delayMs: 5000, onEnd: () => ended++ });
    cast(ref, 'add', 1);
    await clock.advance(1020);
    expect(ended).toBe(1);
    cast(ref, 'add', 2);
    expect(await listOf(ref)).toEqual([1, 2]);
  });

  test('the bound of the mailbox, counts what waits: the oldest go, and it takes messages again', async () => {
    const ref = await spawn(List, undefined);
    faults.faultMailbox(ref, { ...options, delayMs: 500 });
    for (let n = 1; n <= 10; n++) cast(ref, 'add', n);
    await clock.advance(1020);
    expect(await listOf(ref)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    for (let n = 11; n <= 17; n++) cast(ref, 'add', n);
    expect((await listOf(ref)).length).toBe(15);
    expect(reports.some(({ kind }) => kind === 'mailboxFull')).toBe(true);
  });

  test('the actor is killed: calls that wait fail, and the fault is over', async () => {
    let ended = 0;
    const ref = await spawn(List, undefined);
    faults.faultMailbox(ref, { ...options, delayMs: 500, onEnd: () => ended++ });
    const outcome = reasonOf(call(ref, 'all'));
    exit(ref, 'kill');
    await settle();
    expect(await outcome).toBe('killed');
    expect([ended, isAlive(ref)]).toEqual([1, false]);
  });
});

describe('faultMailbox: traces', () => {
  const traceOf = (ref: Ref<SeenP>): Promise<string> =>
    withTrace(new TraceContext('a'.repeat(32), 'b'.repeat(16), 0), () => call(ref, 'trace'));

  test('a traced message, is traced when it was queued before, has waited, or the fault is over', async () => {
    const ref = await spawn(Seen, undefined);
    const before = traceOf(ref);
    const fault = faults.faultMailbox(ref, { ...options, delayMs: 200 });
    const slow = traceOf(ref);
    const plain = call(ref, 'trace');
    await clock.advance(220);
    const late = traceOf(ref);
    fault?.end();
    await settle();
    expect(await Promise.all([before, slow, plain, late])).toEqual([
      'a'.repeat(32),
      'a'.repeat(32),
      'none',
      'a'.repeat(32),
    ]);
  });
});

describe('faultMailbox: drop', () => {
  test('everything, calls time out and casts vanish, timers and messages to itself stay', async () => {
    const ref = await spawn(List, undefined);
    cast(ref, 'twice', 1);
    await settle();
    const fault = faults.faultMailbox(ref, { ...options, forMs: 7000, dropShare: 1 });
    cast(ref, 'add', 9);
    const outcome = reasonOf(call(ref, 'all'));
    await clock.advance(6000);
    expect(await outcome).toBe('timeout');
    expect(fault?.counts.dropped).toBe(2);
    expect(processInfo(ref)?.messagesIn).toBeGreaterThan(50);
    fault?.end();
    expect(await listOf(ref)).toEqual([1, 2]);
  });

  test('a share, loses about that share and leaves no trace in the bound', async () => {
    let next = 0;
    const rng = { ...systemRng, u32: () => (next++ % 4) * 2 ** 30 };
    const ref = await spawn(List, undefined);
    const fault = faults.faultMailbox(ref, { ...options, dropShare: 0.5, rng });
    for (let n = 0; n < 8; n++) {
      cast(ref, 'add', n);
      await settle();
    }
    fault?.end();
    expect(await listOf(ref)).toEqual([2, 3, 6, 7]);
  });
});

test('faultMailbox: bad values and actors that cannot have one, are refused', async () => {
  const ref = await spawn(List, undefined);
  expect(() => faults.faultMailbox(ref, { ...options, forMs: 0 })).toThrow(RangeError);
  expect(() => faults.faultMailbox(ref, { ...options, forMs: Number.POSITIVE_INFINITY })).toThrow(
    RangeError,
  );
  expect(() => faults.faultMailbox(ref, { ...options, delayMs: -1 })).toThrow(RangeError);
  expect(() => faults.faultMailbox(ref, { ...options, dropShare: 2 })).toThrow(RangeError);
  expect(faults.faultMailbox(ref, options)).toBeDefined();
  expect(faults.faultMailbox(ref, options)).toBeUndefined();
  exit(ref, 'kill');
  await settle();
  expect(faults.faultMailbox(ref, options)).toBeUndefined();
});
