/**
 * What every thread of the tree does first: open its log, and start the actor that answers for its counters. Any thread.
 */
import { startSupervisor, systemClock } from '../runtime/index.ts';
import { treePublisher } from './admin/tree-publisher.ts';
import { type Log, openLog } from './log.ts';
import { settleMemory } from './settle-memory.ts';
import type { SlotArg } from './slot-args.ts';
import { type CounterTree, threadCounters } from './thread-counters.ts';

export interface OpenSlot {
  readonly log: Log;
}

/** Opens the thread; `read` adds counters to those of the runtime and the log. */
export async function openSlot(
  arg: SlotArg,
  read: () => CounterTree = () => ({}),
): Promise<OpenSlot> {
  const { logFormat: format, logLevel: level } = arg.config;
  const log = openLog({ level, format, slot: arg.slot });
  await startSupervisor({
    children: [
      threadCounters(() => ({ ...read(), logLinesDropped: log.droppedCount() })),
      treePublisher(),
    ],
  });
  settleMemory(systemClock);
  return { log };
}
