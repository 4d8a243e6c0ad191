/**
 * HISTORY, SYNC, GUILD and MARK. Each returns the encoded reply or a Failure.
 * Runs on gateway threads.
 */
import type { LogHead, Result } from '../channels/index.ts';
import { type Failure, readFailure, retryMs } from './failures.ts';
import {
  type Encoding,
  Err,
  encodeFrame,
  fitHistory,
  glueHistoryOk,
  type Op,
  okFrame,
  okGuildFrame,
  okSyncFrame,
  type Request,
  readSeq,
  type SyncResult,
  transcodeToJson,
} from './protocol/index.ts';
import type { SocketContext } from './types.ts';

type HistoryRequest = Extract<Request, { op: typeof Op.HISTORY }>;
type SyncRequest = Extract<Request, { op: typeof Op.SYNC }>;
type GuildRequest = Extract<Request, { op: typeof Op.GUILD }>;
type MarkRequest = Extract<Request, { op: typeof Op.MARK }>;

/** Who asks, and in which encoding to answer. */
export interface Asker {
  readonly uid: number;
  readonly encoding: Encoding;
}

export type Answer = Uint8Array | Failure;

/** HISTORY: fewer events than asked for rather than a frame over 128 KiB. */
export async function history(
  context: SocketContext,
  asker: Asker,
  request: HistoryRequest,
): Promise<Answer> {
  const { rid, sid, anchor, before, after } = request;
  const { uid, encoding } = asker;
  try {
    const reply = await context.upstream.history(sid, { uid, anchor, before, after });
    if (!reply.ok) return failed(reply.code, reply.retryMs);
    const { head, frames } = reply;
    const from = anchor === 0 || anchor > head ? head : anchor;
    const split = frames.filter((frame) => readSeq(frame) <= from).length;
    const encoded = encoding === 'json' ? frames.map(transcodeToJson) : frames;
    return glueHistoryOk(rid, reply, fitHistory(encoded, split), encoding);
  } catch (error) {
    return readFailure(error, context.rng.u32());
  }
}

/**
 * SYNC: the streams whose head is not where the client believes it to be. When one of them cannot
 * answer now the whole request is 502: zeros would say that the stream is gone.
 */
export async function sync(
  context: SocketContext,
  asker: Asker,
  request: SyncRequest,
): Promise<Answer> {
  const { uid, encoding } = asker;
  const { rid, entries } = request;
  try {
    const heads = await Promise.all(entries.map((entry) => context.upstream.head(entry.sid, uid)));
    const differing: SyncResult[] = [];
    for (const [i, { sid, epoch, seq }] of entries.entries()) {
      const head = heads[i];
      if (head === 'unavailable') return failed(Err.UNAVAILABLE, retryMs(context.rng.u32()));
      const at = positionOf(head);
      if (at.epoch !== epoch || at.seq !== seq) differing.push({ sid, ...at });
    }
    return encodeFrame(okSyncFrame(rid, differing), encoding);
  } catch (error) {
    return readFailure(error, context.rng.u32());
  }
}

/** GUILD: absent and forbidden are the same 301. */
export async function guild(
  context: SocketContext,
  asker: Asker,
  request: GuildRequest,
): Promise<Answer> {
  const { rid, gid } = request;
  try {
    const reply = await context.upstream.guildView(gid, asker.uid);
    if (!reply.ok) return refused(context, reply);
    const sids = reply.value.channels.map(({ sid }) => sid);
    const markers = await context.upstream.markers(asker.uid, sids);
    if (!markers.ok) return refused(context, markers);
    const channels = reply.value.channels.map((channel, i) => {
      return { ...channel, marker: markers.value[i] ?? 0 };
    });
    return encodeFrame(okGuildFrame(rid, { ...reply.value, channels }), asker.encoding);
  } catch (error) {
    return readFailure(error, context.rng.u32());
  }
}

/** MARK: the marker that holds afterwards. */
export async function mark(
  context: SocketContext,
  asker: Asker & { readonly session: string },
  request: MarkRequest,
): Promise<Answer> {
  const { rid, sid, seq } = request;
  const { uid, session, encoding } = asker;
  try {
    const reply = await context.upstream.mark(uid, { sid, seq, session });
    return reply.ok
      ? encodeFrame(okFrame(rid, reply.value.seq), encoding)
      : refused(context, reply);
  } catch (error) {
    return readFailure(error, context.rng.u32());
  }
}

/** What the domain refused: it cannot answer now, or it is absent or forbidden. */
function refused(context: SocketContext, reply: Result<unknown> & { ok: false }): Failure {
  if (reply.code !== 'unavailable') return { code: Err.FORBIDDEN_OR_ABSENT };
  return failed(Err.UNAVAILABLE, reply.retryMs ?? retryMs(context.rng.u32()));
}

/** 0 everywhere for a stream that is absent or forbidden (2.17 item 7). */
function positionOf(head: LogHead | undefined): Pick<SyncResult, 'epoch' | 'seq' | 'ts'> {
  if (head === undefined) return { epoch: 0, seq: 0, ts: 0 };
  return { epoch: head.epoch, seq: head.head, ts: head.headTs };
}

function failed(code: number, retryAfterMs: number | undefined): Failure {
  return retryAfterMs === undefined ? { code } : { code, retryMs: retryAfterMs };
}
