/**
 * All media workers of one voice thread: the slots, which of them is the warm spare, which rooms are where. Voice thread.
 *
 * Standby holds no process and has not loaded mediasoup. The first room starts all slots; 10 minutes after the last room all end.
 * When a worker dies the spare takes its place before the rooms hear of it, so that they open again without waiting; the dead
 * one's slot is filled a second later (the rooms need the CPU first) and is the next spare.
 */
import { networkInterfaces } from 'node:os';
import { type Clock, type Ms, systemClock, type TimerHandle } from '../../runtime/index.ts';
import { addressesOf, type Interfaces, linkPorts, listenInfos } from './listen.ts';
import { type EndReason, type LiveWorker, startWorker, type WorkerStart } from './live-worker.ts';
import { leastLoaded, loadOf, pickRelief } from './placement.ts';
import { type Counters, noCounters, statusOf } from './pool-status.ts';
import { dropsByPort } from './proc.ts';
import { DONE, done, failed, GONE } from './result.ts';
import { type PoolInside, RoomMediaOne } from './room-media.ts';
import { Sampler } from './sampler.ts';
import { Slot } from './slot.ts';
import type {
  MediaPool,
  MediaPoolOptions,
  MediaResult,
  OpenRoom,
  PoolEvent,
  PoolState,
  PoolStatus,
  RoomMedia,
} from './types.ts';

const ROOMS_MAX = 10_000;
const IDLE_MS = 600_000;
const TICK_MS = 500;
/** Every 10 s: a look through the kernel's socket table, whose cost grows with the sockets of the machine, and at the balance. */
const SELDOM_TICKS = 20;
/** How long a room waits for the first worker: a start takes 0.2 s on a quiet machine. */
const START_WAIT_MS = 5_000;
const RETRY_MS = 1_000;
/** A room that meets a dying worker tries the next one. */
const OPEN_TRIES = 3;
const REFILL_MS = 1_000;
const LOGS_PER_TICK = 5;

/** What tests exchange. */
export interface PoolParts {
  readonly clock?: Clock;
  readonly interfaces?: () => Interfaces;
}

/**
 * The media workers of this thread, in standby until the first `open`. One per thread: mediasoup's log goes to the newest.
 * @param options `workers` at least 1, else RangeError
 */
export function createMediaPool(options: MediaPoolOptions, parts: PoolParts = {}): MediaPool {
  if (!Number.isInteger(options.workers) || options.workers < 1)
    throw new RangeError(`make a media pool: got ${options.workers} workers, wanted at least 1`);
  return new Pool(options, parts.clock ?? systemClock, parts.interfaces ?? networkInterfaces);
}

class Pool implements MediaPool, PoolInside {
  readonly sampler: Sampler;
  #isAwake = false;
  #isClosed = false;
  #opening = 0;
  #path = '';
  #addresses: readonly string[] = [];
  #detail: string | undefined;
  #ticks = 0;
  #logs = 0;
  #ticker: TimerHandle | null = null;
  #idle: TimerHandle | null = null;
  #waking: Promise<MediaResult<null>> | null = null;
  #spare: Slot;
  readonly #slots: readonly Slot[];
  readonly #rooms = new Set<RoomMediaOne>();
  readonly #dirty = new Set<RoomMediaOne>();
  readonly #waiting = new Set<() => void>();
  readonly #counters: Counters;
  readonly #options: MediaPoolOptions;
  readonly #clock: Clock;
  readonly #interfaces: () => Interfaces;

