/**
 * What runtime/record must know of a stream actor: its ports behind taps, of its start argument what is plain data, and how that
 * argument is built again for a replay. Pure; any thread, and offline.
 */
import type { RecordPlan, ReplayOptions } from '../runtime/record/index.ts';
import { newNoticeCounters } from './notice-counters.ts';
import { Stream, type StreamArg, type StreamEnvironment } from './stream.ts';
import { newStreamCounters } from './stream-ports.ts';
import type { EventCodec, Id } from './types.ts';

/** What tells two states apart: the record has a digest of it after each handler. */
const view = (state: unknown): unknown => Stream.formatStatus?.(state as never);

/** For recordActor on a shard thread. Content is recorded: without it there is no replay. */
export const streamRecordPlan: RecordPlan<never, StreamArg> = {
  plain: ({ sid, environment: { limits } }) => ({ sid, limits }),
  view,
  tap: ({ sid, environment }, tap) => ({
    sid,
    environment: {
      ...environment,
      log: tap('log', environment.log),
      docs: tap('docs', environment.docs),
      clock: tap('clock', environment.clock),
      absentSids: tap('absentSids', environment.absentSids),
    },
  }),
};

/** Everything openReplay needs but the life: the actor runs from the record alone. `codec`: the one it ran with. */
export function streamReplay(
  codec: EventCodec,
): Pick<ReplayOptions<never, never, never>, 'arg' | 'behaviour' | 'view'> {
  const arg = (plain: unknown, tap: <T extends object>(name: string) => T): StreamArg => {
    const { sid, limits } = plain as { sid: Id; limits: StreamEnvironment['limits'] };
    const environment: StreamEnvironment = {
      log: tap('log'),
      docs: tap('docs'),
      clock: tap('clock'),
      absentSids: tap('absentSids'),
      codec,
      limits,
      counters: newStreamCounters(),
      noticeCounters: newNoticeCounters(),
    };
    return { sid, environment };
  };
  return { behaviour: Stream, arg, view } as unknown as ReturnType<typeof streamReplay>;
}
