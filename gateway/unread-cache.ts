/**
 * UNREAD for sockets that leave lag mode (protocol.md 2.13): while any socket of the thread lags, the
 * frames of the last half minute are kept as they came, by the view they were told on; a socket that has
 * caught up gets what they say in one frame. Owned by ephemeral.ts; runs on gateway threads.
 *
 * Costs nothing while nobody lags. Bound: the longest time in lag mode, and 4 MiB; beyond it all is
 * dropped and counted, since UNREAD is best effort.
 */
import type { Id } from '../channels/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { GatewayMetrics } from './metrics.ts';
import {
  decodeFrame,
  encodeFrame,
  Limits,
  Op,
  parseServerFrame,
  type UnreadEntry,
  unreadFrame,
} from './protocol/index.ts';
import { LAG_MAX_S } from './socket-limits.ts';
import type { Subscriber } from './topic.ts';

const KEPT_MS = (LAG_MAX_S + 1) * 1000;
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
const OUTBOUND = { depthMax: Limits.outboundDepthMax, valuesMax: 65_535 };
/** One direct frame: 52 bytes an entry at most, 128 KiB a frame. */
const ENTRIES_MAX = 2000;

interface Kept {
  readonly atMs: number;
  readonly frame: Uint8Array;
}

export class UnreadCache {
  readonly #clock: Clock;
  readonly #metrics: GatewayMetrics;
  readonly #kept = new Map<Id, Kept[]>();
  #bytes = 0;

  constructor(clock: Clock, metrics: GatewayMetrics) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** An UNREAD of a view stream or user inbox has come. */
  note(sid: Id, frame: Uint8Array): void {
    if (this.#metrics.laggingNow === 0) {
      this.#clear();
      return;
    }
    const atMs = this.#clock.monotonic();
    const kept = this.#kept.get(sid) ?? [];
    while (kept[0] !== undefined && kept[0].atMs < atMs - KEPT_MS) {
      this.#bytes -= kept[0].frame.length;
      kept.shift();
    }
    kept.push({ atMs, frame });
    this.#kept.set(sid, kept);
    this.#bytes += frame.length;
    if (this.#bytes <= KEPT_BYTES_MAX) return;
    this.#metrics.unreadsForgotten += 1;
    this.#clear();
  }

  /** Sends a socket that has left lag mode what it missed, if it missed anything. */
  refresh(subscriber: Subscriber): void {
    const moved = new Map<Id, UnreadEntry>();
    const sinceMs = this.#clock.monotonic() - KEPT_MS;
    for (const { topic } of subscriber.subscriptions) {
      for (const { atMs, frame } of this.#kept.get(topic.sid) ?? []) {
        if (atMs < sinceMs) continue;
        for (const entry of entriesOf(frame)) {
          if (entry.seq >= (moved.get(entry.sid)?.seq ?? 0)) moved.set(entry.sid, entry);
        }
      }
    }
    if (moved.size === 0) return;
    this.#metrics.unreadsRefreshed += 1;
    const newest = [...moved.values()].slice(-ENTRIES_MAX);
    subscriber.send(encodeFrame(unreadFrame(newest), subscriber.encoding));
  }

  #clear(): void {
    if (this.#kept.size === 0) return;
    this.#kept.clear();
    this.#bytes = 0;
  }
}

function entriesOf(frame: Uint8Array): readonly UnreadEntry[] {
  const decoded = decodeFrame(frame, 'mp', OUTBOUND);
  const parsed = decoded.ok ? parseServerFrame(decoded.frame) : null;
  return parsed?.op === Op.UNREAD ? parsed.moved : [];
}
