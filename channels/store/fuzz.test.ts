/** Model-based fuzz: random commands against the memory and the SQLite store, every result compared. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Commit, DocWrite, LogEvent, MessageAnchor, Rewrite, Store } from '../types.ts';
import { memoryStore } from './memory.ts';
import { verifyDatabase } from './restore.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { bytes, countingRng, freshPath, StillClock } from './test/fixtures.ts';

/** What the run knows of a stream, to build commits that are mostly right. */
interface Known {
  fence: number;
  head: number;
}

interface World {
  readonly known: Map<number, Known>;
  stores: readonly [memory: Store, sqlite: Store];
  readonly reopen: () => Store;
}

type Command = (world: World) => Promise<void>;

/** Runs one call on both stores and compares result or failure. */
async function both<T>(world: World, run: (store: Store) => Promise<T>): Promise<T | undefined> {
  const [memory, sqlite] = await Promise.allSettled(world.stores.map(run));
  expect(sqlite?.status).toBe(memory?.status);
  if (memory?.status !== 'fulfilled' || sqlite?.status !== 'fulfilled') {
    return undefined;
  }
  expect(plain(sqlite.value)).toEqual(plain(memory.value));
  return memory.value;
}

/** Both kinds of bytes as one, and heads without an order. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_, one: unknown) =>
      one instanceof Uint8Array ? Buffer.from(one).toString('hex') : one,
    ),
  );
}

const sid = fc.constantFrom(1, 2, 3);
const actor = fc.integer({ min: 1, max: 3 });
const position = fc.integer({ min: 0, max: 40 });
const limit = fc.integer({ min: 0, max: 12 });
const nonce = fc.constantFrom('', '', 'a', 'b', 'c', 'd', 'e', 'f');

const eventSpec = fc.record({
  kind: fc.constantFrom(1, 1, 1, 2, 3, 4, 4, 4, 5, 6),
  actor,
  target: position,
  emoji: fc.constantFrom('x', 'y', '👍', ''),
  nonce,
  ts: fc.nat(),
  size: fc.integer({ min: 0, max: 300 }),
  skew: fc.nat(80).map((n) => (n === 80 ? 1 : 0)),
});
const rewriteSpec = fc.record({
  seq: fc.integer({ min: 1, max: 40 }),
  kind: fc.constantFrom(0, 0, 1, 2),
  editedAt: fc.nat(),
});
const commitSpec = fc.record({
  sid,
  events: fc.array(eventSpec, { minLength: 1, maxLength: 6 }),
  rewrites: fc.array(rewriteSpec, { maxLength: 2 }),
  after: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, -1, 1),
  fence: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, -1, 1),
});
type CommitSpec = typeof commitSpec extends fc.Arbitrary<infer T> ? T : never;

function commitOf(world: World, spec: CommitSpec): Commit {
  const known = world.known.get(spec.sid) ?? { fence: 1, head: 0 };
  const after = Math.max(0, known.head + spec.after);
  const events = spec.events.map(({ size, skew, ...facts }, i): LogEvent => {
    const frame = bytes(`${spec.sid}/${after + 1 + i}`.padEnd(size, '.'));
    return { ...facts, seq: after + 1 + i + skew, digest: bytes(facts.nonce), frame };
  });
  // Mostly an event that exists; 40 is left as it is, and mostly wrong.
  const head = after + events.length;
  const rewrites = spec.rewrites
    .map(({ seq, ...rest }) => ({ ...rest, seq: seq === 40 ? seq : 1 + (seq % Math.max(1, head)) }))
    .map((one): Rewrite => ({ ...one, frame: bytes(`r${one.seq}`) }));
  return { sid: spec.sid, fence: known.fence + spec.fence, after, events, rewrites };
}

async function runCommits(world: World, specs: readonly CommitSpec[]): Promise<void> {
  const commits = specs.map((spec) => commitOf(world, spec));
  const results = await both(world, (store) =>
    Promise.all(commits.map((commit) => store.log.commit(commit).catch(() => 'rejected' as const))),
  );
  for (const [index, result] of (results ?? []).entries()) {
    const known = world.known.get(commits[index]!.sid);
    if (known !== undefined && typeof result === 'object' && result.ok) {
      known.head = result.head;
    }
  }
}

const anchor: fc.Arbitrary<MessageAnchor> = fc.oneof(
  position.map((before) => ({ before })),
  position.map((after) => ({ after })),
  position.map((around) => ({ around })),
);
const key = fc.constantFrom('a', 'a/1', 'a/2', 'b', '\u{ff5e}', '\u{1f600}');
const docWrite: fc.Arbitrary<DocWrite> = fc.record(
  {
    kind: fc.constantFrom('k', 'l'),
    key,
    expect: fc.constantFrom<DocWrite['expect']>('any', 'any', 'any', 'absent', 1, 2),
    value: fc.option(fc.jsonValue({ maxDepth: 2 })),
    unique: fc.array(fc.constantFrom('u', 'v', 'w'), { maxLength: 2 }),
  },
  { requiredKeys: ['kind', 'key', 'expect', 'value'] },
);

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 2,
    arbitrary: sid.map(
      (one): Command =>
        (world) =>
          openStream(world, one),
    ),
  },
  {
    weight: 12,
    arbitrary: commitSpec.map(
      (spec): Command =>
        (world) =>
          runCommits(world, [spec]),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.array(commitSpec, { minLength: 2, maxLength: 5 }).map(
      (specs): Command =>
        (world) =>
          runCommits(world, specs),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.array(docWrite, { minLength: 1, maxLength: 3 }).map(
      (batch): Command =>
        async (world) =>
          void (await both(world, (store) => store.docs.write(batch))),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(sid, position, limit, limit, anchor, actor, nonce, key).map(read),
  },
  {
    weight: 1,
    arbitrary: sid.map(
      (one): Command =>
        async (world) => {
          await both(world, (store) => store.log.drop(one));
          const known = world.known.get(one);
          if (known !== undefined) known.head = 0;
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Command>(async (world) => {
      await world.stores[1].close();
      world.stores = [world.stores[0], world.reopen()];
    }),
  },
);

async function openStream(world: World, one: number): Promise<void> {
  const opened = await both(world, (store) => store.log.open(one));
  if (opened !== undefined) {
    world.known.set(one, { fence: opened.fence, head: opened.head });
  }
}

type ReadArguments = [number, number, number, number, MessageAnchor, number, string, string];

function read([one, at, n, m, where, viewer, token, prefix]: ReadArguments): Command {
  return async (world) => {
    await both(world, async ({ log, docs }) => [
      await log.replay(one, at, n, m * 50),
      await log.history(one, at, n, m),
      await log.get(one, [at, n, m]),
      await log.editsOf(one, at),
      await log.findNonce(one, viewer, token),
      await log.messages(one, where, n, viewer),
      await log.pins(one, n, viewer),
      await log.reactors(one, at, 'x', viewer - 1, m),
      await log.recent(n),
      (await log.heads([1, 2, 3])).toSorted((a, b) => a.sid - b.sid),
      await docs.get('k', [prefix, 'a']),
      (await docs.find('k', 'u')) ?? null,
      await docs.list('k', prefix, n % 2 === 0 ? undefined : 'a/1', m),
    ]);
  };
}

test('memory and SQLite: any commands, equal results and a sound file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 80 }), async (commands) => {
      const path = freshPath();
      const rng = countingRng();
      const reopen = (): Store => openSqliteStore({ path, clock: new StillClock(), rng });
      const stores = [memoryStore({ rng: countingRng() }), reopen()] as const;
      const world: World = { known: new Map(), stores, reopen };
      for (const one of [1, 2]) await openStream(world, one);
      try {
        for (const run of commands) await run(world);
      } finally {
        await world.stores[1].close();
      }
      expect(verifyDatabase(path)).toEqual([]);
    }),
    { numRuns: 100 },
  );
}, 120_000);
