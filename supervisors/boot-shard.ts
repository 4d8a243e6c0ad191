/**
 * Boots a `shard-<i>` thread: the entities of the chat (streams, guilds, users) whose home it is. Holds no native handles, so
 * that a handler that hangs costs this thread and nothing else. Replaced by the thread supervisor when it ends.
 */
import { hostChannels, streamRecordPlan } from '../channels/index.ts';
import {
  decodeEvent,
  encodeEvent,
  encodeMp,
  encodeReceipt,
  encodeUnread,
  mayMention,
} from '../gateway/protocol/index.ts';
import { type Booted, systemClock, systemRng } from '../runtime/index.ts';
import { keepInputs } from '../runtime/record/index.ts';
import { connectToStore } from './connect-store.ts';
import type { CounterTree } from './metrics/types.ts';
import { openSlot } from './open-slot.ts';
import { limitsFactor } from './policies.ts';
import { settleMemory } from './settle-memory.ts';
import type { StoreUserArg } from './slot-args.ts';

// A thread in reserve is loaded and not booted: it gives back what loading left behind all the same.
settleMemory(systemClock);

/** Their crash reports carry the shapes of their last inputs. */
const REPORTED: ReadonlySet<string> = new Set(['stream', 'guild', 'dm', 'user']);

/** Makes the thread a home of entities; they start on first use. */
export async function boot(arg: StoreUserArg): Promise<Booted> {
  const { config } = arg;
  let read: () => CounterTree = () => ({});
  const { agent, log } = await openSlot(arg, { counters: () => read() });
  agent.offer({ recordable: { stream: streamRecordPlan } });
  keepInputs({ only: (behaviour) => REPORTED.has(behaviour) });
  const hosted = await hostChannels({
    store: connectToStore(arg.readers),
    codec: {
      encodeEvent,
      decodeEvent,
      encodeNotice: encodeMp,
      encodeReceipt,
      encodeUnread,
      mayMention,
    },
    clock: systemClock,
    rng: systemRng,
    slotNumber: arg.slotNumber,
    limitsFactor: limitsFactor(config.limits),
    replayMax: config.replayMax,
    accessTokenTtlMs: config.accessTokenTtlS * 1000,
  });
  read = () => ({
    streams: hosted.counters,
    guilds: hosted.guildCounters,
    notices: hosted.noticeCounters,
    presence: hosted.presenceCounters,
  });
  return { stop: log.flush };
}
