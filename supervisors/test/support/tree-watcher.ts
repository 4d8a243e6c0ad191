/**
 * A subscriber to the tree in a process of its own, so that its work is not in the measuring process: driven and asked over IPC by
 * evidence/tree-cost.ts. Exits with its parent.
 */
import { AdminClient, type AdminEvent } from '../../admin/index.ts';
import type { TreeOptions } from '../../admin/types.ts';

export type WatcherCommand =
  | { readonly do: 'watch'; readonly socketPath: string; readonly options: TreeOptions }
  | { readonly do: 'rest' };

/** What came since `watch`. */
export interface WatcherReport {
  readonly snapshotRows: number;
  readonly deltas: number;
  readonly changedRows: number;
  readonly resyncs: number;
  /** What the tree says of its own actors: ms per second in their handlers, mean of the deltas. */
  readonly ownMs: number;
}

const OWN = /\/tree-(model|publisher)$/;

let admin: AdminClient | undefined;
let report = { snapshotRows: 0, deltas: 0, changedRows: 0, resyncs: 0 };
/** Of each of its own actors; summed up with each delta. */
let busyMs = new Map<string, number>();
let ownMs = 0;

function note(id: string, { busyMs: ms }: { busyMs?: number | null }): void {
  if (OWN.test(id) && typeof ms === 'number') busyMs.set(id, ms);
}

function take({ data, kind }: AdminEvent): void {
  if (kind === 'resync') report.resyncs += 1;
  else if (kind === 'snapshot') {
    const { more, rows } = data as { rows: unknown[]; more: boolean };
    report.snapshotRows += rows.length;
    if (!more) process.send?.('watching');
  } else if (kind === 'delta') {
    const { added, changed } = data as {
      added: { id: string; busyMs: number | null }[];
      changed: [string, { busyMs?: number | null }][];
    };
    for (const row of added) note(row.id, row);
    for (const [id, fields] of changed) note(id, fields);
    for (const ms of busyMs.values()) ownMs += ms;
    report.deltas += 1;
    report.changedRows += added.length + changed.length;
  }
}

async function carryOut(command: WatcherCommand): Promise<void> {
  if (command.do === 'watch') {
    report = { snapshotRows: 0, deltas: 0, changedRows: 0, resyncs: 0 };
    busyMs = new Map();
    ownMs = 0;
    admin = await AdminClient.connect({ socketPath: command.socketPath });
    await admin.subscribe('tree', command.options, take);
  } else {
    await admin?.close();
    const given: WatcherReport = { ...report, ownMs: ownMs / Math.max(1, report.deltas) };
    process.send?.(given);
  }
}

process.on('message', (command: WatcherCommand) => {
  carryOut(command).catch((error: unknown) => {
    process.stderr.write(`tree watcher: ${String(error)}\n`);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));
