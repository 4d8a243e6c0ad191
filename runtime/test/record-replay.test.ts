/** One actor recorded and replayed: the same outputs and states, step by step, and where it leaves the record. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  ActorError,
  type Behaviour,
  type Clock,
  call,
  cast,
  configureRuntime,
  defineActor,
  entity,
  exit,
  hostEntity,
  NOREPLY,
  name,
  type Ref,
  type Rng,
  spawn,
  stop,
  systemClock,
} from '../index.ts';
import {
  type Entry,
  fileSink,
  memorySink,
  openReplay,
  type RecordPlan,
  readRecord,
  recordActor,
  recordingsHere,
  stopRecording,
} from '../record/index.ts';
import { FakeClock, seededRng, settle } from '../testkit/index.ts';
import { Probe } from './support.ts';

interface BankP {
  deposit(m: { amount: number; note: Uint8Array }): number;
  /** Asks another actor, waits for a store, rolls a die. */
  audit(to: Ref<{ echo(value: unknown): unknown }>): Promise<string>;
  later(): string;
  tick(): void;
  fail(): void;
}
interface Vault {
  save(total: number): Promise<number>;
  watch(heard: (total: number) => void): void;
}
interface BankArg {
  readonly start: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly vault: Vault;
}
interface Bank {
  total: number;
  readonly lines: string[];
  readonly arg: BankArg;
}

const behaviour: Behaviour<BankP, Bank, BankArg> = {
  name: 'bank',
  init: (ctx, arg) => {
    const state: Bank = { total: arg.start, lines: [], arg };
    arg.vault.watch((total) => state.lines.push(`vault ${total}`));
    ctx.trapExit(true);
    ctx.every('tick', 1000, 'tick');
    return state;
  },
  handle: {
    deposit: (s, { amount, note }) => {
      s.total += amount;
      s.lines.push(`${s.arg.clock.now()} ${amount} ${note.length}`);
      return s.total;
    },
    audit: async (s, to, ctx) => {
      const answer = await ctx.call(to, 'echo', new Map([['total', s.total]]));
      const saved = await s.arg.vault.save(s.total).catch((error: Error) => error.message);
      s.lines.push(`audit ${String(saved)} ${s.arg.rng.u32()}`);
      return `${(answer as Map<string, number>).get('total')} ${String(saved)}`;
    },
    later: (s, _arg, ctx) => {
      const { from } = ctx;
      const enter = ctx.wrap((total: number) => {
        s.lines.push(`saved ${total}`);
        if (from !== undefined) ctx.reply(from, `later ${total}`);
      });
      s.arg.vault.save(s.total).then(enter, () => enter(-1));
      return NOREPLY;
    },
    tick: (s, _arg, ctx) => {
      s.lines.push(`tick ${s.arg.clock.monotonic()}`);
      ctx.label(`total ${s.total}`);
    },
    fail: () => {
      throw new Error('bank run');
    },
  },
  onDown: (s, { reason }) => {
    s.lines.push(`down ${JSON.stringify(reason)}`);
  },
  onExit: (s, { reason }) => {
    s.lines.push(`exit ${JSON.stringify(reason)}`);
  },
  terminate: (s, reason) => {
    s.lines.push(`end ${JSON.stringify(reason)}`);
  },
};
const Bank = defineActor<BankP, Bank, BankArg>(behaviour);

const plan: RecordPlan<Bank, BankArg> = {
  plain: ({ start }) => ({ start }),
  tap: (arg, tap) => ({
    ...arg,
    clock: tap('clock', arg.clock),
    rng: tap('rng', arg.rng),
    vault: tap('vault', arg.vault),
  }),
  view: ({ total, lines }) => ({ total, lines }),
};
const rebuild = {
  arg: (plain: unknown, tap: <T extends object>(name: string) => T): BankArg => ({
    start: (plain as { start: number }).start,
    clock: tap('clock'),
    rng: tap('rng'),
    vault: tap('vault'),
  }),
  view: ({ total, lines }: Bank) => ({ total, lines: [...lines] }),
};

let clock = new FakeClock();
let listeners: ((total: number) => void)[] = [];
const vault: Vault = {
  save: async (total) => {
    await settle();
    for (const heard of listeners) heard(total);
    if (total > 100) throw new Error('vault full');
    return total;
  },
  watch: (heard) => listeners.push(heard),
};
beforeEach(() => {
  clock = new FakeClock();
  listeners = [];
  configureRuntime({ clock, report: () => undefined });
});
afterEach(() => configureRuntime({ clock: systemClock }));

const BANK = name<BankP>('bank');
const start = () => spawn(Bank, { start: 10, clock, rng: seededRng(1), vault }, { name: BANK });

