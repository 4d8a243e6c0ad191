/**
 * One living media worker: the process, its WebRtcServer, what rooms have on it, and its pulse. Voice thread.
 */
import type { TransportListenInfo, WebRtcServer, Worker } from 'mediasoup/types';
import type { Clock, Ms } from '../../runtime/index.ts';
import type { PortRange } from './listen.ts';
import { killNow, rssOf } from './proc.ts';
import { spawnWorker } from './spawn.ts';

/** Pulses without an answer until a worker counts as hung: with one each 500 ms, between 2 and 2.5 s. */
const MISSED_MAX = 4;
/** Weight of a new CPU sample: an average of about 5 s at two per second. */
const CPU_WEIGHT = 0.1;

/** An orderly end takes some milliseconds. */
const CLOSE_MS_MAX = 2_000;

/** What a room has on a worker. */
export interface Tenant {
  /** The worker is dead. */
  lost(reason: EndReason): void;
  mustRelocate(reason: 'drain' | 'load'): void;
  readonly predictedPps: number;
}

export type EndReason = 'killed' | 'hung' | 'closed';

export type WorkerStart =
  | { readonly ok: true; readonly live: LiveWorker }
  | { readonly ok: false; readonly what: 'spawn' | 'bind'; readonly message: string };

export interface WorkerPlan {
  readonly slot: number;
  /** The binary. */
  readonly path: string;
  readonly listenInfos: readonly TransportListenInfo[];
  readonly links: PortRange;
  readonly clock: Clock;
  readonly onLog: (text: string) => void;
}

/** Starts a process and opens its WebRtcServer. Nothing of it is left when it fails. */
export async function startWorker(plan: WorkerPlan): Promise<WorkerStart> {
  const { slot, path, listenInfos, links, clock, onLog } = plan;
  const started = await spawnWorker(path, links, clock, onLog);
  if (!started.ok) return { ok: false, what: 'spawn', message: started.message };
  const { worker } = started;
  try {
    const server = await worker.createWebRtcServer({ listenInfos: [...listenInfos] });
    const { udpSockets } = await server.dump();
    const live = new LiveWorker(slot, worker, server, udpSockets[0]?.port ?? null, clock);
    return { ok: true, live };
  } catch (error) {
    const what = worker.died ? 'spawn' : 'bind';
    worker.close();
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, what, message: message.slice(0, 200) };
  }
}

export class LiveWorker {
  readonly slot: number;
  readonly worker: Worker;
  readonly server: WebRtcServer;
  readonly port: number | null;
  readonly upSinceMs: Ms;
  readonly #tenants = new Set<Tenant>();
  /** Takes no new rooms. */
  draining = false;
  /** Called whenever the last room has left. */
  onVacant: (() => void) | null = null;
  transports = 0;
  producers = 0;
  consumers = 0;
  rssBytes = 0;
  udpDrops = 0;
  #cpu = 0;
  #pps = 0;
  #ended: EndReason | null = null;
  #hung = false;
  #asked = false;
  #missed = 0;
  #usedMs: Ms | null = null;
  #sampledAt: Ms;
  readonly #clock: Clock;

  constructor(
    slot: number,
    worker: Worker,
    server: WebRtcServer,
    port: number | null,
    clock: Clock,
  ) {
    this.slot = slot;
    this.worker = worker;
    this.server = server;
    this.port = port;
    this.#clock = clock;
    this.upSinceMs = clock.now();
    this.#sampledAt = clock.monotonic();
  }

  get pid(): number {
    return this.worker.pid;
  }
  /** Share of one core. */
  get cpu(): number {
    return this.#cpu;
  }
  get predictedPps(): number {
    return this.#pps;
  }
  get ended(): boolean {
    return this.#ended !== null || this.worker.closed;
  }

  /** `onEnd` is called once, when the process ended without `close`; rooms are told by it. */
  watch(onEnd: (reason: EndReason) => void): void {
    this.worker.on('died', () => {
      if (this.#ended !== null) return;
      this.#ended = this.#hung ? 'hung' : 'killed';
      onEnd(this.#ended);
    });
  }

  get tenants(): readonly Tenant[] {
    return [...this.#tenants];
  }

  enter(tenant: Tenant): void {
    this.#tenants.add(tenant);
  }

  leave(tenant: Tenant): void {
    if (this.#tenants.delete(tenant) && this.#tenants.size === 0) this.onVacant?.();
  }

  addLoad(pps: number): void {
    this.#pps = Math.max(0, this.#pps + pps);
  }

  /**
   * Asks the worker for its CPU time, unless it owes an answer.
   * @returns true when it has owed it for too long and was killed now
   */
  pulse(): boolean {
    if (this.ended) return false;
    if (this.#asked) {
      this.#missed += 1;
      if (this.#missed < MISSED_MAX || this.#hung) return false;
      this.#hung = true;
      killNow(this.pid);
      return true;
    }
    this.#asked = true;
    this.#missed = 0;
    this.worker.getResourceUsage().then(
      ({ ru_utime, ru_stime }) => {
        this.#asked = false;
        this.#sample(ru_utime + ru_stime);
      },
      () => {
        this.#asked = false;
      },
    );
    return false;
  }

  #sample(usedMs: Ms): void {
    const now = this.#clock.monotonic();
    const elapsed = now - this.#sampledAt;
    if (this.#usedMs !== null && elapsed > 0) {
      const share = (usedMs - this.#usedMs) / elapsed;
      this.#cpu += CPU_WEIGHT * (share - this.#cpu);
    }
    this.#usedMs = usedMs;
    this.#sampledAt = now;
    this.rssBytes = rssOf(this.pid);
  }

  /**
   * Ends the process; rooms that are left hear `reason`.
   * @returns when the process is gone: within 2 s, since it is killed then
   */
  close(reason: EndReason): Promise<void> {
    const { worker } = this;
    if (this.#ended !== null || worker.subprocessClosed) return Promise.resolve();
    this.#ended = reason;
    const gone = new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(() => killNow(worker.pid), CLOSE_MS_MAX);
      timer.unref?.();
      worker.on('subprocessclose', () => {
        this.#clock.clearTimeout(timer);
        resolve();
      });
    });
    worker.close();
    this.tellLost(reason);
    return gone;
  }

  tellLost(reason: EndReason): void {
    const { tenants } = this;
    this.#tenants.clear();
    for (const tenant of tenants) tenant.lost(reason);
  }
}
