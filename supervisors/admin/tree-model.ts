/**
 * Owns the published tree of the node on the main thread (actor `tree-model`): asks the threads' publishers while somebody looks, at
 * the pace of the quickest subscription, keeps what they tell, and drives the subscriptions (tree-view.ts). While nobody looks it
 * asks nothing and holds nothing but crashes. Reads never reach an actor of the chat.
 */
import {
  at,
  type ChildSpec,
  type Clock,
  cast,
  child,
  defineActor,
  entity,
  name,
  type Report,
  type SlotStatus,
  slotOf,
  type TimerHandle,
} from '../../runtime/index.ts';
import type { Logger } from '../log.ts';
import { fail } from './define.ts';
import { CrashLog } from './tree-crashes.ts';
import { Forest, type Place } from './tree-forest.ts';
import { targetOf } from './tree-ids.ts';
import {
  TREE_MODEL,
  TREE_PUBLISHER,
  type TreeAnswer,
  type TreeModelP,
  type TreePublisherP,
  type TreeQuestion,
} from './tree-publisher.ts';
import { ThreadTable } from './tree-table.ts';
import type {
  TreeCounters,
  TreeEvent,
  TreeModel,
  TreeSink,
  TreeSubscription,
  TreeTarget,
} from './tree-types.ts';
import { View, type ViewOptions } from './tree-view.ts';
import type { TreeOptions, TreeRow, VerbResult } from './types.ts';

const DEFAULTS = { depth: 3, everyMs: 1000, limit: 1000, sort: 'name', filter: '' } as const;
const RANGES = { depth: [1, 16], everyMs: [250, 60_000], limit: [1, 5000] } as const;
const SORTS: readonly string[] = ['name', 'mailbox', 'rate', 'restarts', 'memory'];
const FILTER_CHARS = 200;
/** Subscriptions and snapshots at once; connections are limited before. A guess. */
const VIEWS_MAX = 512;
/** How long a round waits for the slowest thread before subscriptions are told what there is. */
const ROUND_MS = 200;
/** A snapshot waits so long for threads that have told nothing yet. */
const FIRST_MS = 1000;
/** After a crash, an end by force or the end of a thread who looks is told at once, at most so often. */
const HURRY_MS = 250;
const URGENT: ReadonlySet<Report['kind']> = new Set([
  'crash',
  'childFailed',
  'threadDown',
  'threadUp',
  'hung',
]);
/** The threads go on after the last subscription, so that asking again and again costs no new beginning. */
const LINGER_MS = 5000;

/** What the model is told of its node, once it runs. */
export interface TreeNode {
  slots(): readonly SlotStatus[];
}

export interface TreeModelOptions {
  readonly nodeName: string;
  /** Ms since 1970. */
  readonly startedAt: number;
  readonly clock: Clock;
  /** Types of entities, as given to startNode. */
  readonly types: readonly string[];
  /** Memory of the process. */
  readonly memoryBytes: () => number;
  readonly log: Pick<Logger, 'error'>;
}

/** The model with what the composition root needs beside the reads. */
export interface RunningTreeModel extends TreeModel {
  /** The node is up, or comes up: from now on it can be asked for its threads. */
  attach(node: TreeNode): void;
  /** The actor that takes the publishers' answers; a child of the main thread's supervisor. */
  readonly spec: ChildSpec;
}

/** One per process; main thread. */
export function createTreeModel(options: TreeModelOptions): RunningTreeModel {
  return new Model(options);
}

/** A subscription and when it is due. */
interface Look {
  readonly view: View;
  readonly target: TreeTarget;
  readonly startedMs: number;
  hasBegun: boolean;
  dueMs: number;
}

/** What a thread has been asked. */
interface Asked extends TreeQuestion {
  isOpen: boolean;
  messages: number;
  answeredMs: number;
}

const TreeModelActor = defineActor<TreeModelP, Model, Model>({
  name: TREE_MODEL,
  init: (_ctx, model) => model,
  handle: {
    hello: (model, slot) => model.hello(slot),
    take: (model, answer) => model.take(answer),
  },
});

class Model implements RunningTreeModel {
  readonly #options: TreeModelOptions;
  readonly #crashes = new CrashLog();
  readonly #forest: Forest;
  readonly #looks = new Set<Look>();
  readonly #asked = new Map<string, Asked>();
  readonly #types: ReadonlySet<string>;
  #node: TreeNode = { slots: () => [] };
  #epoch = 0;
  #timer: TimerHandle | null = null;
  #roundTimer: TimerHandle | null = null;
  #lastLookMs = 0;
  /** Something was reported that nobody has been told of; a round for it has begun. */
  #isUrgent = false;
  #isHurried = false;
  #hurriedMs = 0;
  readonly #counts = { rounds: 0, deltas: 0, snapshots: 0, resyncs: 0 };

