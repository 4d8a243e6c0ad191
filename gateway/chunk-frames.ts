/**
 * Writes what a pull has brought to the socket of its subscription: the GAP, then the events in as few
 * messages as the bounds allow. Runs on gateway threads; synchronous.
 */
import type { Gap } from '../channels/index.ts';
import { encodeFrame, gapFrame, packBatches, transcodeToJson } from './protocol/index.ts';
import type { Subscription } from './topic.ts';

/** Sends `gap`, if any, and `frames` (msgpack events) in the encoding of the subscriber. */
export function writeChunk(
  { subscriber, topic }: Subscription,
  gap: Gap | undefined,
  frames: readonly Uint8Array[],
): void {
  const { encoding } = subscriber;
  if (gap !== undefined) {
    subscriber.send(encodeFrame(gapFrame({ sid: topic.sid, ...gap }), encoding));
  }
  if (frames.length === 0) return;
  const encoded = encoding === 'json' ? frames.map(transcodeToJson) : frames;
  for (const message of packBatches(encoded, encoding)) subscriber.send(message);
}
