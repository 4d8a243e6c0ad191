/**
 * What a crash may have left untold: guilds and dms with a filled outbox, and streams whose newest messages
 * may mention somebody. Read once when a shard starts, and heard of when a stream dies; any thread.
 */
import { cast, entity, type Reason } from '../runtime/index.ts';
import { parentOf } from './docs.ts';
import { unpad } from './ids.ts';
import { LOOK_BACK_MS } from './stream-mentions.ts';
import type { ChannelLog, Doc, DocStore, Id, StreamP } from './types.ts';

const PAGE = 500;

/** Entities to wake, by their type. */
export interface Untold {
  readonly guilds: readonly Id[];
  readonly dms: readonly Id[];
  readonly streams: readonly Id[];
}

/**
 * Wakes a stream that has crashed: it may have left mentions untold, and nobody else may need it soon. One
 * that was stopped, or whose thread has ended, is not: a shard that starts looks for those.
 */
export function wakeAfterCrash(sid: Id, reason: Reason): void {
  const isCrash = typeof reason === 'object' ? 'error' in reason : reason === 'killed';
  if (isCrash) cast(entity<StreamP>('stream', sid), 'resume', {});
}

/** Rejects when the store cannot be read: the caller asks again. */
export async function readUntold(log: ChannelLog, docs: DocStore): Promise<Untold> {
  const [outboxes, dmOutboxes, due, recent] = await Promise.all([
    keysOf(docs, 'outbox'),
    keysOf(docs, 'dmOutbox'),
    keysOf(docs, 'mentionsDue'),
    log.recent(LOOK_BACK_MS),
  ]);
  return {
    guilds: [...new Set(outboxes.map(parentOf))],
    dms: [...new Set(dmOutboxes.map(parentOf))],
    streams: [...new Set([...due.map(unpad), ...recent])],
  };
}

async function keysOf(docs: DocStore, kind: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for (;;) {
    const page: readonly Doc<unknown>[] = await docs.list(kind, '', keys.at(-1), PAGE);
    for (const { key } of page) keys.push(key);
    if (page.length < PAGE) return keys;
  }
}
