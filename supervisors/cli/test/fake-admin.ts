/**
 * Owns a scripted server for the tests of the command line and for looking at `top` without one: an AdminConnection whose tree has
 * as many channels as asked for, changes when told to, and answers calls from a table. Test process.
 */
import type { TreeOptions, TreeRow, VerbResult } from '../../admin/types.ts';
import type { AdminConnection, AdminHello, AdminSubscription, CallOptions } from '../types.ts';

type OnEvent = (kind: string, data: unknown) => void;
type Answer = VerbResult | ((args: unknown, options: CallOptions) => VerbResult);

interface Subscriber {
  readonly options: TreeOptions;
  readonly onEvent: OnEvent;
  shown: Map<string, TreeRow>;
}

export interface FakeAdminOptions {
  readonly channels?: number;
  /** Ms since 1970. */
  readonly startedAt?: number;
  readonly answers?: Readonly<Record<string, Answer>>;
  /** Rows of a snapshot's chunk. */
  readonly chunk?: number;
}

const NODE = 'n1';
const DEFAULT_LIMIT = 1_000;

/** A row with everything at rest. */
export function fakeRow(id: string, fields: Partial<TreeRow> = {}): TreeRow {
  const at = id.lastIndexOf('/');
  const thread = id.split('/')[1] ?? '';
  return {
    id,
    parent: at < 0 ? null : id.slice(0, at),
    kind: 'actor',
    name: id.slice(at + 1),
    label: '',
    thread,
    ref: null,
    state: 'idle',
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
    ...fields,
  };
}

export class FakeAdmin implements AdminConnection {
  readonly hello: AdminHello;
  readonly closed: Promise<string>;
  /** Verbs that were called, with their arguments. */
  readonly calls: { readonly verb: string; readonly args: unknown }[] = [];
  /** Topics that were subscribed to, with their options, and whether each was closed. */
  readonly subscriptions: { topic: string; options: unknown; isOpen: boolean; onEvent: OnEvent }[] =
    [];
  readonly #answers: Readonly<Record<string, Answer>>;
  readonly #chunk: number;
  readonly #rows = new Map<string, TreeRow>();
  readonly #subscribers = new Set<Subscriber>();
  #end: (why: string) => void = () => undefined;
  isOpen = true;

  constructor({ channels = 3, startedAt = 0, answers = {}, chunk = 200 }: FakeAdminOptions = {}) {
    this.hello = {
      node: NODE,
      version: '0.1.0',
      pid: 4242,
      startedAt,
      verbs: [{ name: 'kill', about: 'kills an actor', effect: 'act' }],
      topics: ['tree', 'log'],
    };
    this.#answers = answers;
    this.#chunk = chunk;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
    for (const row of serverRows(channels, startedAt)) this.#rows.set(row.id, row);
  }

  async call(verb: string, args: unknown, options: CallOptions = {}): Promise<VerbResult> {
    this.calls.push({ verb, args });
    const answer = this.#answers[verb];
    if (answer === undefined)
      return { ok: false, code: 'unknown_verb', message: `unknown verb: got ${verb}` };
    return typeof answer === 'function' ? answer(args, options) : answer;
  }

