/**
 * Figures of member lists for the README: `node --expose-gc channels/test/leaves-figures.ts`. A guild of
 * 100,000 members is read, then lives through joins, leaves, renames and changes of status. Prints what
 * a change costs, how often leaves split and merge, and the memory per member. No test.
 */
import { systemClock } from '../../runtime/index.ts';
import { entriesOf, type Leaf, MemberLeaves, type Rank } from '../guild-leaves.ts';
import type { Status } from '../types.ts';

const MEMBERS = 100_000;
const CHANGES = 200_000;
const EVERYONE: Rank = { role: 1, order: 1_000_000 };
const RANKS: readonly Rank[] = [
  ...Array.from({ length: 8 }, (_, i) => ({ role: i + 2, order: i + 1 })),
  EVERYONE,
];

let splits = 0;
let merges = 0;
let touched = 0;
const count = {
  touched: (_leaf: Leaf): void => {
    touched += 1;
  },
  split: (): void => {
    splits += 1;
  },
  merged: (): void => {
    merges += 1;
  },
};

/** xorshift: the same members and changes in each run. */
let seed = 88_172_645;
function random(below: number): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return (seed >>> 0) % below;
}

function person(): { name: string; rank: Rank; status: Status } {
  const name = `${random(2 ** 31).toString(36)} ${random(2 ** 20).toString(36)}`;
  const rank = random(10) === 0 ? (RANKS[random(RANKS.length)] as Rank) : EVERYONE;
  return { name, rank, status: random(10) === 0 ? 1 : 0 };
}

function heapBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const before = heapBytes();
const list = new MemberLeaves(1, count);
let startMs = systemClock.monotonic();
for (let uid = 1; uid <= MEMBERS; uid += 1) list.put(2 ** 40 + uid, person());
const builtMs = systemClock.monotonic() - startMs;
const bytes = (heapBytes() - before) / MEMBERS;
say(
  `${MEMBERS} members in ${list.leaves.length} leaves: ${builtMs.toFixed(0)} ms, ${bytes.toFixed(0)} bytes each`,
);

for (const what of ['status', 'rename', 'leave and join'] as const) {
  [splits, merges, touched] = [0, 0, 0];
  startMs = systemClock.monotonic();
  for (let i = 0; i < CHANGES; i += 1) {
    const uid = 2 ** 40 + 1 + random(MEMBERS);
    const row = list.get(uid);
    if (row === undefined) list.put(uid, person());
    else if (what === 'status') list.setStatus(uid, row.status === 0 ? 1 : 0);
    else if (what === 'rename') list.put(uid, { ...row, name: person().name });
    else list.remove(uid);
  }
  const each = ((systemClock.monotonic() - startMs) / CHANGES) * 1000;
  const per = (n: number): string => ((n / CHANGES) * 1000).toFixed(2);
  say(
    `${what}: ${each.toFixed(1)} us, ${(touched / CHANGES).toFixed(2)} leaves touched each; in 1000 changes ${per(splits)} splits, ${per(merges)} merges`,
  );
}
const sizes = list.leaves
  .map((leaf) => JSON.stringify(entriesOf(leaf)).length)
  .sort((a, b) => a - b);
say(`MWIN in JSON: median ${sizes[sizes.length >> 1]} bytes, largest ${sizes.at(-1)}`);
