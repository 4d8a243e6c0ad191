/**
 * Owns small trees for tests of the live view. Test process.
 */
import type { TreeRow } from '../../admin/types.ts';
import { RowStore } from '../top/row-store.ts';
import { fakeRow } from './fake-admin.ts';

/** Rows by id, with what differs from rest; numbers of children are counted. */
export function rowsOf(fields: Readonly<Record<string, Partial<TreeRow>>>): TreeRow[] {
  const rows = Object.entries(fields).map(([id, own]) => fakeRow(id, own));
  return rows.map((row) => ({
    ...row,
    children: row.children || rows.filter(({ parent }) => parent === row.id).length,
  }));
}

/** A store with these rows. */
export function storeOf(fields: Readonly<Record<string, Partial<TreeRow>>>): RowStore {
  const store = new RowStore();
  store.apply('snapshot', { rows: rowsOf(fields), more: false });
  return store;
}