/** A life with everything in it; gives its record and the bank's own lines. */
async function busyLife(): Promise<readonly Entry[]> {
  const sink = memorySink();
  const recording = recordActor(BANK, { sink, ...plan });
  const bank = await start();
  const teller = await spawn(Probe, {});
  await call(bank, 'deposit', { amount: 5, note: new Uint8Array(3) });
  await call(bank, 'audit', teller);
  await clock.advance(2500);
  const answer = call(bank, 'later');
  cast(bank, 'deposit', { amount: 90, note: new Uint8Array(0) });
  expect(await answer).toBe('later 15');
  await call(bank, 'audit', teller);
  await stop(bank, 'shutdown');
  stopRecording(recording);
  return sink.entries();
}

test('replay: a life with calls, timers, promises, callbacks and chance, ends in the same state with the same outputs', async () => {
  const entries = await busyLife();
  const replay = openReplay(entries, { behaviour: Bank, ...rebuild });
  const result = await replay.run();
  expect(result.divergence).toBeUndefined();
  expect(result.state).toMatchObject({ total: 105 });
  const kinds = new Set(entries.map(({ t }) => t));
  expect(kinds).toEqual(new Set(['start', 'use', 'in', 'out', 'settled', 'enter', 'end']));
  expect(replay.left).toBe(0);
});

test('replay: stepped, shows one input at a time with the state before and after', async () => {
  const replay = openReplay(await busyLife(), { behaviour: Bank, ...rebuild });
  const first = await replay.step();
  expect(first?.inputs[0]).toMatchObject({ t: 'start', actor: 'bank(bank)' });
  const deposit = await replay.step();
  expect(deposit).toMatchObject({
    inputs: [{ t: 'in', op: 'deposit', call: true }],
    before: { total: 10, lines: [] },
    after: { total: 15 },
    divergence: undefined,
  });
  expect(deposit?.outputs.at(-1)).toMatchObject({ t: 'out', op: 'deposit', v: 15 });
});

test('replay: a behaviour that has changed, is told where it leaves the record and what was expected', async () => {
  const entries = await busyLife();
  const handle = {
    ...behaviour.handle,
    deposit: (s: Bank, { amount }: { amount: number }) => {
      s.total += amount;
      s.arg.clock.now();
      return s.total * 2;
    },
  };
  const changed = defineActor<BankP, Bank, BankArg>({ ...behaviour, handle });
  const { divergence, steps } = await openReplay(entries, { behaviour: changed, ...rebuild }).run();
  expect(steps).toBe(2);
  expect(divergence?.expected).toMatchObject({ t: 'out', op: 'deposit', v: 15 });
  expect(divergence?.got).toContain('"v":30');
});

test('replay: a behaviour that uses its ports in another way, diverges at the use', async () => {
  const handle = {
    ...behaviour.handle,
    tick: (s: Bank) => {
      s.arg.rng.u32();
    },
  };
  const changed = defineActor<BankP, Bank, BankArg>({ ...behaviour, handle });
  const { divergence } = await openReplay(await busyLife(), {
    behaviour: changed,
    ...rebuild,
  }).run();
  expect(divergence?.expected).toMatchObject({ t: 'use', port: 'clock', m: 'monotonic' });
  expect(divergence?.got).toContain('"port":"rng"');
});

test('record: a crash, the throw is the last output and the replay ends with it', async () => {
  const sink = memorySink();
  recordActor(BANK, { sink, ...plan });
  const bank = await start();
  await call(bank, 'fail').catch((error: unknown) => expect(error).toBeInstanceOf(ActorError));
  for (const each of recordingsHere()) each.stop();
  const entries = sink.entries();
  const threw = entries.find((entry) => entry.t === 'out' && entry.op === 'fail');
  expect(threw).toMatchObject({ x: { $e: { name: 'Error', message: 'bank run' } } });
  expect(entries.at(-1)?.t).toBe('end');
  const { divergence } = await openReplay(entries, { behaviour: Bank, ...rebuild }).run();
  expect(divergence).toBeUndefined();
});

test('record: through several lives of an entity, each can be replayed', async () => {
  interface P {
    add(n: number): number;
    crash(): void;
  }
  const Sum = defineActor<P, { n: number }, number>({
    init: (_ctx, key) => ({ n: key }),
    handle: {
      add: (s, n) => {
        s.n += n;
        return s.n;
      },
      crash: () => {
        throw new Error('x');
      },
    },
  });
  const host = await hostEntity('sum', { behaviour: Sum, arg: (key) => key, idleMs: 60_000 });
  const sum = entity<P>('sum', 40);
  const sink = memorySink();
  const view = (s: { n: number }) => s.n;
  const recording = recordActor(sum, { sink, view });
  await call(sum, 'add', 2);
  await call(sum, 'crash').catch(() => undefined);
  await call(entity<P>('sum', 41), 'add', 1);
  await call(sum, 'add', 5);
  recording.stop();
  expect(recording.lives).toBe(2);
  const entries = sink.entries();
  const first = await openReplay(entries, { behaviour: Sum, view, life: 0 }).run();
  const last = await openReplay(entries, { behaviour: Sum, view }).run();
  expect([first.state, last.state]).toEqual([42, 45]);
  expect([first.divergence, last.divergence]).toEqual([undefined, undefined]);
  await stop(host, 'shutdown');
});

