/**
 * The members of one guild in canonical order (group, name, uid), cut into leaves by sort key
 * (protocol.md 2.9): runs of 50 to 150 members, fewer where names are long. A change touches one leaf, or
 * a pair when a leaf splits, merges or evens out with its neighbour. Pure data of a guild actor; no
 * sort of the whole list, ever. Cost of a change: a binary search and a splice within one leaf.
 */
import type { Id, MemberRow, Status } from './types.ts';

/** protocol.md 2.9. */
export const LEAF_MAX = 150;
export const LEAF_MIN = 50;
/** A merged leaf this full would soon split again: the pair is evened out instead. A guess. */
const MERGE_MAX = 120;
/** Bytes of entries in a MWIN of either encoding, so that the frame stays under 16 KiB. */
const LEAF_COST_MAX = 15_500;
/** Numbers and brackets of a row in JSON: two ids of 16 digits. */
const ROW_COST = 44;

/**
 * The place of a role among the groups of the list: higher roles come first. One object per role; its
 * `order` may change as long as the ranks in use keep their order among each other.
 */
export interface Rank {
  readonly role: Id;
  /** Ascending in list order; below that of all who are offline. */
  order: number;
}

/** Group of all who are offline: `[0, count]`, last in the list. */
const OFFLINE: Rank = { role: 0, order: 2 ** 30 };

/** One member. Only MemberLeaves changes it. */
export interface Row {
  readonly uid: Id;
  readonly name: string;
  /** What is sorted by. */
  readonly key: string;
  readonly rank: Rank;
  readonly status: Status;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface Leaf {
  readonly id: number;
  readonly rows: readonly Row[];
}

class RunningLeaf implements Leaf {
  readonly id: number;
  rows: Row[] = [];
  cost = 0;

  constructor(id: number) {
    this.id = id;
  }
}

/** Hears what a change did, in order. */
export interface LeafEvents {
  /** The entries of the leaf are others now. */
  touched(leaf: Leaf): void;
  /** `to` has taken the upper part of `leaf`; both are touched afterwards. */
  split(leaf: Leaf, to: Leaf): void;
  /** `leaf` is gone, its rows are in `to`; `to` is touched afterwards. */
  merged(leaf: Leaf, to: Leaf): void;
}

/** Sort key of a shown name. */
export function foldName(name: string): string {
  const folded = name.toLowerCase();
  return folded === name ? name : folded;
}

export class MemberLeaves {
  readonly #events: LeafEvents;
  readonly #rows = new Map<Id, Row>();
  readonly #groups = new Map<Rank, number>();
  #leaves: RunningLeaf[];
  #nextLeaf: number;

  /** @param firstLeaf number of the first leaf; no two lists of a guild may share numbers */
  constructor(firstLeaf: number, events: LeafEvents) {
    this.#events = events;
    this.#nextLeaf = firstLeaf + 1;
    this.#leaves = [new RunningLeaf(firstLeaf)];
  }

  get size(): number {
    return this.#rows.size;
  }

  get leaves(): readonly Leaf[] {
    return this.#leaves;
  }

  get(uid: Id): Row | undefined {
    return this.#rows.get(uid);
  }

  rows(): IterableIterator<Row> {
    return this.#rows.values();
  }

  /** Adds a member or changes one. Nothing is touched when nothing changes. */
  put(uid: Id, shown: { name: string; rank: Rank; status: Status }): void {
    const { name, rank, status } = shown;
    const old = this.#rows.get(uid) as Writable<Row> | undefined;
    if (old === undefined) {
      this.#insert({ uid, name, key: foldName(name), rank, status });
      return;
    }
    if (old.name === name && old.rank === rank && old.status === status) return;
    const key = foldName(name);
    const stays = old.key === key && groupOf(old.rank, old.status) === groupOf(rank, status);
    if (!stays) {
      this.#remove(old);
      this.#insert({ uid, name, key, rank, status });
      return;
    }
    const leaf = this.#leafOf(old);
    leaf.cost += costOf(name) - costOf(old.name);
    old.name = name;
    old.rank = rank;
    old.status = status;
    this.#events.touched(leaf);
    this.#splitIfFull(leaf);
  }

