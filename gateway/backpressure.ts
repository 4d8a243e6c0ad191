/**
 * Slow readers (protocol.md 2.13, lag mode; gateway.md P1 to P4): the sweep and sends that meet a
 * backlog decide who leaves the native topics, who comes back, and who has to go. Runs on gateway
 * threads. Bounds: 1 MiB per socket (native), 30 s in lag mode, 30 s in which a peer takes nothing at
 * all (a reader that stops during a replay or behind queued replies never reaches lag mode, since both
 * are paced below it), a share of 256 MiB for the thread.
 */
import type { Connection } from './connection.ts';
import type { FanOut } from './fan-out.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { PingCohorts } from './ping-cohorts.ts';
import { Close } from './protocol/index.ts';
import {
  BACKLOG_COUNTED_BYTES,
  BACKLOG_RESUME_BYTES,
  BACKLOG_SOFT_BYTES,
  LAG_MAX_S,
} from './socket-limits.ts';

export interface BackpressureOptions {
  readonly fanOut: FanOut;
  readonly pings: PingCohorts;
  readonly metrics: GatewayMetrics;
  /** This thread's share of the bound of all backlogs. */
  readonly totalBytesMax: number;
  /** setImmediate: out of the native handler that noticed (P1). */
  readonly nextTurn: (fn: () => void) => void;
  readonly nowS: () => number;
  /** Out of lag mode: what is not queued for a lagging reader is told anew (2.13). */
  readonly caughtUp: (connection: Connection) => void;
  /** The connection has entered lag mode and has left the topics of its streams. */
  readonly lagging?: (connection: Connection) => void;
}

export class Backpressure {
  readonly #options: BackpressureOptions;
  #dropped: Connection[] = [];
  #totalBytes = 0;
  #heavy: { readonly connection: Connection; readonly bytes: number }[] = [];

  constructor(options: BackpressureOptions) {
    this.#options = options;
  }

  /** A direct send has met a backlog. */
  pressed(connection: Connection): void {
    if (!connection.isReady || connection.isLagging) return;
    if (connection.backlogBytes() > BACKLOG_SOFT_BYTES) this.#enter(connection);
  }

  /**
   * The native `dropped` handler: a frame was refused at the hard limit, possibly with more behind it
   * that nobody will tell of (P2). Only notes it; the close comes in the next turn (P1).
   */
  dropped(connection: Connection): void {
    this.#options.metrics.dropsNoticed += 1;
    if (!connection.noteDropped()) return;
    this.#dropped.push(connection);
    if (this.#dropped.length === 1) this.#options.nextTurn(() => this.#closeDropped());
  }

  /** The native `drain` handler. */
  drained(connection: Connection): void {
    if (connection.isClosing) {
      connection.tryEnd();
      return;
    }
    // The library calls this without progress too.
    const bytes = connection.backlogBytes();
    this.#noteProgress(connection, bytes);
    this.#relieve(connection, bytes);
    if (connection.isOpen) connection.seenBytes = connection.backlogBytes();
  }

  /** Once per second and connection. */
  visit(connection: Connection): void {
    const bytes = connection.backlogBytes();
    this.#noteProgress(connection, bytes);
    const isIdle = connection.parked === 0 && !connection.isLagging && !connection.hasQueuedReplies;
    if (bytes === 0 && isIdle) return;
    const waitingBytes = bytes + connection.queuedBytes;
    this.#totalBytes += waitingBytes;
    if (!connection.isReady) return;
    if (waitingBytes > BACKLOG_COUNTED_BYTES) {
      this.#heavy.push({ connection, bytes: waitingBytes });
    }
    if (this.#isTooSlow(connection)) connection.close(Close.TOO_SLOW);
    else if (!connection.isLagging && bytes > BACKLOG_SOFT_BYTES) this.#enter(connection);
    else this.#relieve(connection, bytes);
  }

  #isTooSlow(connection: Connection): boolean {
    const { metrics } = this.#options;
    const nowS = this.#options.nowS();
    if (connection.isLagging && nowS - connection.laggingSinceS > LAG_MAX_S) {
      metrics.closedSlow += 1;
      return true;
    }
    const { stuckSinceS } = connection;
    if (stuckSinceS < 0 || nowS - stuckSinceS <= LAG_MAX_S) return false;
    metrics.closedStuck += 1;
    return true;
  }

  /** A backlog that has become smaller since the last look, by whatever was sent to it meanwhile. */
  #noteProgress(connection: Connection, bytes: number): void {
    if (bytes === 0) connection.stuckSinceS = -1;
    else if (connection.stuckSinceS < 0 || bytes < connection.seenBytes) {
      connection.stuckSinceS = this.#options.nowS();
    }
    connection.seenBytes = bytes;
  }

  /**
   * End of a sweep round: over the bound the greatest backlogs go first.
   * @returns the share of the bound that was in use, from 0 on
   */
  endRound(): number {
    const bytes = this.#totalBytes;
    this.#totalBytes = 0;
    this.#options.metrics.backlogBytesNow = bytes;
    this.#cutTotal(bytes);
    return bytes / this.#options.totalBytesMax;
  }

  #cutTotal(bytesNow: number): void {
    const { metrics, totalBytesMax } = this.#options;
    let total = bytesNow;
    const heavy = this.#heavy;
    this.#heavy = [];
    if (total <= totalBytesMax) return;
    heavy.sort((a, b) => b.bytes - a.bytes);
    for (const { connection, bytes } of heavy) {
      if (total <= totalBytesMax) return;
      total -= bytes;
      metrics.closedOverTotal += 1;
      // Its buffer is what has to go, so there is no waiting for a close frame to get through.
      connection.close(Close.TOO_SLOW);
      connection.forceClose();
    }
  }

  /** The connection takes no part any more. */
  forget(connection: Connection): void {
    if (!connection.isLagging) return;
    connection.laggingSinceS = -1;
    this.#options.metrics.laggingNow -= 1;
  }

  #relieve(connection: Connection, bytes: number): void {
    if (!connection.isReady) return;
    if (connection.isLagging && bytes < BACKLOG_RESUME_BYTES) this.#leave(connection);
    connection.resumeReplies(BACKLOG_SOFT_BYTES / 2);
    if (!connection.isLagging) this.#options.fanOut.replay.resume(connection);
  }

  #enter(connection: Connection): void {
    const { fanOut, metrics, nowS, pings } = this.#options;
    connection.laggingSinceS = nowS();
    metrics.lagEntered += 1;
    metrics.laggingNow += 1;
    fanOut.lag(connection);
    this.#options.lagging?.(connection);
    pings.leave(connection);
  }

  #leave(connection: Connection): void {
    this.forget(connection);
    this.#options.metrics.lagLeft += 1;
    this.#options.pings.join(connection);
    this.#options.caughtUp(connection);
  }

  #closeDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = [];
    for (const connection of dropped) {
      if (!connection.isOpen) continue;
      this.#options.metrics.closedSlow += 1;
      connection.close(Close.TOO_SLOW);
    }
  }
}