test('record: from the middle of a life, begins with the state; one that is no plain data is refused', async () => {
  interface P {
    push(n: number): readonly number[];
  }
  const List = defineActor<P, number[]>({
    init: () => [],
    handle: {
      push: (s, n) => {
        s.push(n);
        return [...s];
      },
    },
  });
  const list = await spawn(List, undefined);
  await call(list, 'push', 1);
  const sink = memorySink();
  const recording = recordActor(list, { sink });
  await call(list, 'push', 2);
  recording.stop();
  await call(list, 'push', 3);
  const entries = sink.entries();
  expect(entries[0]).toMatchObject({ t: 'start', snapshot: [1] });
  const { divergence, state } = await openReplay(entries, {
    behaviour: List,
    view: (s) => [...s],
  }).run();
  expect([divergence, state]).toEqual([undefined, [1, 2]]);
  const bank = await start();
  expect(() => recordActor(bank, { sink: memorySink() })).toThrow();
  exit(bank, 'kill');
  await settle();
  expect(() => recordActor(bank, { sink: memorySink() })).toThrow(RangeError);
});

test('record: redaction, no content reaches the sink', async () => {
  const sink = memorySink();
  const recording = recordActor(BANK, {
    sink,
    ...plan,
    redact: (where, value) => (where.startsWith('in deposit') ? { redacted: true } : value),
  });
  const bank = await start();
  await call(bank, 'deposit', { amount: 7777, note: new Uint8Array(1) });
  recording.stop();
  const inputs = sink.entries().filter((entry) => entry.t === 'in');
  expect(inputs).toEqual([{ t: 'in', op: 'deposit', arg: { redacted: true }, call: true }]);
  expect(JSON.stringify(inputs)).not.toContain('7777');
  exit(bank, 'kill');
});

test('record: over, the actor runs on without it and nothing is written', async () => {
  const sink = memorySink();
  const recording = recordActor(BANK, { sink, ...plan });
  const bank = await start();
  recording.stop();
  recording.stop();
  const { entries } = sink.counters;
  expect(await call(bank, 'deposit', { amount: 1, note: new Uint8Array(0) })).toBe(11);
  await clock.advance(5000);
  expect(sink.counters.entries).toBe(entries);
  expect(recordingsHere()).toEqual([]);
  await stop(bank, 'shutdown');
});

test('memorySink: at its bound, refuses and counts', () => {
  const sink = memorySink(10);
  expect([sink.write('12345'), sink.write('123456'), sink.write('12345')]).toEqual([
    true,
    false,
    true,
  ]);
  expect(sink.counters).toMatchObject({ entries: 2, bytes: 10, dropped: 1 });
});

const line = (n: number) => JSON.stringify({ t: 'settled', n });

test('fileSink: one file, stops at its bound; more, rotates and counts what the oldest took with it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'record-'));
  const size = line(1).length + 1;
  const one = fileSink({ path: join(folder, 'one'), bytesMax: size * 3 });
  for (let n = 1; n <= 5; n++) expect(one.write(line(n))).toBe(n <= 3);
  one.close();
  expect(one.counters).toMatchObject({ entries: 3, dropped: 2 });
  expect(readRecord(join(folder, 'one'))).toMatchObject([{ n: 1 }, { n: 2 }, { n: 3 }]);
  const many = fileSink({ path: join(folder, 'many'), bytesMax: size * 2, files: 3 });
  for (let n = 1; n <= 9; n++) expect(many.write(line(n))).toBe(true);
  many.close();
  expect(many.write(line(1))).toBe(false);
  expect(readdirSync(folder).filter((file) => file.startsWith('many'))).toHaveLength(3);
  expect(readRecord(join(folder, 'many'))).toMatchObject([5, 6, 7, 8, 9].map((n) => ({ n })));
  expect(many.counters.dropped).toBe(4 + 1);
  for (const file of readdirSync(folder)) {
    expect(statSync(join(folder, file)).size).toBeLessThanOrEqual(size * 3);
  }
  rmSync(folder, { recursive: true });
});

test('record: to a file and replayed from it, the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'record-'));
  const path = join(folder, 'bank.jsonl');
  const recording = recordActor(BANK, { sink: fileSink({ path }), ...plan });
  const bank = await start();
  for (let amount = 0; amount < 300; amount++) {
    await call(bank, 'deposit', { amount, note: new Uint8Array(amount) });
  }
  recording.stop();
  exit(bank, 'kill');
  const { divergence, steps } = await openReplay(readRecord(path), {
    behaviour: Bank,
    ...rebuild,
  }).run();
  expect([divergence, steps]).toEqual([undefined, 301]);
  rmSync(folder, { recursive: true });
});