  setStatus(uid: Id, status: Status): void {
    const row = this.#rows.get(uid);
    if (row !== undefined) this.put(uid, { name: row.name, rank: row.rank, status });
  }

  /** False when there is no such member. */
  remove(uid: Id): boolean {
    const row = this.#rows.get(uid);
    if (row === undefined) return false;
    this.#remove(row);
    return true;
  }

  /** `[role, count]` of the groups that are not empty, in list order. */
  groups(): readonly (readonly [Id, number])[] {
    return this.#inOrder().map((rank) => [rank.role, this.#groups.get(rank) ?? 0] as const);
  }

  /**
   * The leaves that hold places `from` to `from + count - 1`, each with the place of its first row.
   * At most `max`. O(leaves).
   */
  covering(from: number, count: number, max: number): readonly { leaf: Leaf; index: number }[] {
    const found: { leaf: Leaf; index: number }[] = [];
    let index = 0;
    for (const leaf of this.#leaves) {
      if (found.length >= max || index >= from + count) break;
      const next = index + leaf.rows.length;
      if (next > from && count > 0) found.push({ leaf, index });
      index = next;
    }
    return found;
  }

  find(id: number): Leaf | undefined {
    return this.#leaves.find((leaf) => leaf.id === id);
  }

  /** Members whose shown name begins with `prefix`, group by group, at most `limit`. */
  startingWith(prefix: string, limit: number): readonly Row[] {
    const key = foldName(prefix);
    const found: Row[] = [];
    for (const { order } of this.#inOrder()) {
      let at = this.#leafAt(order, key, -1);
      let i = lowerBound(this.#leaves[at]?.rows ?? [], order, key, -1);
      for (;;) {
        const row = this.#leaves[at]?.rows[i];
        if (row === undefined) {
          at += 1;
          i = 0;
          if (at >= this.#leaves.length) break;
          continue;
        }
        if (found.length >= limit) return found;
        if (orderOf(row) !== order || !row.key.startsWith(key)) break;
        found.push(row);
        i += 1;
      }
    }
    return found;
  }

  // -------------------------------------------------------------- inside

  #insert(row: Row): void {
    const order = orderOf(row);
    const leaf = this.#leaves[this.#leafAt(order, row.key, row.uid)] as RunningLeaf;
    leaf.rows.splice(lowerBound(leaf.rows, order, row.key, row.uid), 0, row);
    leaf.cost += costOf(row.name);
    this.#rows.set(row.uid, row);
    this.#count(row, 1);
    this.#events.touched(leaf);
    this.#splitIfFull(leaf);
  }

  #remove(row: Row): void {
    const at = this.#leafAt(orderOf(row), row.key, row.uid);
    const leaf = this.#leaves[at] as RunningLeaf;
    leaf.rows.splice(lowerBound(leaf.rows, orderOf(row), row.key, row.uid), 1);
    leaf.cost -= costOf(row.name);
    this.#rows.delete(row.uid);
    this.#count(row, -1);
    this.#events.touched(leaf);
    if (leaf.rows.length < LEAF_MIN && this.#leaves.length > 1) this.#join(at);
  }

  #count(row: Row, by: number): void {
    const group = groupOf(row.rank, row.status);
    const count = (this.#groups.get(group) ?? 0) + by;
    if (count === 0) this.#groups.delete(group);
    else this.#groups.set(group, count);
  }

  #inOrder(): readonly Rank[] {
    return [...this.#groups.keys()].sort((a, b) => a.order - b.order);
  }

  #splitIfFull(leaf: RunningLeaf): void {
    const { rows } = leaf;
    if (rows.length <= LEAF_MAX && leaf.cost <= LEAF_COST_MAX) return;
    if (rows.length < 2) return;
    const cut = rows.length > LEAF_MAX ? rows.length >> 1 : halfCost(rows, leaf.cost);
    const to = new RunningLeaf(this.#nextLeaf);
    this.#nextLeaf += 1;
    to.rows = rows.splice(cut);
    to.cost = sumCost(to.rows);
    leaf.cost -= to.cost;
    this.#leaves.splice(this.#leaves.indexOf(leaf) + 1, 0, to);
    this.#events.split(leaf, to);
    this.#touchBoth(leaf, to);
    this.#splitIfFull(leaf);
    this.#splitIfFull(to);
  }

  /** A leaf with too few rows: its smaller neighbour takes them, or gives some. */
  #join(at: number): void {
    const before = this.#leaves[at - 1];
    const after = this.#leaves[at + 1];
    const takesBefore =
      before !== undefined && (after === undefined || before.rows.length < after.rows.length);
    const i = takesBefore ? at - 1 : at;
    const left = this.#leaves[i] as RunningLeaf;
    const right = this.#leaves[i + 1] as RunningLeaf;
    const rows = left.rows.length + right.rows.length;
    const cost = left.cost + right.cost;
    const isEmpty = left.rows.length === 0 || right.rows.length === 0;
    if (isEmpty || (rows <= MERGE_MAX && cost <= LEAF_COST_MAX)) this.#merge(i, left, right);
    else if (cost <= LEAF_COST_MAX) this.#even(left, right);
  }

