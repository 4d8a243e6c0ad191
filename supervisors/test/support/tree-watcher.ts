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
}

let admin: AdminClient | undefined;
let report = { snapshotRows: 0, deltas: 0, changedRows: 0, resyncs: 0 };

function take({ data, kind }: AdminEvent): void {
  if (kind === 'resync') report.resyncs += 1;
  else if (kind === 'snapshot') {
    const { more, rows } = data as { rows: unknown[]; more: boolean };
    report.snapshotRows += rows.length;
    if (!more) process.send?.('watching');
  } else if (kind === 'delta') {
    const { added, changed } = data as { added: unknown[]; changed: unknown[] };
    report.deltas += 1;
    report.changedRows += added.length + changed.length;
  }
}

async function carryOut(command: WatcherCommand): Promise<void> {
  if (command.do === 'watch') {
    report = { snapshotRows: 0, deltas: 0, changedRows: 0, resyncs: 0 };
    admin = await AdminClient.connect({ socketPath: command.socketPath });
    await admin.subscribe('tree', command.options, take);
  } else {
    await admin?.close();
    process.send?.(report);
  }
}

process.on('message', (command: WatcherCommand) => {
  carryOut(command).catch((error: unknown) => {
    process.stderr.write(`tree watcher: ${String(error)}\n`);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));
