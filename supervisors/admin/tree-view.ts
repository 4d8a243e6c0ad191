/**
 * One subscription to the tree: which rows it shows (root, depth, limit, sort, filter), and what has changed in them since it was
 * last told. Main thread; driven by the model, never by itself.
 */

import type { CrashNote } from './tree-crashes.ts';
import { type Below, type Forest, moreRow, noSums, type Place, searchText } from './tree-forest.ts';
import { FIGURE, type ThreadTable } from './tree-table.ts';
import type { TreeEvent, TreeSink } from './tree-types.ts';
import type { TreeDelta, TreeOptions, TreeRow } from './types.ts';

/** Options with their defaults, as checked. */
export type ViewOptions = Required<Omit<TreeOptions, 'root' | 'filter'>> & {
  readonly filter: string;
};

/** Rows in one event, so that none reaches the size of a frame: a row takes 0.5 KB, 1 KB with a long reason. */
const ROWS_PER_EVENT = 200;
const CHANGES_PER_EVENT = 400;
const REMOVED_PER_EVENT = 2000;

const SORT_FIGURE = {
  mailbox: FIGURE.mailboxMax,
  rate: FIGURE.rate,
  restarts: FIGURE.restarts,
  memory: FIGURE.memoryBytes,
} as const;

/** A row as it was last sent. */
interface Sent {
  row: TreeRow;
  /** What it was made of: the actor's table version and life, and its crashes. */
  version: number;
  ref: number;
  crash: CrashNote | undefined;
  /** Pass in which it was last shown. */
  pass: number;
}

export class View {
  readonly options: ViewOptions;
  readonly #forest: Forest;
  readonly #sink: TreeSink;
  readonly #root: () => Place | undefined;
  readonly #sent = new Map<string, Sent>();
  readonly #matches = new WeakMap<ThreadTable, Matches>();
  #pass = 0;
  #added: TreeRow[] = [];
  #changed: [string, Partial<TreeRow>][] = [];
  /** The client had no room: nothing but `resync` until it has. */
  #isLost = false;

  constructor(forest: Forest, options: ViewOptions, root: () => Place | undefined, sink: TreeSink) {
    this.#forest = forest;
    this.options = options;
    this.#root = root;
    this.#sink = sink;
  }

