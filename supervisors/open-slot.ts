/**
 * What every thread of the tree does first: open its log, and start the actor that answers for its counters. Any thread.
 */
import { startSupervisor, systemClock } from '../runtime/index.ts';
import { AgentThread, adminAgent } from './admin/agent.ts';
import { treePublisher } from './admin/tree-publisher.ts';
import { type Log, openLog } from './log.ts';
import { logTap } from './log-tap.ts';
import { threadCounters } from './metrics/thread.ts';
import type { ThreadSources } from './metrics/types.ts';
import { OBSERVER_RESTARTS } from './policies.ts';
import { logHandledRequests } from './request-log.ts';
import { settleMemory } from './settle-memory.ts';
import type { SlotArg } from './slot-args.ts';
import { type Sampling, spanCourier, tracingCounters } from './tracing/courier.ts';

export interface OpenSlot {
  readonly log: Log;
  /** What operators do on this thread. */
  readonly agent: AgentThread;
}

/**
 * Opens the thread; `sources` adds counters to those of the runtime and the log, and what else is measured; `sample` has the
 * thread begin traces as the configuration and operators say.
 */
export async function openSlot(
  arg: SlotArg,
  sources: ThreadSources = {},
  sample?: (sampling: Sampling) => void,
): Promise<OpenSlot> {
  const { logFormat: format, logLevel: level } = arg.config;
  const log = openLog({ level, format, slot: arg.slot });
  const agent = new AgentThread(systemClock, log.logger);
  await startSupervisor({
    ...OBSERVER_RESTARTS,
    children: [
      threadCounters({
        ...sources,
        counters: () => ({
          ...sources.counters?.(),
          logLinesDropped: log.droppedCount(),
          agent: agent.counters,
          tracing: tracingCounters(),
        }),
      }),
      adminAgent(agent),
      treePublisher(),
      logTap(systemClock),
      spanCourier(arg.config.tracing, sample),
    ],
  });
  if (arg.chaos !== null) {
    const { startChaos } = await import('./admin/chaos/start.ts');
    await startChaos(arg, arg.chaos);
  }
  logHandledRequests(log.logger);
  settleMemory(systemClock);
  return { log, agent };
}
