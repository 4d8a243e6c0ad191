/**
 * Own messages move the own read marker (protocol.md 2.17 item 18): notes what each connection was told
 * OK for, and tells the user entity about once per second and connection, and before the connection asks
 * for a marker. Runs on gateway threads.
 *
 * It sits behind the OK of every message, so a message costs two comparisons and a field; the first of
 * a second one small record more. No timer, no lane. Bound: 64 streams per connection, then they are told at
 * once.
 */
import type { Id, Ms, Seq } from '../channels/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { Connection } from './connection.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Upstream } from './types.ts';

/**
 * A note waits this long, and 250 ms until the next tick. With the second that the user entity leaves
 * between two writes of such notes, at most 2 s of progress are lost over a crash (protocol.md 4, I13).
 */
const HOLD_MS = 750;
const STREAMS_MAX = 64;

export interface OwnMarkersOptions {
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly upstream: Pick<Upstream, 'wrote'>;
}

/** That a connection has something to tell since then. Void when it was told before its time. */
interface Due {
  readonly connection: Connection;
  readonly sinceMs: Ms;
}

export class OwnMarkers {
  readonly #options: OwnMarkersOptions;
  /** In the order of their times. */
  #due: Due[] = [];

  constructor(options: OwnMarkersOptions) {
    this.#options = options;
  }

  /** The message of this connection at `seq` is committed. */
  wrote(connection: Connection, sid: Id, seq: Seq): void {
    if (connection.ownSid === sid) {
      if (seq > connection.ownSeq) connection.ownSeq = seq;
    } else {
      this.#note(connection, sid, seq);
    }
  }

  /** About every 250 ms: tells what has waited long enough. */
  tick(): void {
    const untilMs = this.#options.clock.monotonic() - HOLD_MS;
    const all = this.#due;
    let count = 0;
    while (count < all.length && (all[count] as Due).sinceMs <= untilMs) count += 1;
    if (count === 0) return;
    this.#due = all.slice(count);
    for (let i = 0; i < count; i += 1) {
      const { connection, sinceMs } = all[i] as Due;
      if (connection.ownSinceMs === sinceMs) this.flush(connection);
    }
  }

  /** Tells what is noted of a connection now: before its end is told, so that nothing comes too late. */
  flush(connection: Connection): void {
    const { ownSid, ownSeq, ownOthers, session, uid } = connection;
    if (ownSid === 0) return;
    connection.ownSid = 0;
    connection.ownOthers = null;
    const at: [Id, Seq][] = [...(ownOthers ?? []), [ownSid, ownSeq]];
    this.#options.metrics.ownMarkersTold += 1;
    this.#options.upstream.wrote(uid, { at, session });
  }

  #note(connection: Connection, sid: Id, seq: Seq): void {
    if (connection.ownSid === 0) {
      const sinceMs = this.#options.clock.monotonic();
      connection.ownSinceMs = sinceMs;
      // One that is closing was told for the last time: this OK came behind its end.
      if (connection.isReady) this.#due.push({ connection, sinceMs });
    } else {
      connection.ownOthers ??= new Map();
      connection.ownOthers.set(connection.ownSid, connection.ownSeq);
    }
    const before = connection.ownOthers?.get(sid) ?? 0;
    connection.ownSid = sid;
    connection.ownSeq = Math.max(seq, before);
    const isFull = (connection.ownOthers?.size ?? 0) >= STREAMS_MAX;
    if (isFull || !connection.isReady) this.flush(connection);
  }
}
