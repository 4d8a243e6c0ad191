/**
 * One slot of the pool: a place for a worker with its own port, which is filled again when its worker ends. Voice thread.
 *
 * A worker that dies is replaced. After 5 deaths in 60 s the slot is out for a minute: whatever kills it would do so for
 * ever (voice.md 6). A worker that cannot start, or whose port is taken, is tried again after 0.1 s, doubling up to 5 s.
 */
import type { Clock, Ms, TimerHandle } from '../../runtime/index.ts';
import type { EndReason, LiveWorker, WorkerStart } from './live-worker.ts';

const DEATHS_MAX = 5;
const DEATHS_WITHIN_MS = 60_000;
const OUT_MS = 60_000;
const RETRY_FIRST_MS = 100;
const RETRY_MS_MAX = 5_000;
/** A port may be held for some moments by a worker that is ending; after 0.7 s it is another one's. */
const PROMISING_FAILURES = 3;

export type SlotState = 'down' | 'starting' | 'up' | 'waiting' | 'out';

export interface SlotPorts {
  start(slot: number): Promise<WorkerStart>;
  /** A worker is up. */
  up(slot: Slot): void;
  /**
   * Its worker ended by itself; called before the rooms on it hear of it, so that they find the next one in place.
   * @returns how long to wait before the slot is filled again
   */
  died(slot: Slot, reason: EndReason): Ms;
  failed(slot: Slot, what: 'spawn' | 'bind', message: string): void;
  out(slot: Slot): void;
  back(slot: Slot): void;
}

export class Slot {
  readonly index: number;
  #state: SlotState = 'down';
  #live: LiveWorker | null = null;
  #deathsAt: Ms[] = [];
  #deaths = 0;
  #failures = 0;
  #timer: TimerHandle | null = null;
  /** Counts starts and stops: a start that was overtaken throws its worker away. */
  #turn = 0;
  readonly #clock: Clock;
  readonly #ports: SlotPorts;

  constructor(index: number, clock: Clock, ports: SlotPorts) {
    this.index = index;
    this.#clock = clock;
    this.#ports = ports;
  }

  get state(): SlotState {
    return this.#state;
  }
  get live(): LiveWorker | null {
    return this.#live;
  }
  /** A worker can be expected soon. */
  get isPromising(): boolean {
    const isComing = this.#state === 'starting' || this.#state === 'waiting';
    return isComing && this.#failures < PROMISING_FAILURES;
  }
  get deaths(): number {
    return this.#deaths;
  }

  start(): void {
    if (this.#state !== 'down') return;
    void this.#fill();
  }

  /** Ends the worker and leaves the slot empty. Rooms that are left hear `reason`. Resolves when the process is gone. */
  stop(reason: EndReason): Promise<void> {
    this.#turn += 1;
    this.#clearTimer();
    const live = this.#live;
    this.#live = null;
    this.#state = 'down';
    this.#failures = 0;
    return live?.close(reason) ?? Promise.resolve();
  }

  async #fill(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.#state = 'starting';
    const started = await this.#ports.start(this.index);
    if (turn !== this.#turn) {
      if (started.ok) await started.live.close('closed');
      return;
    }
    if (!started.ok) {
      this.#retry(started.what, started.message);
      return;
    }
    const { live } = started;
    this.#failures = 0;
    this.#live = live;
    this.#state = 'up';
    live.watch((reason) => this.#died(live, reason));
    this.#ports.up(this);
  }

  #retry(what: 'spawn' | 'bind', message: string): void {
    const delay = Math.min(RETRY_MS_MAX, RETRY_FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#state = 'waiting';
    this.#after(delay);
    this.#ports.failed(this, what, message);
  }

  #died(live: LiveWorker, reason: EndReason): void {
    if (this.#live !== live) return;
    this.#live = null;
    this.#deaths += 1;
    const now = this.#clock.monotonic();
    this.#deathsAt = [...this.#deathsAt.filter((at) => now - at < DEATHS_WITHIN_MS), now];
    const isOut = this.#deathsAt.length >= DEATHS_MAX;
    this.#state = isOut ? 'out' : 'down';
    const pauseMs = this.#ports.died(this, reason);
    live.tellLost(reason);
    if (isOut) {
      this.#deathsAt = [];
      this.#after(OUT_MS);
      this.#ports.out(this);
    } else if (pauseMs > 0) {
      this.#state = 'waiting';
      this.#after(pauseMs);
    } else this.start();
  }

  #after(ms: Ms): void {
    this.#clearTimer();
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = null;
      if (this.#state === 'out') this.#ports.back(this);
      void this.#fill();
    }, ms);
    this.#timer.unref?.();
  }

  #clearTimer(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