  #merge(i: number, left: RunningLeaf, right: RunningLeaf): void {
    for (const row of right.rows) left.rows.push(row);
    left.cost += right.cost;
    this.#leaves.splice(i + 1, 1);
    this.#events.merged(right, left);
    this.#events.touched(left);
  }

  #even(left: RunningLeaf, right: RunningLeaf): void {
    const rows = [...left.rows, ...right.rows];
    const cost = left.cost + right.cost;
    left.rows = rows.slice(0, rows.length >> 1);
    right.rows = rows.slice(rows.length >> 1);
    left.cost = sumCost(left.rows);
    right.cost = cost - left.cost;
    this.#touchBoth(left, right);
  }

  #touchBoth(left: RunningLeaf, right: RunningLeaf): void {
    this.#events.touched(left);
    this.#events.touched(right);
  }

  #leafOf(row: Row): RunningLeaf {
    return this.#leaves[this.#leafAt(orderOf(row), row.key, row.uid)] as RunningLeaf;
  }

  /** Index of the leaf where this sort key belongs: the last one that does not begin behind it. */
  #leafAt(order: number, key: string, uid: Id): number {
    let low = 0;
    let high = this.#leaves.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const first = this.#leaves[middle]?.rows[0];
      if (first === undefined || compare(first, order, key, uid) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** A leaf as MWIN shows it. */
export function entriesOf(leaf: Leaf): readonly MemberRow[] {
  return leaf.rows.map(({ uid, name, rank, status }): MemberRow => [uid, name, rank.role, status]);
}

function groupOf(rank: Rank, status: Status): Rank {
  return status === 0 ? OFFLINE : rank;
}

function orderOf(row: Row): number {
  return groupOf(row.rank, row.status).order;
}

/** Where a row stands to a sort key: negative before it, positive behind it. */
function compare(row: Row, order: number, key: string, uid: Id): number {
  const mine = orderOf(row);
  if (mine !== order) return mine - order;
  if (row.key !== key) return row.key < key ? -1 : 1;
  return row.uid - uid;
}

/** Index of the first row that is not before the sort key. */
function lowerBound(rows: readonly Row[], order: number, key: string, uid: Id): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(rows[middle] as Row, order, key, uid) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bytes of a row in the longer encoding, JSON; a quote or backslash takes two. */
function costOf(name: string): number {
  return ROW_COST + Buffer.byteLength(JSON.stringify(name));
}

function sumCost(rows: readonly Row[]): number {
  let cost = 0;
  for (const { name } of rows) cost += costOf(name);
  return cost;
}

function halfCost(rows: readonly Row[], cost: number): number {
  let sum = 0;
  for (const [i, { name }] of rows.entries()) {
    sum += costOf(name);
    if (sum * 2 >= cost) return Math.min(Math.max(i, 1), rows.length - 1);
  }
  return rows.length >> 1;
}
