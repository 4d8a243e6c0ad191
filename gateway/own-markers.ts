/**
 * Own messages move the own read marker (protocol.md 2.17 item 18): notes what each connection was told
 * OK for, and tells the user entity about once per second and connection, and before the connection asks
 * for a marker. Runs on gateway threads.
 *
 * It sits behind the OK of every message, so a message costs two comparisons and a field: no record, no
 * timer, no lane. Bound: 64 streams per connection, then they are told at once.
 */
import type { Id, Seq } from '../channels/index.ts';
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

export class OwnMarkers {
  readonly #options: OwnMarkersOptions;
  /** Connections with a note, in the order of their first one. */
  #noted: Connection[] = [];

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
    const noted = this.#noted;
    let due = 0;
    while (due < noted.length && (noted[due] as Connection).ownSinceMs <= untilMs) due += 1;
    if (due === 0) return;
    this.#noted = noted.slice(due);
    for (let i = 0; i < due; i += 1) this.flush(noted[i] as Connection);
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
      connection.ownSinceMs = this.#options.clock.monotonic();
      // One that is closing was told for the last time: this OK came behind its end.
      if (connection.isReady) this.#noted.push(connection);
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
