/**
 * What the contract suites of the stores share: how they get a store, and one opened stream. Test code.
 */
import type { ChannelLog, LogEvent, OpenedLog, Store } from '../../types.ts';

/** How a suite gets stores. `reopen` is absent where nothing survives `close`. */
export interface StoreHarness {
  open(): Promise<Store>;
  reopen?(): Promise<Store>;
}

/** The stream that most tests use: a sid as large as they get. */
export const SID = 90_071_992_547_409;

/** Runs `body` on a fresh store with the stream SID open, and closes the store. */
export async function withLog(
  start: () => StoreHarness,
  body: (log: ChannelLog, opened: OpenedLog) => Promise<void>,
): Promise<void> {
  const store = await start().open();
  try {
    await body(store.log, await store.log.open(SID));
  } finally {
    await store.close();
  }
}

export const seqsOf = (events: readonly LogEvent[]): number[] => events.map(({ seq }) => seq);
