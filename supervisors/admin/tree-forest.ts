/**
 * The tree as last published: node, threads, actors, sessions, and the rows that the admin side shows of them. Read by views
 * (tree-view.ts), filled by the model (tree-model.ts). Main thread; pure apart from what it holds.
 */
import { formatRef, SAMPLED_STATES, type SlotStatus } from '../../runtime/index.ts';
import type { CrashLog } from './tree-crashes.ts';
import { SESSIONS } from './tree-ids.ts';
import type { SessionFacts } from './tree-publisher.ts';
import { FIGURE, type ThreadTable, TOP } from './tree-table.ts';
import type { LastCrash, RowKind, RowState, TreeRow } from './types.ts';

/** One place of the tree that can be shown and has places below it. */
export type Place =
  | { readonly kind: 'node' }
  | { readonly kind: 'thread'; readonly table: ThreadTable }
  | { readonly kind: 'actor'; readonly table: ThreadTable; readonly row: number }
  | { readonly kind: 'sessions'; readonly table: ThreadTable }
  | { readonly kind: 'session'; readonly table: ThreadTable; readonly facts: SessionFacts };

/** What is directly below a place: few places by themselves, and actors of one thread by row. */
export interface Below {
  readonly places: readonly Place[];
  readonly table: ThreadTable | null;
  readonly rows: readonly number[];
}

/** Sums over rows that are not shown by themselves. */
export interface Sums {
  count: number;
  mailbox: number;
  mailboxMax: number;
  dropped: number;
  messages: number;
  rate: number;
  busyMs: number;
  memoryBytes: number;
  restarts: number;
}

/** Of the types of entities; of streams, which say by their label what they are once they are open. */
const KIND_OF_TYPE: Readonly<Record<string, RowKind>> = {
  stream: 'channel',
  guild: 'guild',
  user: 'user',
  dm: 'dm',
};
/** Streams that are no channel: of a guild's changes, of what is for one user alone, of direct messages. */
const OTHER_STREAMS: Readonly<Record<string, { readonly kind: RowKind; readonly name: string }>> = {
  view: { kind: 'actor', name: 'view' },
  user: { kind: 'actor', name: 'inbox' },
  dm: { kind: 'dm', name: 'messages' },
  group: { kind: 'dm', name: 'messages' },
};
const NO_ROWS: readonly number[] = [];
const NO_PLACES: readonly Place[] = [];

/** Of the whole process, and of a thread between two answers. */
export interface NodeFacts {
  readonly name: string;
  /** Ms since 1970. */
  readonly startedAt: number;
  memoryBytes(): number;
}

/** What the model adds to a thread's own figures. */
export interface ThreadPace {
  rate: number;
  /** Questions that it has left unanswered. */
  unanswered: number;
}

export class Forest {
  readonly node: NodeFacts;
  readonly crashes: CrashLog;
  readonly tables = new Map<string, ThreadTable>();
  readonly paces = new Map<string, ThreadPace>();
  slots: ReadonlyMap<string, SlotStatus> = new Map();

  constructor(node: NodeFacts, crashes: CrashLog) {
    this.node = node;
    this.crashes = crashes;
  }

  below(place: Place): Below {
    switch (place.kind) {
      case 'node': {
        const places = [...this.tables.values()].map((table): Place => ({ kind: 'thread', table }));
        return { places, table: null, rows: NO_ROWS };
      }
      case 'thread': {
        const { table } = place;
        const hasSessions = table.thread?.sessions != null;
        const places: readonly Place[] = hasSessions ? [{ kind: 'sessions', table }] : NO_PLACES;
        return { places, table, rows: table.kids(TOP) };
      }
      case 'actor':
        return { places: NO_PLACES, table: place.table, rows: place.table.kids(place.row) };
      case 'sessions': {
        const list = place.table.thread?.sessionList ?? [];
        const places = list.map((facts): Place => ({ kind: 'session', table: place.table, facts }));
        return { places, table: null, rows: NO_ROWS };
      }
      case 'session':
        return { places: NO_PLACES, table: null, rows: NO_ROWS };
    }
  }

  idOf(place: Place): string {
    const { name } = this.node;
    if (place.kind === 'node') return name;
    const thread = `${name}/${place.table.slot}`;
    if (place.kind === 'thread') return thread;
    if (place.kind === 'sessions') return `${thread}/${SESSIONS}`;
    if (place.kind === 'session') return `${thread}/${SESSIONS}/${place.facts.conn}`;
    return `${thread}/${place.table.actor(place.row)?.path ?? ''}`;
  }

  rowOf(place: Place, parent: string | null): TreeRow {
    switch (place.kind) {
      case 'node':
        return this.#nodeRow();
      case 'thread':
        return this.#threadRow(place.table, parent);
      case 'sessions':
        return this.#sessionsRow(place.table, parent);
      case 'session':
        return this.#sessionRow(place.table, place.facts, parent);
      case 'actor':
        return this.#actorRow(place.table, place.row, parent);
    }
  }

