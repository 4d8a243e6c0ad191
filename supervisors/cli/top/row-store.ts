/**
 * Owns the rows of one tree subscription: takes snapshots and deltas, knows who is below whom. A row object is replaced when
 * it changes and never mutated, so that what was made from it can be kept by it. Bounded by the subscription's limit. Pure.
 */
import type { TreeDelta, TreeRow } from '../../admin/types.ts';

const NONE: readonly TreeRow[] = [];

export class RowStore {
  #rows = new Map<string, TreeRow>();
  #incoming: Map<string, TreeRow> | null = null;
  /** Children by parent; made when asked for, since most ticks change no structure. */
  #below: Map<string, TreeRow[]> | null = null;

  get size(): number {
    return this.#rows.size;
  }

  row(id: string): TreeRow | undefined {
    return this.#rows.get(id);
  }

  all(): Iterable<TreeRow> {
    return this.#rows.values();
  }

  /** Forgets everything at the next snapshot; until then the old rows stay, so that a screen has something to show. */
  restart(): void {
    this.#incoming = null;
  }

  /** Takes one event of the topic `tree`; true when rows have changed. Unknown kinds are left out. */
  apply(kind: string, data: unknown): boolean {
    if (kind === 'snapshot') return this.#snapshot(data as { rows: TreeRow[]; more: boolean });
    if (kind === 'delta') return this.#delta(data as TreeDelta);
    if (kind === 'resync') this.restart();
    return false;
  }

  /** The direct children that the subscription shows, in no order. */
  children(id: string): readonly TreeRow[] {
    this.#below ??= this.#index();
    return this.#below.get(id) ?? NONE;
  }

  #snapshot({ rows, more }: { rows: readonly TreeRow[]; more: boolean }): boolean {
    this.#incoming ??= new Map();
    for (const row of rows) this.#incoming.set(row.id, row);
    if (more) return false;
    this.#rows = this.#incoming;
    this.#incoming = null;
    this.#below = null;
    return true;
  }

  #delta({ added, changed, removed }: TreeDelta): boolean {
    for (const [id, fields] of changed) {
      const row = this.#rows.get(id);
      if (row !== undefined) this.#rows.set(id, { ...row, ...fields });
    }
    for (const row of added) this.#rows.set(row.id, row);
    for (const id of removed) this.#rows.delete(id);
    const total = changed.length + added.length + removed.length;
    if (total > 0) this.#below = null;
    return total > 0;
  }

  #index(): Map<string, TreeRow[]> {
    const below = new Map<string, TreeRow[]>();
    for (const row of this.#rows.values()) {
      if (row.parent === null) continue;
      const siblings = below.get(row.parent);
      if (siblings === undefined) below.set(row.parent, [row]);
      else siblings.push(row);
    }
    return below;
  }
}
