/**
 * Owns one look at the tree: subscribes, waits for the whole snapshot, unsubscribes. Main thread of the command line.
 */
import type { TreeOptions, VerbResult } from '../admin/types.ts';
import { RowStore } from './top/row-store.ts';
import type { AdminConnection } from './types.ts';

export interface SnapshotOptions extends TreeOptions {
  /** Wait for the first change after the snapshot, about `everyMs` later: rates need an interval. */
  readonly withRates?: boolean;
}

/** The rows of a part of the tree. `not_available` when the connection ends before they are there. */
export async function snapshot(
  admin: AdminConnection,
  { withRates = false, ...options }: SnapshotOptions,
): Promise<VerbResult<RowStore>> {
  const store = new RowStore();
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  const subscribed = await admin.subscribe('tree', options, (kind, data) => {
    const isWhole = store.apply(kind, data);
    if (isWhole && (kind === 'delta' || !withRates)) resolve();
  });
  if (!subscribed.ok) return subscribed;
  const lost = await Promise.race([complete.then(() => null), admin.closed]);
  subscribed.value.close();
  if (lost !== null) return { ok: false, code: 'not_available', message: lost };
  return { ok: true, value: store };
}