  /** Adds rows of a table up. */
  sum(table: ThreadTable, rows: readonly number[], into: Sums = noSums()): Sums {
    for (const row of rows) {
      into.count++;
      into.mailbox += table.figure(row, FIGURE.mailbox);
      into.mailboxMax = Math.max(into.mailboxMax, table.figure(row, FIGURE.mailboxMax));
      into.dropped += table.figure(row, FIGURE.dropped);
      into.messages += table.figure(row, FIGURE.messages);
      into.rate += table.figure(row, FIGURE.rate);
      into.restarts += table.figure(row, FIGURE.restarts);
      into.memoryBytes += table.figure(row, FIGURE.memoryBytes);
      const busyMs = table.figure(row, FIGURE.busyMs);
      if (busyMs > 0) into.busyMs += busyMs;
    }
    return into;
  }

  #nodeRow(): TreeRow {
    const { name, startedAt } = this.node;
    const rows = [...this.tables.values()].map((table) => this.#threadRow(table, name));
    const total = (of: (row: TreeRow) => number): number =>
      rows.reduce((sum, row) => sum + of(row), 0);
    return {
      ...EMPTY,
      id: name,
      parent: null,
      kind: 'node',
      name,
      state: 'running',
      restarts: total((row) => row.restarts),
      lastCrash: latest(rows.map((row) => row.lastCrash)),
      mailbox: total((row) => row.mailbox),
      mailboxMax: Math.max(0, ...rows.map((row) => row.mailboxMax)),
      dropped: total((row) => row.dropped),
      messages: total((row) => row.messages),
      rate: round(total((row) => row.rate)),
      busyMs: round(total((row) => row.busyMs ?? 0)),
      memoryBytes: this.node.memoryBytes(),
      startedAt,
      children: rows.length,
    };
  }

  #threadRow(table: ThreadTable, parent: string | null): TreeRow {
    const { slot, thread } = table;
    const status = this.slots.get(slot);
    const pace = this.paces.get(slot);
    const note = this.crashes.thread(slot);
    const kids = table.kids(TOP).length + (thread?.sessions == null ? 0 : 1);
    const sums = this.#wholeOf(table);
    return {
      ...EMPTY,
      id: `${this.node.name}/${slot}`,
      parent,
      kind: 'thread',
      name: slot,
      label: thread === null ? '' : `${thread.actors} actors`,
      thread: slot,
      state: threadState(note.state, status?.up !== false, pace?.unanswered ?? 0),
      restarts: Math.max(0, (status?.incarnation ?? 1) - 1),
      lastCrash: note.last,
      mailbox: sums.mailbox,
      mailboxMax: sums.mailboxMax,
      dropped: thread?.dropped ?? 0,
      messages: thread?.messages ?? 0,
      rate: round(pace?.rate ?? 0),
      busyMs: thread?.busyMs ?? null,
      memoryBytes: thread?.heapBytes ?? 0,
      startedAt: this.node.startedAt,
      children: kids,
    };
  }

  #whole = new WeakMap<ThreadTable, { readonly changes: number; readonly sums: Sums }>();

  /** All actors of a thread; added up once per change. */
  #wholeOf(table: ThreadTable): Sums {
    const known = this.#whole.get(table);
    if (known !== undefined && known.changes === table.changes) return known.sums;
    const sums = noSums();
    for (let row = 0; row < table.rows; row++) {
      if (table.actor(row) === undefined) continue;
      sums.mailbox += table.figure(row, FIGURE.mailbox);
      sums.mailboxMax = Math.max(sums.mailboxMax, table.figure(row, FIGURE.mailboxMax));
    }
    this.#whole.set(table, { changes: table.changes, sums });
    return sums;
  }

  #sessionsRow(table: ThreadTable, parent: string | null): TreeRow {
    const list = table.thread?.sessionList ?? [];
    return {
      ...EMPTY,
      id: `${this.node.name}/${table.slot}/${SESSIONS}`,
      parent,
      kind: 'sessions',
      name: SESSIONS,
      thread: table.slot,
      state: 'running',
      memoryBytes: list.reduce((sum, { backlogBytes }) => sum + backlogBytes, 0),
      startedAt: this.node.startedAt,
      children: table.thread?.sessions ?? 0,
    };
  }

  #sessionRow(table: ThreadTable, facts: SessionFacts, parent: string | null): TreeRow {
    const { backlogBytes, conn, label, startedAt, state, uid } = facts;
    return {
      ...EMPTY,
      id: `${this.node.name}/${table.slot}/${SESSIONS}/${conn}`,
      parent,
      kind: 'session',
      name: uid === 0 ? `connection ${conn}` : `session of ${uid}`,
      label,
      thread: table.slot,
      state,
      memoryBytes: backlogBytes,
      startedAt,
    };
  }

  #actorRow(table: ThreadTable, row: number, parent: string | null): TreeRow {
    const actor = table.actor(row);
    if (actor === undefined)
      throw new TypeError(`tree: got row ${row} of ${table.slot}, want a live one`);
    const { behaviour, isSupervisor, mailboxLimit, path, ref, startedAt, type } = actor;
    const { slot } = table;
    const label = table.label(row);
    const kids = table.kids(row);
    const isHost = isSupervisor && behaviour === 'entities';
    const sums = isHost ? this.sum(table, kids) : this.sum(table, [row]);
    const note = this.crashes.of(slot, path);
    const busyMs = isHost ? sums.busyMs : table.figure(row, FIGURE.busyMs);
    // An entity's lives are counted by its crashes; other actors' by their supervisor.
    const crashes = isHost ? this.crashes.ofType(slot, path) : type === '' ? 0 : (note?.count ?? 0);
    return {
      id: `${this.node.name}/${slot}/${path}`,
      parent,
      kind: kindOf(type, label, isHost, isSupervisor),
      name: nameOf(type, label, path, behaviour),
      label,
      thread: slot,
      ref: formatRef(ref),
      state: SAMPLED_STATES[table.figure(row, FIGURE.state)] as RowState,
      restarts: sums.restarts + crashes,
      lastCrash: note?.last ?? null,
      mailbox: sums.mailbox,
      mailboxMax: sums.mailboxMax,
      mailboxLimit: isHost ? 0 : mailboxLimit,
      dropped: sums.dropped,
      messages: sums.messages,
      rate: round(sums.rate),
      busyMs: Number.isNaN(busyMs) ? null : round(busyMs),
      memoryBytes: sums.memoryBytes,
      startedAt,
      children: kids.length,
    };
  }
}