  constructor(options: TreeModelOptions) {
    this.#options = options;
    const { memoryBytes, nodeName, startedAt } = options;
    this.#forest = new Forest({ name: nodeName, startedAt, memoryBytes }, this.#crashes);
    this.#types = new Set(options.types);
  }

  get spec(): ChildSpec {
    return child(TREE_MODEL, TreeModelActor, this as Model, {
      name: name<TreeModelP>(TREE_MODEL),
      restart: 'permanent',
    });
  }

  attach(node: TreeNode): void {
    this.#node = node;
    this.#refreshSlots();
  }

  // -------------------------------------------------------------- reads

  find(id: string): TreeTarget | undefined {
    if (this.#forest.slots.size === 0) this.#refreshSlots();
    return targetOf(id, {
      node: this.#options.nodeName,
      slots: new Set(this.#forest.slots.keys()),
      withSessions: (slot) => this.#forest.slots.get(slot)?.group === 'gateway',
      types: this.#types,
    });
  }

  subscribe(options: TreeOptions, sink: TreeSink): VerbResult<TreeSubscription> {
    const checked = checkOptions(options);
    if (typeof checked === 'string') return fail('invalid', checked);
    const id = options.root ?? this.#options.nodeName;
    const target = this.find(id);
    if (target === undefined) return fail('not_found', `there is no ${id} in the tree`);
    if (this.#looks.size >= VIEWS_MAX) return fail('rate_limited', 'too many look at the tree');
    const view = new View(this.#forest, checked, this.#rooted(target), sink);
    const now = this.#options.clock.monotonic();
    const look: Look = { view, target, startedMs: now, hasBegun: false, dueMs: 0 };
    this.#looks.add(look);
    // Not at once: whoever subscribes is to know its subscription before the first event comes.
    this.#pollIn(0);
    return { ok: true, value: { close: () => this.#close(look) } };
  }

  async snapshot(
    options: TreeOptions,
    rateMs = 0,
  ): Promise<VerbResult<{ readonly rows: readonly TreeRow[] }>> {
    const rows = new Map<string, TreeRow>();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wantsRates = rateMs > 0;
    const everyMs = Math.max(RANGES.everyMs[0], rateMs);
    const send = (event: TreeEvent): boolean => {
      collect(rows, event);
      const isWhole = event.kind === 'snapshot' && !event.data.more;
      if (!wantsRates && isWhole) resolve();
      if (wantsRates && event.kind === 'delta') resolve();
      // A tree in which nothing changes sends no delta.
      if (wantsRates && isWhole) this.#options.clock.setTimeout(resolve, everyMs + ROUND_MS);
      return true;
    };
    const asked = this.subscribe({ ...options, ...(wantsRates ? { everyMs } : {}) }, { send });
    if (!asked.ok) return asked;
    await promise;
    asked.value.close();
    return { ok: true, value: { rows: [...rows.values()] } };
  }

  idOf(type: string, key: number): string {
    return `${this.#options.nodeName}/${slotOf(entity(type, key))}/${type}/${key}`;
  }

  counters(): TreeCounters {
    let rows = 0;
    for (const table of this.#forest.tables.values()) rows += table.size;
    const { forgotten: crashesForgotten } = this.#crashes;
    return { subscriptions: this.#looks.size, rows, ...this.#counts, crashesForgotten };
  }

  report(report: Report): void {
    this.#crashes.take(report);
    // Its publisher says hello when it is there again.
    if (report.kind === 'threadDown') this.#forget(report.thread);
    if (this.#looks.size > 0 && URGENT.has(report.kind)) this.#hurry();
  }

  // -------------------------------------------------------------- subscriptions

  #rooted(target: TreeTarget): () => Place | undefined {
    const { tables } = this.#forest;
    if (target.kind === 'node') return () => ({ kind: 'node' });
    const { slot } = target;
    let row = -1;
    return () => {
      const table = tables.get(slot);
      if (table === undefined) return undefined;
      if (target.kind === 'thread' || target.kind === 'sessions')
        return { kind: target.kind, table };
      if (target.kind === 'session') {
        const facts = table.thread?.sessionList?.find(({ conn }) => conn === target.conn);
        return facts === undefined ? undefined : { kind: 'session', table, facts };
      }
      if (table.actor(row)?.path !== target.path) row = table.rowOfPath(target.path);
      return row < 0 ? undefined : { kind: 'actor', table, row };
    };
  }

  #close(look: Look): void {
    if (!this.#looks.delete(look)) return;
    this.#lastLookMs = this.#options.clock.monotonic();
  }

  /** Who looks sees what was reported soon: the next round comes early, and all are due then. */
  #hurry(): void {
    if (this.#isUrgent) return;
    this.#isUrgent = true;
    const sinceMs = this.#options.clock.monotonic() - this.#hurriedMs;
    this.#pollIn(Math.max(HURRY_MS / 4, HURRY_MS - sinceMs));
  }

  /** Tells the subscriptions that are due. */
  #tell(): void {
    const isUrgent = this.#isUrgent && this.#isHurried;
    if (isUrgent) this.#isUrgent = false;
    const now = this.#options.clock.monotonic();
    const slackMs = this.#everyMs() / 4;
    for (const look of this.#looks) {
      if (look.hasBegun && look.dueMs > now + slackMs && !isUrgent) continue;
      try {
        if (look.hasBegun) this.#tellOne(look, now);
        else this.#begin(look, now);
      } catch (error) {
        // Looking must not end what is looked at: a fault here costs its own subscription.
        this.#looks.delete(look);
        this.#options.log.error({ err: error }, 'a subscription to the tree failed');
      }
    }
  }

  #tellOne(look: Look, now: number): void {
    look.dueMs = now + look.view.options.everyMs;
    const told = look.view.tell();
    if (told === 'sent') this.#counts.deltas++;
    else if (told === 'resynced') this.#counts.resyncs++;
  }

  #begin(look: Look, now: number): void {
    const isLate = now - look.startedMs >= FIRST_MS;
    if (!isLate && !this.#slotsOf(look).every((slot) => this.#hasTold(slot, look))) return;
    look.hasBegun = true;
    look.dueMs = now + look.view.options.everyMs;
    look.view.begin();
    this.#counts.snapshots++;
  }

  #hasTold(slot: string, look: Look): boolean {
    if (this.#forest.slots.get(slot)?.up === false) return true;
    const table = this.#forest.tables.get(slot);
    if (table?.thread == null) return false;
    if (
      wantsSessions(look, slot) &&
      table.thread.sessions !== null &&
      table.thread.sessionList === null
    )
      return false;
    return !wantsActors(look) || table.isComplete;
  }

  #slotsOf({ target }: Look): readonly string[] {
    return target.kind === 'node' ? [...this.#forest.slots.keys()] : [target.slot];
  }

  // -------------------------------------------------------------- rounds

  #everyMs(): number {
    let everyMs: number = RANGES.everyMs[1];
    for (const { view } of this.#looks) everyMs = Math.min(everyMs, view.options.everyMs);
    return everyMs;
  }

  #pollIn(ms: number): void {
    const { clock } = this.#options;
    if (this.#timer !== null) clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => {
      this.#timer = null;
      this.#poll();
    }, ms);
    this.#timer.unref?.();
  }

  /** Begins a round: every thread is asked that has answered the last time. */
  #poll(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    if (this.#looks.size === 0) {
      const idleMs = now - this.#lastLookMs;
      if (idleMs >= LINGER_MS) this.#rest();
      else this.#pollIn(LINGER_MS - idleMs);
      return;
    }
    this.#pollIn(this.#everyMs());
    this.#isHurried = this.#isUrgent;
    if (this.#isUrgent) this.#hurriedMs = now;
    this.#refreshSlots();
    for (const slot of this.#forest.slots.keys()) this.#ask(slot);
    this.#counts.rounds++;
    if (this.#roundTimer === null) {
      this.#roundTimer = clock.setTimeout(
        () => {
          this.#roundTimer = null;
          this.#tell();
        },
        Math.min(ROUND_MS, this.#everyMs() / 2),
      );
      this.#roundTimer.unref?.();
    }
    this.#tellIfAnswered();
  }

  #refreshSlots(): void {
    const { tables, paces } = this.#forest;
    this.#forest.slots = new Map(this.#node.slots().map((status) => [status.name, status]));
    for (const slot of this.#forest.slots.keys()) {
      if (!tables.has(slot)) tables.set(slot, new ThreadTable(slot));
      if (!paces.has(slot)) paces.set(slot, { rate: 0, unanswered: 0 });
    }
    // One that has gone back to standby.
    for (const slot of tables.keys()) {
      if (this.#forest.slots.has(slot)) continue;
      tables.delete(slot);
      paces.delete(slot);
      this.#asked.delete(slot);
    }
  }

  #ask(slot: string): void {
    if (this.#forest.slots.get(slot)?.up === false) return;
    const before = this.#asked.get(slot);
    if (before?.isOpen === true) {
      const pace = this.#forest.paces.get(slot);
      if (pace !== undefined) pace.unanswered++;
      return;
    }
    const looks = [...this.#looks].filter((look) => this.#slotsOf(look).includes(slot));
    const actors = looks.some(wantsActors);
    const sessions = looks.some((look) => wantsSessions(look, slot));
    let epoch = before?.epoch;
    if (epoch === undefined || (actors && before?.actors !== true)) {
      // Its sampler begins anew and tells everything.
      epoch = ++this.#epoch;
      this.#forest.tables.get(slot)?.clear();
    }
    const { messages, answeredMs } = before ?? { messages: 0, answeredMs: 0 };
    this.#asked.set(slot, { epoch, actors, sessions, isOpen: true, messages, answeredMs });
    cast(at<TreePublisherP>(slot, TREE_PUBLISHER), 'publish', { epoch, actors, sessions });
  }

  /** A publisher begins: what it is asked from now on is new to it. */
  hello(slot: string): void {
    this.#forget(slot);
    if (this.#looks.size > 0) this.#pollIn(0);
  }

  #forget(slot: string): void {
    this.#asked.delete(slot);
    this.#forest.tables.get(slot)?.clear();
  }

  take({ batch, epoch, slot, thread }: TreeAnswer): void {
    const asked = this.#asked.get(slot);
    const table = this.#forest.tables.get(slot);
    if (asked === undefined || table === undefined || asked.epoch !== epoch) return;
    if (batch !== null) table.apply(batch);
    if (thread === null) return;
    asked.isOpen = false;
    table.thread = thread;
    const now = this.#options.clock.monotonic();
    const pace = this.#forest.paces.get(slot);
    if (pace !== undefined) {
      const seconds = (now - asked.answeredMs) / 1000;
      pace.unanswered = 0;
      pace.rate = asked.answeredMs === 0 ? 0 : (thread.messages - asked.messages) / seconds;
    }
    asked.messages = thread.messages;
    asked.answeredMs = now;
    this.#tellIfAnswered();
  }

  #tellIfAnswered(): void {
    if (this.#roundTimer === null) return;
    for (const [slot, { isOpen }] of this.#asked) {
      if (isOpen && this.#forest.slots.get(slot)?.up !== false) return;
    }
    this.#options.clock.clearTimeout(this.#roundTimer);
    this.#roundTimer = null;
    this.#tell();
  }

  /** Nobody looks: the threads stop, and what they told is let go. */
  #rest(): void {
    for (const slot of this.#asked.keys()) {
      cast(at<TreePublisherP>(slot, TREE_PUBLISHER), 'rest');
    }
    this.#asked.clear();
    this.#forest.tables.clear();
    this.#forest.paces.clear();
  }
}

/** Below the threads themselves. */
function wantsActors({ target, view }: Look): boolean {
  if (target.kind === 'node') return view.options.depth > 1;
  return target.kind !== 'sessions' && target.kind !== 'session';
}

/** One by one, where the subscription is about this thread: a list of all threads' sessions would be long. */
function wantsSessions({ target, view }: Look, slot: string): boolean {
  if (target.kind === 'node' || target.slot !== slot) return false;
  if (target.kind === 'thread') return view.options.depth > 1;
  return target.kind === 'sessions' || target.kind === 'session';
}

function checkOptions(options: TreeOptions): ViewOptions | string {
  const { depth, everyMs, filter, limit, sort } = { ...DEFAULTS, ...defined(options) };
  for (const [field, value] of Object.entries({ depth, everyMs, limit })) {
    const [least, most] = RANGES[field as keyof typeof RANGES];
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    return `${field}: got ${value}, want a whole number from ${least} to ${most}`;
  }
  if (!SORTS.includes(sort)) return `sort: got ${sort}, want ${SORTS.join(', ')}`;
  if (filter.length > FILTER_CHARS) return `filter: want at most ${FILTER_CHARS} characters`;
  return { depth, everyMs, limit, sort, filter: filter.toLowerCase() };
}

/** Without the fields that are undefined, which would hide defaults. */
function defined<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

/** Applies an event of a subscription to rows by id, as a client does. */
export function collect(rows: Map<string, TreeRow>, event: TreeEvent): void {
  if (event.kind === 'resync') rows.clear();
  else if (event.kind === 'snapshot') for (const row of event.data.rows) rows.set(row.id, row);
  else {
    for (const id of event.data.removed) rows.delete(id);
    for (const row of event.data.added) rows.set(row.id, row);
    for (const [id, changes] of event.data.changed) {
      const row = rows.get(id);
      if (row !== undefined) rows.set(id, { ...row, ...changes });
    }
  }
}
