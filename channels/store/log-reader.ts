/**
 * The LogReader actor: reads over its own read-only connection, on a reader thread, so that a slow read
 * never delays a commit. Handlers are synchronous: one read at a time, the rest waits in the mailbox.
 */
import { defineActor } from '../../runtime/index.ts';
import { messageOf } from './errors.ts';
import { SqliteReader } from './reader.ts';
import type { ReaderOptions, ReadRequest } from './types.ts';

/** A result by its request, or why there is none (the database could not be read just now). */
export type ReadReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

/** Ops of a reader. ReadRequest and the results are plain data. */
export interface LogReaderP {
  read(request: ReadRequest): ReadReply;
}

/**
 * Behaviour of a reader; start it named 'log-reader', after the writer has created the database: init
 * fails when the file is missing or not migrated.
 */
export const LogReader = defineActor<LogReaderP, SqliteReader, ReaderOptions>({
  name: 'log-reader',
  mailbox: { limit: 2_000, overflow: 'reject' },
  init(ctx, options) {
    ctx.trapExit(true);
    return new SqliteReader(options);
  },
  handle: {
    read(reader, request) {
      try {
        return { ok: true, value: reader.read(request) };
      } catch (error) {
        // The reader has thrown its connection away and opens a new one with the next request.
        return { ok: false, message: messageOf(error) };
      }
    },
  },
  terminate(reader) {
    reader.close();
  },
});
