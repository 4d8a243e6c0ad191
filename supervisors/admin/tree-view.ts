/**
 * One subscription to the tree: which rows it shows (root, depth, limit, sort, filter), and what has changed in them since it was
 * last told. Main thread; driven by the model, never by itself.
 */

import { type Below, type Forest, moreRow, noSums, type Place, searchText } from './tree-forest.ts';
import { type Sent, ShownActors } from './tree-shown.ts';
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

/** A place whose children are to be looked at. */
interface Open {
  readonly place: Place;
  readonly id: string;
}

export class View {
  readonly options: ViewOptions;
  readonly #forest: Forest;
  readonly #sink: TreeSink;
  readonly #root: () => Place | undefined;
  /** Few rows by id, and actors by the row of their table. */
  readonly #sent = new Map<string, { readonly sent: Sent; readonly pass: number }>();
  readonly #actors = new Map<ThreadTable, ShownActors>();
  /** Sent for actors whose rows serve others now. */
  #replaced: Sent[] = [];
  /** Of the crash log, when the rows were last looked at. */
  #crashes = -1;
  #haveCrashed = false;
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
    this.#actors.clear();
    this.#replaced = [];
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
    const removed = this.#gone();
    const added = this.#added;
    const changed = this.#changed;
    this.#added = [];
    this.#changed = [];
    if (added.length + changed.length + removed.length === 0) return 'nothing';
    return this.#sendDeltas(added, changed, removed) ? 'sent' : 'lost';
  }

  /** Ids of rows that are not shown any more. One that another actor has taken over, in another row, has changed instead. */
  #gone(): string[] {
    const gone = this.#replaced;
    this.#replaced = [];
    for (const [id, { pass, sent }] of this.#sent) {
      if (pass === this.#pass) continue;
      gone.push(sent);
      this.#sent.delete(id);
    }
    for (const shown of this.#actors.values()) shown.takeGone(this.#pass, gone);
    if (gone.length === 0 || this.#added.length === 0) return gone.map(({ row }) => row.id);
    const heirs = new Map(this.#added.map((row) => [row.id, row]));
    const removed: string[] = [];
    for (const { row } of gone) {
      const heir = heirs.get(row.id);
      if (heir === undefined) removed.push(row.id);
      else {
        heirs.delete(row.id);
        const changes = differences(row, heir);
        if (changes !== null) this.#changed.push([row.id, changes]);
      }
    }
    this.#added = [...heirs.values()];
    return removed;
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
    const { version } = this.#forest.crashes;
    this.#haveCrashed = this.#crashes !== version;
    this.#crashes = version;
    const root = this.#root();
    if (root === undefined) return;
    let left = this.options.limit - 1;
    let level: Open[] = [];
    this.#show(root, null, level);
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
  #showBelow(parent: string, { places, rows, table }: Below, most: number, level: Open[]): number {
    if (most === 0) return 0;
    const isCut = places.length + rows.length > most;
    const room = isCut ? most - 1 : most;
    const first = places.slice(0, room);
    for (const place of first) this.#show(place, parent, level);
    if (table === null) {
      if (isCut) this.#note(moreRow(parent, '', { ...noSums(), count: places.length - room }));
      return Math.min(most, places.length);
    }
    const [chosen, others] = this.#choose(table, rows, room - first.length);
    const shown = this.#actorsOf(table);
    for (const row of chosen) {
      if (!this.#haveCrashed && shown.isSame(row, this.#pass)) continue;
      this.#showActor(table, row, parent, level);
    }
    if (!isCut) return first.length + chosen.length;
    const sums = this.#forest.sum(table, others);
    sums.count += places.length - first.length;
    this.#note(moreRow(parent, table.slot, sums));
    return first.length + chosen.length + 1;
  }

  /** The first `most` rows in the order of the subscription, and the others. */
  #choose(
    table: ThreadTable,
    rows: readonly number[],
    most: number,
  ): readonly [chosen: readonly number[], others: readonly number[]] {
    const { sort } = this.options;
    if (rows.length <= most) return [rows, []];
    if (sort === 'name') return [rows.slice(0, most), rows.slice(most)];
    const values = new Float64Array(rows.length);
    let above = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      const crashes = sort === 'restarts' ? this.#crashesOf(table, row) : 0;
      values[i] = table.figure(row, SORT_FIGURE[sort]) + crashes;
      if ((values[i] as number) > 0) above++;
    }
    // Those above the bar are in for certain. Mostly few have a value at all; else the bar is that of the last one that fits.
    const bar = above <= most ? 0 : barOf(values, most);
    if (bar > 0) above = values.reduce((count, value) => count + (value > bar ? 1 : 0), 0);
    let equals = most - above;
    const chosen: number[] = [];
    const others: number[] = [];
    for (let i = 0; i < rows.length; i++) {
      const value = values[i] as number;
      const isIn = value > bar || (value === bar && equals-- > 0);
      (isIn ? chosen : others).push(rows[i] as number);
    }
    return [chosen, others];
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

  #show(place: Place, parent: string | null, level: Open[]): void {
    if (place.kind === 'actor') {
      this.#showActor(place.table, place.row, parent, level);
      return;
    }
    const row = this.#forest.rowOf(place, parent);
    this.#note(row);
    level.push({ place, id: row.id });
  }

  #showActor(table: ThreadTable, row: number, parent: string | null, level: Open[]): void {
    const actor = table.actor(row);
    if (actor === undefined) return;
    const { behaviour, path, ref } = actor;
    const shown = this.#actorsOf(table);
    let sent = shown.get(row);
    if (sent !== undefined && sent.ref !== ref) {
      // The row serves another actor now.
      this.#replaced.push(sent);
      sent = undefined;
    }
    const { crashes } = this.#forest;
    const isHost = behaviour === 'entities';
    // A host's figures are those of its entities, their crashes included: both counts only rise.
    const version = isHost ? -1 - table.changes - crashes.version : (table.version[row] as number);
    const crash =
      sent === undefined || this.#haveCrashed ? crashes.of(table.slot, path) : sent.crash;
    if (sent?.version !== version || sent.crash !== crash || sent.row.parent !== parent) {
      const now = this.#forest.rowOf({ kind: 'actor', table, row }, parent);
      sent = this.#differ(sent, { row: now, version, ref, crash });
    }
    const isLeaf = !isHost && table.kids(row).length === 0;
    shown.set(row, sent, isLeaf, this.#pass);
    if (!isLeaf) level.push({ place: { kind: 'actor', table, row }, id: sent.row.id });
  }

  #actorsOf(table: ThreadTable): ShownActors {
    let shown = this.#actors.get(table);
    if (shown === undefined) {
      shown = new ShownActors(table);
      this.#actors.set(table, shown);
    }
    return shown;
  }

  #note(row: TreeRow): void {
    const now = { row, version: 0, ref: 0, crash: undefined };
    const sent = this.#differ(this.#sent.get(row.id)?.sent, now);
    this.#sent.set(row.id, { sent, pass: this.#pass });
  }

  /** Notes what differs; gives what has been sent now. */
  #differ(before: Sent | undefined, now: Sent): Sent {
    if (before === undefined) {
      this.#added.push(now.row);
      return now;
    }
    const changes = differences(before.row, now.row);
    if (changes !== null) this.#changed.push([now.row.id, changes]);
    return now;
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

/** The `most`-th largest value; above all of them when none is wanted. */
function barOf(values: Float64Array, most: number): number {
  if (most === 0) return Number.POSITIVE_INFINITY;
  return values.slice().sort()[values.length - most] as number;
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
