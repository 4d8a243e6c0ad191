/**
 * A call that is moved to another worker as clients do it: a new way first, then the end of the old one. What was heard meanwhile.
 */
import type { RoomMedia } from '../types.ts';
import { type Call, endCall, good, Listener, Talker } from './kit.ts';

export interface Moved {
  readonly call: Call;
  /** Longest stretch of the talker's time that nobody heard, in ms. */
  readonly gapMs: number;
  /** Longest time between two packets that came, from the last one before the move on: the beat of 20 ms and the machine's own pauses are in it. */
  readonly silenceMs: number;
}

/** The room must have two workers to choose from. Resolves when the new way is heard and the old one is closed. */
export async function moveCall(media: RoomMedia, old: Call): Promise<Moved> {
  good(await media.relocate());
  // First the listener, across the pipe; then the talker, with the same stream; then the old ones end.
  const listener = await Listener.join(media, 2);
  const across = await listener.hear(media, old.talker.producer);
  await listener.more(across, 3);
  const talker = await Talker.join(media, 1, old.talker.stream);
  const direct = await listener.hear(media, talker.producer);
  old.talker.quiet();
  talker.talk();
  await listener.more(direct, 3);
  endCall(old);
  for (const { transport } of [old.talker, old.listener]) transport.close();
  const heard = [old.listener.of(old.consumer), listener.of(across), listener.of(direct)];
  return {
    call: { talker, listener, consumer: direct },
    gapMs: longestStep(heard.flatMap(({ timestamps }) => timestamps)) / 48,
    silenceMs: longestStep(heard.flatMap(({ arrivals }) => arrivals)),
  };
}

/** RTP time goes on over the move, since one talker's stream does: 48 ticks are 1 ms. */
function longestStep(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted.reduce((most, at, i) => Math.max(most, at - (sorted[i - 1] ?? at)), 0);
}