  /** Sends everything. What the sink does not take is made good by a resync. */
  begin(): 'sent' | 'lost' {
    this.#sent.clear();
    this.#look();
    const rows = this.#added;
    this.#added = [];
    this.#changed = [];
    let at = 0;
    do {
      const part = rows.slice(at, at + ROWS_PER_EVENT);
      at += ROWS_PER_EVENT;
      const data = { rows: part, more: at < rows.length };
      if (!this.#send({ kind: 'snapshot', data })) return 'lost';
    } while (at < rows.length);
    return 'sent';
  }

  /** Sends what has changed; nothing when nothing has. */
  tell(): 'sent' | 'lost' | 'resynced' | 'nothing' {
    if (this.#isLost) {
      if (!this.#sink.send({ kind: 'resync', data: null })) return 'lost';
      this.#isLost = false;
      return this.begin() === 'sent' ? 'resynced' : 'lost';
    }
    this.#look();
    const removed: string[] = [];
    for (const [id, sent] of this.#sent) {
      if (sent.pass === this.#pass) continue;
      removed.push(id);
      this.#sent.delete(id);
    }
    const added = this.#added;
    const changed = this.#changed;
    this.#added = [];
    this.#changed = [];
    if (added.length + changed.length + removed.length === 0) return 'nothing';
    return this.#sendDeltas(added, changed, removed) ? 'sent' : 'lost';
  }

  #sendDeltas(
    added: readonly TreeRow[],
    changed: readonly (readonly [string, Partial<TreeRow>])[],
    removed: readonly string[],
  ): boolean {
    const parts = Math.max(
      Math.ceil(added.length / ROWS_PER_EVENT),
      Math.ceil(changed.length / CHANGES_PER_EVENT),
      Math.ceil(removed.length / REMOVED_PER_EVENT),
    );
    for (let i = 0; i < parts; i++) {
      const data: TreeDelta = {
        added: added.slice(i * ROWS_PER_EVENT, (i + 1) * ROWS_PER_EVENT),
        changed: changed.slice(i * CHANGES_PER_EVENT, (i + 1) * CHANGES_PER_EVENT),
        removed: removed.slice(i * REMOVED_PER_EVENT, (i + 1) * REMOVED_PER_EVENT),
      };
      if (!this.#send({ kind: 'delta', data })) return false;
    }
    return true;
  }

  #send(event: TreeEvent): boolean {
    if (this.#sink.send(event)) return true;
    this.#isLost = true;
    return false;
  }

  // -------------------------------------------------------------- which rows

  /** Goes through the rows to be shown, level by level, and notes what differs from what was sent. */
  #look(): void {
    this.#pass++;
    const root = this.#root();
    if (root === undefined) return;
    let left = this.options.limit - 1;
    const rootId = this.#forest.idOf(root);
    this.#show(root, rootId, null);
    let level: { readonly place: Place; readonly id: string }[] = [{ place: root, id: rootId }];
    for (let depth = 1; depth <= this.options.depth && level.length > 0 && left > 0; depth++) {
      const parents = level
        .map(({ id, place }) => ({ id, below: this.#wanted(this.#forest.below(place)) }))
        .filter(({ below }) => countOf(below) > 0);
      const shares = share(
        parents.map(({ below }) => countOf(below)),
        left,
      );
      level = [];
      for (const [i, { id, below }] of parents.entries()) {
        left -= this.#showBelow(id, below, shares[i] as number, level);
      }
    }
  }

  /** Shows at most `most` of what is below a row, a `more` row included; how many rows it took. */
  #showBelow(
    parent: string,
    { places, rows, table }: Below,
    most: number,
    shown: { place: Place; id: string }[],
  ): number {
    const isCut = places.length + rows.length > most;
    const room = isCut ? Math.max(0, most - 1) : most;
    const first = places.slice(0, room);
    const chosen = table === null ? [] : this.#choose(table, rows, room - first.length);
    const below = table === null ? [] : chosen.map((row): Place => ({ kind: 'actor', table, row }));
    for (const place of [...first, ...below]) {
      const id = this.#forest.idOf(place);
      this.#show(place, id, parent);
      shown.push({ place, id });
    }
    if (!isCut || most === 0) return first.length + below.length;
    const isChosen = new Set(chosen);
    const sums = noSums();
    if (table !== null) {
      const others = rows.filter((row) => !isChosen.has(row));
      this.#forest.sum(table, others, sums);
    }
    sums.count += places.length - first.length;
    this.#note(moreRow(parent, table?.slot ?? '', sums));
    return first.length + below.length + 1;
  }

  /** The first `most` rows in the order of the subscription. */
  #choose(table: ThreadTable, rows: readonly number[], most: number): readonly number[] {
    const { sort } = this.options;
    if (rows.length <= most) return rows;
    if (sort === 'name') return rows.slice(0, most);
    const value = (row: number): number =>
      table.figure(row, SORT_FIGURE[sort]) +
      (sort === 'restarts' ? this.#crashesOf(table, row) : 0);
    // The value of the last one that fits is found without ordering rows; those above it are in for certain.
    const values = Float64Array.from(rows, value).sort();
    const bar = values[values.length - most] ?? 0;
    const above = rows.filter((row) => value(row) > bar);
    const equal = rows.filter((row) => value(row) === bar);
    return [...above, ...equal.slice(0, most - above.length)];
  }

  #crashesOf(table: ThreadTable, row: number): number {
    const { crashes } = this.#forest;
    if (crashes.size === 0) return 0;
    return crashes.of(table.slot, table.actor(row)?.path ?? '')?.count ?? 0;
  }

  /** Leaves out what the filter does. */
  #wanted(below: Below): Below {
    const { filter } = this.options;
    if (filter === '') return below;
    const { places, rows, table } = below;
    return {
      places: places.filter((place) => this.#placeMatches(place)),
      table,
      rows: table === null ? rows : rows.filter((row) => this.#matchesOf(table).isWanted(row)),
    };
  }

  #placeMatches(place: Place): boolean {
    const { filter } = this.options;
    if (place.kind === 'actor') return this.#matchesOf(place.table).isWanted(place.row);
    const id = this.#forest.idOf(place).toLowerCase();
    if (id.includes(filter)) return true;
    if (place.kind === 'thread') return this.#matchesOf(place.table).isAny;
    if (place.kind !== 'session') return false;
    return `session of ${place.facts.uid}\n${place.facts.label}`.toLowerCase().includes(filter);
  }

  #matchesOf(table: ThreadTable): Matches {
    let matches = this.#matches.get(table);
    if (matches === undefined) {
      matches = new Matches(table, this.options.filter);
      this.#matches.set(table, matches);
    }
    matches.refresh();
    return matches;
  }

  // -------------------------------------------------------------- what differs

  #show(place: Place, id: string, parent: string | null): void {
    if (place.kind !== 'actor') {
      this.#note(this.#forest.rowOf(place, parent));
      return;
    }
    const { row, table } = place;
    const actor = table.actor(row);
    const sent = this.#sent.get(id);
    const crash = this.#forest.crashes.of(table.slot, actor?.path ?? '');
    // A host's figures are those of its entities, their crashes included: both counts only rise.
    const version =
      actor?.behaviour === 'entities'
        ? -1 - table.changes - this.#forest.crashes.version
        : (table.version[row] as number);
    const ref = actor?.ref ?? 0;
    if (
      sent !== undefined &&
      sent.version === version &&
      sent.ref === ref &&
      sent.crash === crash &&
      sent.row.parent === parent
    ) {
      sent.pass = this.#pass;
      return;
    }
    this.#note(this.#forest.rowOf(place, parent), version, ref, crash);
  }

  #note(row: TreeRow, version = 0, ref = 0, crash?: CrashNote): void {
    const pass = this.#pass;
    const sent = this.#sent.get(row.id);
    if (sent === undefined) {
      this.#sent.set(row.id, { row, version, ref, crash, pass });
      this.#added.push(row);
      return;
    }
    const changes = differences(sent.row, row);
    if (changes !== null) this.#changed.push([row.id, changes]);
    Object.assign(sent, { row, version, ref, crash, pass });
  }
}