  constructor(options: MediaPoolOptions, clock: Clock, interfaces: () => Interfaces) {
    this.#options = options;
    this.#clock = clock;
    this.#interfaces = interfaces;
    this.sampler = new Sampler(clock);
    this.#counters = noCounters();
    const spare = this.#makeSlot(options.workers);
    this.#spare = spare;
    const active = Array.from({ length: options.workers }, (_, index) => this.#makeSlot(index));
    this.#slots = [...active, spare];
  }

  async open(options: OpenRoom): Promise<MediaResult<RoomMedia>> {
    if (this.#isClosed) return failed('unavailable', 'closed');
    if (this.#rooms.size + this.#opening >= ROOMS_MAX) {
      this.#counters.refused += 1;
      return failed('unavailable', 'too many rooms', RETRY_MS);
    }
    this.#opening += 1;
    try {
      return await this.#open(options);
    } finally {
      this.#opening -= 1;
      this.#sleepWhenIdle();
    }
  }

  async #open(options: OpenRoom): Promise<MediaResult<RoomMedia>> {
    const awake = await this.#wake();
    if (!awake.ok) return awake;
    for (let tries = 0; tries < OPEN_TRIES; tries += 1) {
      const live = this.#choose() ?? (await this.#firstUp());
      if (live === null) break;
      const room = new RoomMediaOne({ options, pool: this });
      const settled = await room.settle(live);
      if (this.#isClosed) {
        room.close();
        return failed('unavailable', 'closed');
      }
      if (settled.ok) {
        this.#rooms.add(room);
        this.#counters.roomsOpened += 1;
        return done(room);
      }
    }
    this.#counters.refused += 1;
    return failed('unavailable', this.#detail ?? 'no media worker', RETRY_MS);
  }

  status(): PoolStatus {
    const state = this.#state();
    const isWell = state === 'ok' || state === 'standby' || state === 'closed';
    return {
      state,
      ...(isWell || this.#detail === undefined ? {} : { detail: this.#detail }),
      rooms: this.#rooms.size,
      workers: this.#slots.map((slot) => statusOf(slot, slot === this.#spare)),
      counters: { ...this.#counters, packets: this.sampler.packets },
    };
  }

  async drain(index: number, withinMs: Ms): Promise<MediaResult<null>> {
    const slot = this.#slots[index];
    const live = slot?.live ?? null;
    if (slot === undefined || live === null || live.ended) return GONE;
    if (live.draining) return failed('unavailable', 'draining already', withinMs);
    live.draining = true;
    if (slot !== this.#spare && this.#usable([this.#spare]).length > 0) this.#spare = slot;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, withinMs);
      live.onVacant = () => {
        this.#clock.clearTimeout(timer);
        resolve();
      };
      for (const tenant of live.tenants) tenant.mustRelocate('drain');
      if (live.tenants.length === 0) live.onVacant();
    });
    if (slot.live !== live) return DONE;
    await slot.stop('killed');
    if (this.#isAwake) slot.start();
    return DONE;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#sleep();
  }

  others(except: ReadonlySet<LiveWorker>, orSpare: boolean): LiveWorker[] {
    const usable = this.#usable(this.#slots.filter((slot) => slot !== this.#spare));
    const others = usable.filter((live) => !except.has(live));
    const spare = this.#usable([this.#spare]).filter((live) => !except.has(live));
    const found = others.length === 0 && orSpare ? spare : others;
    return found.sort((a, b) => loadOf(a) - loadOf(b));
  }

  changed(room: RoomMediaOne): void {
    this.#dirty.add(room);
  }

  closed(room: RoomMediaOne): void {
    this.#rooms.delete(room);
    this.#dirty.delete(room);
    this.#sleepWhenIdle();
  }

  lost(room: RoomMediaOne): void {
    this.#counters.roomsLost += 1;
    this.closed(room);
  }

  count(what: Parameters<PoolInside['count']>[0]): void {
    this.#counters[what] += 1;
  }

  // --- slots ---------------------------------------------------------------------------------------------------------------

  #makeSlot(index: number): Slot {
    return new Slot(index, this.#clock, {
      start: (slot) => this.#startWorker(slot),
      up: (slot) => this.#up(slot),
      died: (slot, reason) => this.#died(slot, reason),
      failed: (slot, what, message) => this.#failed(slot, what, message),
      out: ({ index: slot }) => {
        this.#counters.slotsOut += 1;
        this.#detail = `worker ${slot} died too often`;
        this.#tell({ level: 'error', what: 'slot_out', slot, detail: '5 deaths in 60 s' });
        this.#wakeWaiting();
      },
      back: ({ index: slot }) => this.#tell({ level: 'info', what: 'slot_back', slot }),
    });
  }

  #startWorker(slot: number): Promise<WorkerStart> {
    const { listen } = this.#options;
    const port = listen.basePort === 0 ? 0 : listen.basePort + slot;
    return startWorker({
      slot,
      path: this.#path,
      listenInfos: listenInfos(listen, this.#addresses, port, this.#interfaces()),
      links: linkPorts(listen.basePort, this.#slots.length),
      clock: this.#clock,
      onLog: (text) => this.#log(text),
    });
  }

  #up(slot: Slot): void {
    const { live } = slot;
    this.#counters.started += 1;
    if (this.#slots.every(({ state }) => state === 'up')) this.#detail = undefined;
    if (slot === this.#spare) this.#useSpareIfNeeded();
    this.#tell({ level: 'info', what: 'worker_up', slot: slot.index, detail: `pid ${live?.pid}` });
    this.#wakeWaiting();
  }

  #died(slot: Slot, reason: EndReason): Ms {
    if (reason === 'hung') this.#counters.hung += 1;
    else this.#counters.died += 1;
    this.#detail = `worker ${slot.index} ${reason === 'hung' ? 'hung' : 'died'}`;
    const what = reason === 'hung' ? 'worker_hung' : 'worker_died';
    this.#tell({ level: 'error', what, slot: slot.index });
    const hasSpare = slot !== this.#spare && this.#usable([this.#spare]).length > 0;
    if (hasSpare) this.#spare = slot;
    return hasSpare ? REFILL_MS : 0;
  }

  #failed(slot: Slot, what: 'spawn' | 'bind', message: string): void {
    if (what === 'bind') this.#counters.bindFailures += 1;
    const port = this.#options.listen.basePort + slot.index;
    this.#detail =
      what === 'bind' ? `cannot listen on port ${port}` : `worker ${slot.index} does not start`;
    const event = { level: 'error', what: 'worker_start_failed', slot: slot.index } as const;
    this.#tell({ ...event, detail: message });
    this.#wakeWaiting();
  }

  /** The spare is the one that nobody needs: where an active place is empty, that is the next spare. */
  #useSpareIfNeeded(): void {
    const active = this.#slots.filter((slot) => slot !== this.#spare);
    const isNeeded = this.#usable(active).length === 0;
    const empty = active.find(({ state }) => (isNeeded ? state !== 'up' : state === 'out'));
    if (empty !== undefined) this.#spare = empty;
  }

  // --- choosing ------------------------------------------------------------------------------------------------------------

  #usable(slots: readonly Slot[]): LiveWorker[] {
    return slots.flatMap(({ live }) =>
      live === null || live.ended || live.draining ? [] : [live],
    );
  }