/** A `more` row: what a limit has cut off below `parent`. */
export function moreRow(parent: string, thread: string, sums: Sums): TreeRow {
  return {
    ...EMPTY,
    id: `${parent}/more`,
    parent,
    kind: 'more',
    name: `${sums.count} more`,
    thread,
    state: sums.rate > 0 || sums.mailbox > 0 ? 'busy' : 'idle',
    restarts: sums.restarts,
    mailbox: sums.mailbox,
    mailboxMax: sums.mailboxMax,
    dropped: sums.dropped,
    messages: sums.messages,
    rate: round(sums.rate),
    busyMs: round(sums.busyMs),
    memoryBytes: sums.memoryBytes,
    children: sums.count,
  };
}

export function noSums(): Sums {
  return {
    count: 0,
    mailbox: 0,
    mailboxMax: 0,
    dropped: 0,
    messages: 0,
    rate: 0,
    busyMs: 0,
    memoryBytes: 0,
    restarts: 0,
  };
}

const EMPTY: TreeRow = {
  id: '',
  parent: null,
  kind: 'group',
  name: '',
  label: '',
  thread: '',
  ref: null,
  state: 'running',
  restarts: 0,
  lastCrash: null,
  mailbox: 0,
  mailboxMax: 0,
  mailboxLimit: 0,
  dropped: 0,
  messages: 0,
  rate: 0,
  busyMs: null,
  memoryBytes: 0,
  startedAt: 0,
  children: 0,
};

/** What a filter looks at, in small letters. */
export function searchText(table: ThreadTable, row: number): string {
  const actor = table.actor(row);
  if (actor === undefined) return '';
  const { behaviour, path, type } = actor;
  const label = table.label(row);
  return `${table.slot}/${path}\n${nameOf(type, label, path, behaviour)}\n${label}`.toLowerCase();
}

function kindOf(type: string, label: string, isHost: boolean, isSupervisor: boolean): RowKind {
  if (type === 'stream') return OTHER_STREAMS[label]?.kind ?? 'channel';
  if (type !== '') return KIND_OF_TYPE[type] ?? 'actor';
  if (isHost) return 'group';
  return isSupervisor ? 'supervisor' : 'actor';
}

function nameOf(type: string, label: string, path: string, behaviour: string): string {
  const slash = path.indexOf('/');
  if (slash < 0) return decodeURIComponent(path);
  if (type === '') return behaviour;
  const other = type === 'stream' ? OTHER_STREAMS[label]?.name : undefined;
  return `${other ?? KIND_OF_TYPE[type] ?? type} ${path.slice(slash + 1)}`;
}

function threadState(
  noted: 'running' | 'down' | 'hung',
  up: boolean,
  unanswered: number,
): RowState {
  if (noted === 'hung') return 'hung';
  if (noted === 'down') return 'down';
  if (!up) return 'starting';
  return unanswered > 1 ? 'busy' : 'running';
}

function latest(crashes: readonly (LastCrash | null)[]): LastCrash | null {
  return crashes.reduce((a, b) => (a === null || (b !== null && b.at > a.at) ? b : a), null);
}

/** Two digits behind the point: more is noise, and noise is a change that has to be sent. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
