/**
 * The actors of one thread as the model has them: a row each, columns of figures, who is below whom. Filled with the batches of
 * tree-publisher.ts, read by the views (tree-view.ts). Main thread; no more than arrays while nobody looks.
 */
import { SAMPLED_FIGURES, type SampledActor, type SampledBatch } from '../../runtime/index.ts';
import type { ThreadFigures } from './tree-publisher.ts';

/** Stands for the thread itself where a row is meant: above its uppermost actors. */
export const TOP = -1;

const FIRST_ROWS = 64;
/** Order of actors that are no entities: before them, by path. */
const NO_KEY = -1;
const NOTHING: readonly number[] = [];

/** Offsets in the figures of a row. */
export const FIGURE = {
  messages: SAMPLED_FIGURES.indexOf('messages'),
  rate: SAMPLED_FIGURES.indexOf('rate'),
  mailbox: SAMPLED_FIGURES.indexOf('mailbox'),
  mailboxMax: SAMPLED_FIGURES.indexOf('mailboxMax'),
  dropped: SAMPLED_FIGURES.indexOf('dropped'),
  state: SAMPLED_FIGURES.indexOf('state'),
  restarts: SAMPLED_FIGURES.indexOf('restarts'),
  busyMs: SAMPLED_FIGURES.indexOf('busyMs'),
  memoryBytes: SAMPLED_FIGURES.indexOf('memoryBytes'),
} as const;
export const STRIDE = SAMPLED_FIGURES.length;

export class ThreadTable {
  readonly slot: string;
  /** All figures, STRIDE numbers for each row. */
  figures = new Float64Array(FIRST_ROWS * STRIDE);
  /** Rises with each change of a row's figures, label, place or children. */
  version = new Uint32Array(FIRST_ROWS);
  /** Value of `membership` when the row was introduced: rows are used again. */
  born = new Uint32Array(FIRST_ROWS);
  #parent = new Int32Array(FIRST_ROWS);
  #order = new Float64Array(FIRST_ROWS);
  /** Rises with each beginning, end and new label. */
  membership = 0;
  /** Rises with each batch that changed something. */
  changes = 0;
  /** A whole round has come. */
  isComplete = false;
  thread: ThreadFigures | null = null;
  readonly #actors: (SampledActor | undefined)[] = [];
  readonly #labels: string[] = [];
  readonly #rowOf = new Map<number, number>();
  readonly #kids = new Map<number, number[]>();
  readonly #unsorted = new Set<number>();
  /** Rows whose parent has not been introduced yet, by its ref; until the end of the round. */
  readonly #waiting = new Map<number, number[]>();
  #size = 0;

  constructor(slot: string) {
    this.slot = slot;
  }

  /** Actors. */
  get size(): number {
    return this.#size;
  }

  /** Rows that may be in use are below. */
  get rows(): number {
    return this.#actors.length;
  }

  actor(row: number): SampledActor | undefined {
    return this.#actors[row];
  }

  label(row: number): string {
    return this.#labels[row] ?? '';
  }

  /** Row above, TOP for an uppermost one. */
  parent(row: number): number {
    return this.#parent[row] as number;
  }

  /** Row of the actor with a path; -1 when there is none. O(rows). */
  rowOfPath(path: string): number {
    return this.#actors.findIndex((actor) => actor?.path === path);
  }

  figure(row: number, figure: number): number {
    return this.figures[row * STRIDE + figure] as number;
  }

  /** Rows directly below, ordered by key or path. Do not keep or change it. */
  kids(row: number): readonly number[] {
    const kids = this.#kids.get(row);
    if (kids === undefined) return NOTHING;
    if (this.#unsorted.delete(row)) kids.sort((a, b) => this.#compare(a, b));
    return kids;
  }

  /** Takes part of a round in. */
  apply(batch: SampledBatch): void {
    const { added, figures, isLast, labels, removed } = batch;
    if (removed.length > 0) this.#remove(removed);
    for (const actor of added) this.#add(actor);
    for (const [row, label] of labels) {
      this.#labels[row] = label;
      this.#touch(row);
      this.born[row] = ++this.membership;
    }
    if (figures.length > 0) this.#measure(figures);
    if (figures.length > 0 || added.length > 0 || removed.length > 0 || labels.length > 0) {
      this.changes++;
    }
    if (!isLast) return;
    this.isComplete = true;
    // A parent is older than its children: one that has not come by now is dead.
    this.#waiting.clear();
  }

  /** Forgets everything: the thread is another, or will tell everything anew. */
  clear(): void {
    this.#actors.length = 0;
    this.#labels.length = 0;
    this.#rowOf.clear();
    this.#kids.clear();
    this.#unsorted.clear();
    this.#waiting.clear();
    this.#size = 0;
    this.membership++;
    this.changes++;
    this.isComplete = false;
    this.thread = null;
  }

  // -------------------------------------------------------------- changes

  #measure(bytes: Uint8Array): void {
    // The bytes of a lane begin anywhere; numbers want an address divisible by 8.
    const isAligned = bytes.byteOffset % 8 === 0;
    const { buffer, byteOffset } = isAligned ? bytes : bytes.slice();
    const given = new Float64Array(buffer, byteOffset, bytes.length / 8);
    for (let at = 0; at < given.length; at += STRIDE) {
      const row = given[at] as number;
      if (this.#actors[row] === undefined) continue;
      this.figures.set(given.subarray(at, at + STRIDE), row * STRIDE);
      this.#touch(row);
    }
  }

  #touch(row: number): void {
    this.version[row] = (this.version[row] as number) + 1;
  }