  #choose(): LiveWorker | null {
    const active = this.#usable(this.#slots.filter((slot) => slot !== this.#spare));
    return leastLoaded(active) ?? this.#usable([this.#spare])[0] ?? null;
  }

  /** The first worker that comes up; null when none can be expected soon. */
  async #firstUp(): Promise<LiveWorker | null> {
    const deadline = this.#clock.monotonic() + START_WAIT_MS;
    for (;;) {
      const live = this.#choose();
      const left = deadline - this.#clock.monotonic();
      if (live !== null || left <= 0 || this.#isClosed) return live;
      if (!this.#slots.some(({ isPromising }) => isPromising)) return null;
      await this.#nextChange(left);
    }
  }

  #nextChange(withinMs: Ms): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        this.#clock.clearTimeout(timer);
        resolve();
      };
      const timer = this.#clock.setTimeout(wake, withinMs);
      this.#waiting.add(wake);
    });
  }

  #wakeWaiting(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  // --- standby -------------------------------------------------------------------------------------------------------------

  #wake(): Promise<MediaResult<null>> {
    if (this.#idle !== null) this.#clock.clearTimeout(this.#idle);
    this.#idle = null;
    if (this.#isAwake) return Promise.resolve(DONE);
    this.#waking ??= this.#start().finally(() => {
      this.#waking = null;
    });
    return this.#waking;
  }

  async #start(): Promise<MediaResult<null>> {
    const binary = await this.#options.binary();
    if (!binary.ok) {
      this.#detail = binary.message;
      this.#counters.refused += 1;
      return failed('unavailable', binary.message, RETRY_MS);
    }
    this.#path = binary.path;
    try {
      this.#addresses = await addressesOf(this.#options.listen.host);
    } catch {
      this.#detail = 'the address to listen on is not known';
      return failed('unavailable', this.#detail, RETRY_MS);
    }
    if (this.#isClosed) return failed('unavailable', 'closed');
    this.#isAwake = true;
    this.#detail = undefined;
    for (const slot of this.#slots) slot.start();
    this.#scheduleTick();
    return DONE;
  }

  #sleepWhenIdle(): void {
    const isIdle = this.#rooms.size === 0 && this.#opening === 0;
    if (!this.#isAwake || !isIdle || this.#idle !== null) return;
    const timer = this.#clock.setTimeout(() => {
      this.#idle = null;
      this.#tell({ level: 'info', what: 'standby', slot: -1 });
      void this.#sleep();
    }, this.#options.idleMs ?? IDLE_MS);
    timer.unref?.();
    this.#idle = timer;
  }

  async #sleep(): Promise<void> {
    this.#isAwake = false;
    for (const timer of [this.#idle, this.#ticker])
      if (timer !== null) this.#clock.clearTimeout(timer);
    this.#idle = null;
    this.#ticker = null;
    const ends = this.#slots.map((slot) => slot.stop('closed'));
    this.#wakeWaiting();
    await Promise.all(ends);
  }

  // --- pulse ---------------------------------------------------------------------------------------------------------------

  #scheduleTick(): void {
    this.#ticker = this.#clock.setTimeout(() => {
      this.#tick();
      if (this.#isAwake) this.#scheduleTick();
    }, TICK_MS);
    this.#ticker.unref?.();
  }

  #tick(): void {
    this.#ticks += 1;
    this.#logs = 0;
    for (const { live } of this.#slots) live?.pulse();
    for (const room of this.#dirty) room.refresh();
    this.#dirty.clear();
    this.sampler.tick();
    if (this.#ticks % SELDOM_TICKS !== 0) return;
    this.#lookAtDrops();
    this.#relieve();
  }

  #lookAtDrops(): void {
    const lives = this.#usable(this.#slots);
    const ports = new Set(lives.flatMap(({ port }) => (port === null ? [] : [port])));
    const drops = dropsByPort(ports);
    for (const live of lives) live.udpDrops = drops.get(live.port ?? 0) ?? 0;
  }

  #relieve(): void {
    const active = this.#usable(this.#slots.filter((slot) => slot !== this.#spare));
    pickRelief(active)?.mustRelocate('load');
  }

  #log(text: string): void {
    this.#logs += 1;
    if (this.#logs > LOGS_PER_TICK) return;
    this.#tell({ level: 'warn', what: 'worker_log', slot: -1, detail: text });
  }

  #tell(event: PoolEvent): void {
    this.#options.onEvent?.(event);
  }

  // --- status --------------------------------------------------------------------------------------------------------------

  #state(): PoolState {
    if (this.#isClosed) return 'closed';
    if (!this.#isAwake) return 'standby';
    const states = this.#slots.map(({ state }) => state);
    if (states.every((state) => state === 'up')) return 'ok';
    if (states.includes('up')) return this.#detail === undefined ? 'starting' : 'degraded';
    return states.includes('starting') ? 'starting' : 'down';
  }
}
