/**
 * Asks workers for the figures of a few transports at a time, in turn, so that thousands of them never block the thread: each
 * question is a round trip to the worker. At most 32 per second; each transport at most every 2 s. Voice thread.
 */
import type { Clock, Ms } from '../../runtime/index.ts';
import type { TransportHandle } from './handles.ts';

const PER_TICK = 16;
const EVERY_MS = 2_000;
/** Beyond this many times the channel's bitrate a sender is not an audio encoder any more. */
const EXCESS_FACTOR = 4;
/** The least that counts as excess: small channels leave room for headers and other encoders. */
const EXCESS_FLOOR = 160_000;
const EXCESS_SAMPLES = 2;

/** What a sampled transport's room is told. */
export interface SampledRoom {
  readonly ceilingBitrate: number;
  sampled(transport: TransportHandle, loss: number, at: Ms, isUplink: boolean): void;
  excess(transport: TransportHandle, bitsPerSecond: number): void;
}

interface Entry {
  readonly room: SampledRoom;
  askedAt: Ms;
  isAsking: boolean;
  /** Which of its producers or consumers is looked at. */
  turn: number;
  excesses: number;
}

export class Sampler {
  #packets = 0;
  readonly #entries = new Map<TransportHandle, Entry>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Packets in and out that samples have seen: behind by at most the time between two samples of a transport. */
  get packets(): number {
    return this.#packets;
  }

  add(transport: TransportHandle, room: SampledRoom): void {
    const askedAt = this.#clock.monotonic();
    const entry = { room, askedAt, isAsking: false, turn: 0, excesses: 0 };
    this.#entries.set(transport, entry);
  }

  remove(transport: TransportHandle): void {
    this.#entries.delete(transport);
  }

  /** What a client says of its own downlink. */
  report(transport: TransportHandle, loss: number): void {
    const entry = this.#entries.get(transport);
    if (entry === undefined || !Number.isFinite(loss)) return;
    const share = Math.min(1, Math.max(0, loss));
    entry.room.sampled(transport, share, this.#clock.monotonic(), false);
  }

  /** Called twice per second. */
  tick(): void {
    const now = this.#clock.monotonic();
    let looked = 0;
    for (const [transport, entry] of this.#entries) {
      if (looked === PER_TICK || now - entry.askedAt < EVERY_MS) break;
      looked += 1;
      // To the end of the line: the map is in the order of the last questions.
      this.#entries.delete(transport);
      this.#entries.set(transport, entry);
      entry.askedAt = now;
      if (!entry.isAsking) void this.#ask(transport, entry);
    }
  }

  async #ask(transport: TransportHandle, entry: Entry): Promise<void> {
    entry.isAsking = true;
    const sample = await transport.sample(entry.turn);
    entry.isAsking = false;
    entry.turn += 1;
    if (sample === null || this.#entries.get(transport) !== entry) return;
    this.#packets += sample.packets;
    entry.room.sampled(transport, sample.loss, this.#clock.monotonic(), sample.isUplink);
    if (!sample.isUplink) return;
    const most = Math.max(EXCESS_FLOOR, entry.room.ceilingBitrate * EXCESS_FACTOR);
    entry.excesses = sample.bitrate > most ? entry.excesses + 1 : 0;
    if (entry.excesses < EXCESS_SAMPLES) return;
    entry.excesses = 0;
    entry.room.excess(transport, sample.bitrate);
  }
}