  #add(actor: SampledActor): void {
    const { label, parent, path, ref, row } = actor;
    this.#room(row);
    this.#actors[row] = actor;
    this.#labels[row] = label;
    this.#rowOf.set(ref, row);
    this.#size++;
    this.figures.fill(0, row * STRIDE, (row + 1) * STRIDE);
    this.#touch(row);
    this.born[row] = ++this.membership;
    const key = Number(path.slice(path.lastIndexOf('/') + 1));
    this.#order[row] = actor.type === '' ? NO_KEY : key;
    const above = this.#rowOf.get(parent);
    if (above === undefined && parent !== 0) {
      const waiting = this.#waiting.get(parent);
      if (waiting === undefined) this.#waiting.set(parent, [row]);
      else waiting.push(row);
    }
    this.#place(row, above ?? TOP);
    this.#adopt(ref, row);
  }

  /** Those that came before their parent. */
  #adopt(ref: number, row: number): void {
    const waiting = this.#waiting.get(ref);
    if (waiting === undefined) return;
    this.#waiting.delete(ref);
    const mine = new Set(waiting.filter((kid) => this.#actors[kid]?.parent === ref));
    this.#dropKids(TOP, mine);
    for (const kid of mine) {
      this.#place(kid, row);
      this.#touch(kid);
    }
  }

  #place(row: number, above: number): void {
    this.#parent[row] = above;
    const kids = this.#kids.get(above);
    if (kids === undefined) this.#kids.set(above, [row]);
    else kids.push(row);
    this.#unsorted.add(above);
    if (above !== TOP) this.#touch(above);
  }

  #remove(rows: readonly number[]): void {
    const gone = new Map<number, Set<number>>();
    for (const row of rows) {
      const actor = this.#actors[row];
      if (actor === undefined) continue;
      this.#actors[row] = undefined;
      this.#rowOf.delete(actor.ref);
      this.#waiting.delete(actor.ref);
      this.#size--;
      this.membership++;
      const above = this.parent(row);
      const siblings = gone.get(above);
      if (siblings === undefined) gone.set(above, new Set([row]));
      else siblings.add(row);
    }
    for (const [above, kids] of gone) this.#dropKids(above, kids);
    // What a dead actor has left behind hangs on the thread.
    for (const row of rows) {
      const left = this.#kids.get(row);
      this.#kids.delete(row);
      this.#unsorted.delete(row);
      for (const kid of left ?? []) {
        if (this.#actors[kid] === undefined) continue;
        this.#place(kid, TOP);
        this.#touch(kid);
      }
    }
  }

  #dropKids(above: number, gone: ReadonlySet<number>): void {
    const kids = this.#kids.get(above);
    if (kids === undefined) return;
    const left = kids.filter((kid) => !gone.has(kid));
    if (left.length === 0) this.#kids.delete(above);
    else this.#kids.set(above, left);
    if (above !== TOP) this.#touch(above);
  }

  #compare(a: number, b: number): number {
    const [x, y] = [this.#order[a] as number, this.#order[b] as number];
    if (x !== y) return x - y;
    const [p, q] = [this.#actors[a]?.path ?? '', this.#actors[b]?.path ?? ''];
    if (p === q) return 0;
    return p < q ? -1 : 1;
  }

  #room(row: number): void {
    while (row >= this.version.length) {
      const size = this.version.length * 2;
      this.figures = grown(this.figures, new Float64Array(size * STRIDE));
      this.#order = grown(this.#order, new Float64Array(size));
      this.version = grown(this.version, new Uint32Array(size));
      this.born = grown(this.born, new Uint32Array(size));
      this.#parent = grown(this.#parent, new Int32Array(size));
    }
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