/** Which rows of a table a filter lets through: those that match, and those above them. */
class Matches {
  isAny = false;
  readonly #table: ThreadTable;
  readonly #filter: string;
  /** `membership` at which a row was looked at, and whether it matched then. */
  #looked = new Uint32Array(0);
  #matched = new Uint8Array(0);
  #wanted = new Uint8Array(0);
  #membership = -1;

  constructor(table: ThreadTable, filter: string) {
    this.#table = table;
    this.#filter = filter;
  }

  isWanted(row: number): boolean {
    return this.#wanted[row] === 1;
  }

  refresh(): void {
    const table = this.#table;
    if (this.#membership === table.membership) return;
    this.#membership = table.membership;
    const count = table.rows;
    if (this.#looked.length < count) {
      const looked = new Uint32Array(count * 2);
      looked.set(this.#looked);
      this.#looked = looked;
      const matched = new Uint8Array(count * 2);
      matched.set(this.#matched);
      this.#matched = matched;
    }
    this.#wanted = new Uint8Array(count);
    this.isAny = false;
    for (let row = 0; row < count; row++) if (this.#isMatch(row)) this.#want(row);
  }

  #isMatch(row: number): boolean {
    const table = this.#table;
    if (table.actor(row) === undefined) return false;
    const born = table.born[row] as number;
    if (this.#looked[row] !== born) {
      this.#looked[row] = born;
      this.#matched[row] = searchText(table, row).includes(this.#filter) ? 1 : 0;
    }
    return this.#matched[row] === 1;
  }

  #want(row: number): void {
    this.isAny = true;
    for (let at = row; at >= 0 && this.#wanted[at] !== 1; at = this.#table.parent(at)) {
      this.#wanted[at] = 1;
    }
  }
}

function countOf({ places, rows }: Below): number {
  return places.length + rows.length;
}

/** Shares `total` among parents: who needs little gets it, the others get equal parts. */
function share(needs: readonly number[], total: number): number[] {
  const shares = new Array<number>(needs.length).fill(0);
  const byNeed = needs.map((_, i) => i).sort((a, b) => (needs[a] as number) - (needs[b] as number));
  let left = total;
  for (const [done, i] of byNeed.entries()) {
    const part = Math.min(needs[i] as number, Math.floor(left / (byNeed.length - done)));
    shares[i] = part;
    left -= part;
  }
  return shares;
}

const FIELDS = [
  'parent',
  'kind',
  'name',
  'label',
  'thread',
  'ref',
  'state',
  'restarts',
  'lastCrash',
  'mailbox',
  'mailboxMax',
  'mailboxLimit',
  'dropped',
  'messages',
  'rate',
  'busyMs',
  'memoryBytes',
  'startedAt',
  'children',
] as const satisfies readonly (keyof TreeRow)[];

function differences(before: TreeRow, after: TreeRow): Partial<TreeRow> | null {
  let found: Record<string, unknown> | null = null;
  for (const field of FIELDS) {
    if (before[field] === after[field]) continue;
    found ??= {};
    found[field] = after[field];
  }
  return found;
}