  async subscribe(
    topic: string,
    options: unknown,
    onEvent: OnEvent,
  ): Promise<VerbResult<AdminSubscription>> {
    const record = { topic, options, isOpen: true, onEvent };
    this.subscriptions.push(record);
    const end = () => {
      record.isOpen = false;
    };
    if (topic !== 'tree') return { ok: true, value: { close: end } };
    const tree = options as TreeOptions;
    if (!this.#rows.has(tree.root ?? NODE))
      return { ok: false, code: 'not_found', message: `no such row: got ${tree.root}` };
    const subscriber: Subscriber = { options: tree, onEvent, shown: new Map() };
    this.#subscribers.add(subscriber);
    this.#snapshot(subscriber);
    const close = () => {
      end();
      this.#subscribers.delete(subscriber);
    };
    return { ok: true, value: { close } };
  }

  /** Ends the connection, as a crash of the server does, or as the command line asks for it. */
  close(why = 'closed'): void {
    this.isOpen = false;
    this.#subscribers.clear();
    this.#end(why);
  }

  row(id: string): TreeRow | undefined {
    return this.#rows.get(id);
  }

  /** Changes rows, adds those that are new, and tells the subscribers. */
  change(changes: Readonly<Record<string, Partial<TreeRow> | null>>): void {
    for (const [id, fields] of Object.entries(changes)) {
      if (fields === null) this.#rows.delete(id);
      else this.#rows.set(id, { ...(this.#rows.get(id) ?? fakeRow(id)), ...fields });
    }
    this.publish();
  }

  /** One interval of traffic: a share of the channels has handled messages. */
  tick(n: number): void {
    let i = 0;
    let total = 0;
    for (const row of this.#rows.values()) {
      if (row.kind !== 'channel') continue;
      const isActive = (i++ * 7 + n) % 10 < 3;
      const rate = isActive ? ((i * 31 + n * 17) % 997) / 10 : 0;
      if (rate === 0 && row.rate === 0) continue;
      total += rate;
      const mailbox = isActive ? (i + n) % 5 : 0;
      this.#rows.set(row.id, {
        ...row,
        rate,
        mailbox,
        mailboxMax: Math.max(mailbox, row.mailboxMax),
        messages: row.messages + Math.round(rate),
        state: isActive ? 'busy' : 'idle',
      });
    }
    for (const id of [NODE, `${NODE}/shard-0`, `${NODE}/shard-0/stream`]) {
      const row = this.#rows.get(id);
      if (row !== undefined) {
        const sums = { rate: total, busyMs: 120 + (n % 40), messages: row.messages + total };
        this.#rows.set(id, { ...row, ...sums });
      }
    }
    this.publish();
  }

  /** Sends every subscriber what has changed for it. */
  publish(): void {
    for (const subscriber of this.#subscribers) {
      const now = this.#select(subscriber.options);
      const added: TreeRow[] = [];
      const changed: [string, Partial<TreeRow>][] = [];
      for (const [id, row] of now) {
        const before = subscriber.shown.get(id);
        if (before === undefined) added.push(row);
        else if (before !== row) changed.push([id, difference(before, row)]);
      }
      const removed = [...subscriber.shown.keys()].filter((id) => !now.has(id));
      subscriber.shown = now;
      if (added.length + changed.length + removed.length > 0)
        subscriber.onEvent('delta', { added, changed, removed });
    }
  }

  #snapshot(subscriber: Subscriber): void {
    subscriber.shown = this.#select(subscriber.options);
    const rows = [...subscriber.shown.values()];
    for (let i = 0; i < rows.length || i === 0; i += this.#chunk) {
      const more = i + this.#chunk < rows.length;
      subscriber.onEvent('snapshot', { rows: rows.slice(i, i + this.#chunk), more });
    }
  }

  /** The rows of a subscription, cut as the server cuts them: the first by `sort` of each parent, and one row for the rest. */
  #select({ root = NODE, depth = 3, limit = DEFAULT_LIMIT, sort = 'name', filter }: TreeOptions) {
    const levels = root.split('/').length - 1;
    const wanted = [...this.#rows.values()].filter(({ id }) => {
      if (id !== root && !id.startsWith(`${root}/`)) return false;
      return id.split('/').length - 1 - levels <= depth;
    });
    const kept = filter === undefined ? wanted : withAncestors(wanted, filter);
    const byParent = Map.groupBy(kept, (row) => row.parent ?? '');
    const cap = Math.max(5, Math.floor(limit / Math.max(1, byParent.size)) + limit / 2);
    const shown = new Map<string, TreeRow>();
    for (const [parent, rows] of byParent) {
      const sorted = rows.length > cap ? rows.sort(comparators[sort]) : rows;
      for (const row of sorted.slice(0, cap)) shown.set(row.id, row);
      if (rows.length > cap) {
        const rest = rows.length - Math.floor(cap);
        const id = `${parent}/*`;
        shown.set(id, { ...fakeRow(id), kind: 'more', name: `${rest} more`, children: rest });
      }
    }
    return shown;
  }
}

const comparators: Readonly<Record<string, (a: TreeRow, b: TreeRow) => number>> = {
  name: (a, b) => (a.name < b.name ? -1 : 1),
  mailbox: (a, b) => b.mailbox - a.mailbox,
  rate: (a, b) => b.rate - a.rate,
  restarts: (a, b) => b.restarts - a.restarts,
  memory: (a, b) => b.memoryBytes - a.memoryBytes,
};

function difference(before: TreeRow, after: TreeRow): Partial<TreeRow> {
  const fields = Object.entries(after).filter(
    ([name, value]) => before[name as keyof TreeRow] !== value,
  );
  return Object.fromEntries(fields) as Partial<TreeRow>;
}

function withAncestors(rows: readonly TreeRow[], filter: string): TreeRow[] {
  const ids = new Set<string>();
  for (const row of rows) {
    if (![row.id, row.name, row.label].some((text) => text.includes(filter))) continue;
    const parts = row.id.split('/');
    for (let i = 1; i <= parts.length; i++) ids.add(parts.slice(0, i).join('/'));
  }
  return rows.filter(({ id }) => ids.has(id));
}

/** Rows of a whole server: threads, their actors, and the channels on one shard. */
function serverRows(channels: number, startedAt: number): TreeRow[] {
  const rows = [fakeRow(NODE, { kind: 'node', state: 'running', startedAt, memoryBytes: 191e6 })];
  const threads = ['main', 'store', 'reader-0', 'shard-0', 'gateway-0'];
  for (const name of threads) {
    const memoryBytes = 21e6 + name.length * 1e6;
    const sums = { memoryBytes, busyMs: 3.2, startedAt, mailboxLimit: 100_000 };
    rows.push(fakeRow(`${NODE}/${name}`, { kind: 'thread', state: 'running', ...sums }));
    for (const actor of ['thread-counters', 'tree-publisher', 'supervisor/0.1.3'])
      rows.push(
        fakeRow(`${NODE}/${name}/${encodeURIComponent(actor)}`, { name: actor, startedAt }),
      );
  }
  const host = { kind: 'group' as const, name: 'stream', state: 'running' as const, startedAt };
  rows.push(fakeRow(`${NODE}/shard-0/stream`, host));
  for (let i = 0; i < channels; i++) {
    const sid = String(241_000_000_000_000n + BigInt(i) * 4096n);
    const crash = { at: startedAt + i, reason: 'Error: planted', op: 'append' };
    rows.push(
      fakeRow(`${NODE}/shard-0/stream/${sid}`, {
        kind: 'channel',
        name: `channel ${sid}`,
        label: `stream ${i}`,
        mailboxLimit: 1_000,
        memoryBytes: 0,
        restarts: i % 97 === 3 ? 2 : 0,
        lastCrash: i % 97 === 3 ? crash : null,
        startedAt,
      }),
    );
  }
  const below = new Map<string, number>();
  for (const { parent } of rows) below.set(parent ?? '', (below.get(parent ?? '') ?? 0) + 1);
  return rows.map((row) => ({ ...row, children: below.get(row.id) ?? 0 }));
}
