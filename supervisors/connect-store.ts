/**
 * Connects a shard or gateway thread to the store threads. Any thread but those of the store.
 */

import type { Store } from '../channels/index.ts';
import {
  connectStore,
  LOG_READER,
  LOG_WRITER,
  type LogReaderP,
  type LogWriterP,
} from '../channels/store/index.ts';
import { at } from '../runtime/index.ts';

export { LOG_WRITER };

/** Name of the thread that writes. */
export const STORE_SLOT = 'store';

/** The store as seen from this thread. */
export function connectToStore(readers: readonly string[]): Store {
  return connectStore({
    writer: at<LogWriterP>(STORE_SLOT, LOG_WRITER),
    readers: readers.map((slot) => at<LogReaderP>(slot, LOG_READER)),
  });
}
