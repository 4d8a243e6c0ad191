/**
 * Owns which rows are on the screen and in which order: the open part of the tree, or all leaves as one list. Pure.
 */
import type { TreeOptions, TreeRow } from '../../admin/types.ts';
import type { RowStore } from './row-store.ts';

export type SortKey = NonNullable<TreeOptions['sort']>;

export const SORT_KEYS: readonly SortKey[] = ['rate', 'mailbox', 'restarts', 'memory', 'name'];

/** One line of the table. */
export interface Entry {
  readonly row: TreeRow;
  readonly depth: number;
  /** null: nothing below it. */
  readonly isOpen: boolean | null;
}

export interface ViewOptions {
  /** Id of the topmost row. */
  readonly root: string;
  readonly sort: SortKey;
  readonly isReversed: boolean;
  readonly mode: 'tree' | 'list';
  /** Levels that are open where the person has said nothing. */
  readonly openLevels: number;
  /** What the person has opened (true) or closed (false). */
  readonly toggled: ReadonlyMap<string, boolean>;
}

/** The lines of the table from the top on, also those that do not fit on the screen. */
export function entriesOf(store: RowStore, options: ViewOptions): Entry[] {
  const compare = comparator(options.sort, options.isReversed);
  const entries: Entry[] = [];
  const root = store.row(options.root);
  if (root === undefined) return entries;
  if (options.mode === 'list') return listOf(store, root, compare);
  const add = (row: TreeRow, depth: number): void => {
    const isOpen = row.children === 0 ? null : isOpened(row, depth, options);
    entries.push({ row, depth, isOpen });
    if (isOpen !== true) return;
    for (const child of [...store.children(row.id)].sort(compare)) add(child, depth + 1);
  };
  add(root, 0);
  return entries;
}

/** Its name, with the ref where several rows have the same one: unnamed actors end in their ref. */
export function nameOf({ id, name }: TreeRow): string {
  const last = id.slice(id.lastIndexOf('/') + 1);
  return /^\d+\.\d+\.\d+$/.test(last) && !name.includes(last) ? `${name} ${last}` : name;
}

/** Whether the children of a row are shown. */
export function isOpened(row: TreeRow, depth: number, options: ViewOptions): boolean {
  return options.toggled.get(row.id) ?? depth < options.openLevels;
}

function listOf(
  store: RowStore,
  root: TreeRow,
  compare: (a: TreeRow, b: TreeRow) => number,
): Entry[] {
  const leaves = [...store.all()].filter(
    (row) => row !== root && store.children(row.id).length === 0,
  );
  return leaves.sort(compare).map((row) => ({ row, depth: 0, isOpen: null }));
}

/** Numbers from the largest on, names from A on; the sum of what was cut off is always last. */
export function comparator(sort: SortKey, isReversed: boolean): (a: TreeRow, b: TreeRow) => number {
  const sign = isReversed ? -1 : 1;
  const value = VALUES[sort];
  return (a, b) => {
    if ((a.kind === 'more') !== (b.kind === 'more')) return a.kind === 'more' ? 1 : -1;
    const by = value === null ? 0 : value(b) - value(a);
    if (by !== 0) return sign * by;
    if (a.name !== b.name) return (value === null ? sign : 1) * (a.name < b.name ? -1 : 1);
    return a.id < b.id ? -1 : 1;
  };
}

const VALUES: Readonly<Record<SortKey, ((row: TreeRow) => number) | null>> = {
  name: null,
  rate: (row) => row.rate,
  mailbox: (row) => row.mailbox,
  restarts: (row) => row.restarts,
  memory: (row) => row.memoryBytes,
};
