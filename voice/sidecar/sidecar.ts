/**
 * Keeps one driftway-audio process up for as long as there are jobs, and tells it all of them again after it died. Owns the desired
 * state; the process owns nothing that could not be told anew. Voice thread.
 *
 * Back-off 0.1 to 5 s; more than 5 deaths in 60 s: down for a minute, and its jobs fail. Calls never depend on it. Bounds: 1,000 jobs.
 */
import type { Clock, Ms, TimerHandle } from '../../runtime/index.ts';
import { SidecarLife } from './life.ts';
import type {
  SidecarChild,
  SidecarChildEvents,
  SidecarEvent,
  SidecarJob,
  SidecarState,
  SidecarStatus,
} from './types.ts';

const PROTOCOL_VERSION = 1;
const JOBS_MAX = 1_000;
const BACK_OFF_MIN_MS: Ms = 100;
const BACK_OFF_MAX_MS: Ms = 5_000;
const DEATHS_MAX = 5;
const DEATHS_WINDOW_MS: Ms = 60_000;
const DOWN_MS: Ms = 60_000;
const IDLE_MS: Ms = 60_000;
/** To write the ends of its files. */
const END_MS: Ms = 5_000;

export interface SidecarOptions {
  /** The binary's path (native/audio), asked at each start. Must not build: who waits for a recording does not wait minutes. */
  readonly binary: () => Promise<
    { readonly ok: true; readonly path: string } | { readonly ok: false; readonly message: string }
  >;
  readonly start: (path: string, events: SidecarChildEvents) => SidecarChild;
  readonly clock: Clock;
  readonly onEvent?: (what: 'up' | 'died' | 'hung' | 'down', detail: string) => void;
}

export class Sidecar {
  readonly #options: SidecarOptions;
  readonly #jobs = new Map<number, SidecarJob>();
  /** When it died, the latest last, within the window. */
  #deaths: Ms[] = [];
  #state: SidecarState = 'standby';
  #life: SidecarLife | undefined;
  #starting: Promise<boolean> | undefined;
  #idle: TimerHandle | undefined;
  #again: TimerHandle | undefined;
  #detail: string | undefined;
  #exited: (() => void) | undefined;
  #counts = { starts: 0, deaths: 0, hung: 0 };

  constructor(options: SidecarOptions) {
    this.#options = options;
  }

  status(): SidecarStatus {
    return {
      state: this.#state,
      pid: this.#life?.pid ?? null,
      jobs: this.#jobs.size,
      ...this.#counts,
      ...(this.#detail === undefined ? {} : { detail: this.#detail }),
    };
  }

  /** Begins a job; false when it cannot be done now. From then on it is begun again after every death, until `drop`. */
  async run(job: SidecarJob): Promise<boolean> {
    if (this.#state === 'closed' || this.#state === 'down' || this.#jobs.size >= JOBS_MAX) {
      return false;
    }
    this.#stopIdling();
    this.#jobs.set(job.id, job);
    if (this.#life !== undefined && this.#state === 'up') return this.#begin(job, this.#life);
    const isUp = this.#state === 'waiting' ? false : await this.#start();
    if (!isUp) this.#forget(job);
    return isUp && this.#jobs.has(job.id);
  }

  /** Forgets a job, which has ended itself in the process or failed. */
  drop(job: SidecarJob): void {
    this.#forget(job);
  }

  /** The link of the present life, if there is one. */
  get link(): SidecarLife | undefined {
    return this.#state === 'up' ? this.#life : undefined;
  }

  /** Ends the process in order. Jobs are not told. */
  async close(): Promise<void> {
    const life = this.#life;
    this.#stopIdling();
    if (this.#again !== undefined) this.#options.clock.clearTimeout(this.#again);
    this.#state = 'closed';
    this.#jobs.clear();
    if (life === undefined) return;
    const gone = new Promise<void>((resolve) => {
      this.#exited = resolve;
    });
    life.end();
    const killer = this.#options.clock.setTimeout(() => life.kill(), END_MS);
    await gone;
    this.#options.clock.clearTimeout(killer);
  }

  #forget(job: SidecarJob): void {
    if (this.#jobs.get(job.id) !== job) return;
    this.#jobs.delete(job.id);
    this.#idleWithoutJobs();
  }

  #idleWithoutJobs(): void {
    if (this.#jobs.size > 0 || this.#state !== 'up') return;
    this.#stopIdling();
    this.#idle = this.#options.clock.setTimeout(() => {
      this.#idle = undefined;
      this.#state = 'standby';
      this.#life?.end();
    }, IDLE_MS);
  }

  #stopIdling(): void {
    if (this.#idle !== undefined) this.#options.clock.clearTimeout(this.#idle);
    this.#idle = undefined;
  }

  #start(): Promise<boolean> {
    this.#starting ??= this.#startOnce().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #startOnce(): Promise<boolean> {
    this.#state = 'starting';
    const binary = await this.#options.binary().catch(refusal);
    if (this.#isClosed()) return false;
    if (!binary.ok) {
      this.#refuse(binary.message);
      return false;
    }
    const life = this.#spawn(binary.path);
    if (life === undefined) return false;
    this.#life = life;
    const hello = await life.request('hello');
    if (this.#life !== life || this.#isClosed()) return false;
    if (!hello.ok || hello.version !== PROTOCOL_VERSION) {
      life.kill();
      return false;
    }
    this.#state = 'up';
    this.#detail = undefined;
    this.#options.onEvent?.('up', `process ${life.pid ?? 0}`);
    life.watch();
    const begun = [...this.#jobs.values()].map((job) => this.#begin(job, life));
    await Promise.all(begun);
    this.#idleWithoutJobs();
    return this.#life === life;
  }

  /** A new life; undefined when not even that can be had, which fails all jobs. */
  #spawn(path: string): SidecarLife | undefined {
    let life: SidecarLife | undefined;
    try {
      const child = this.#options.start(path, {
        line: (line) => life?.line(line),
        exit: (why) => this.#onExit(life, why),
      });
      life = new SidecarLife(child, this.#options.clock, {
        event: (event) => this.#onEvent(event),
        hung: () => {
          this.#counts.hung += 1;
          this.#options.onEvent?.('hung', '');
          life?.kill();
        },
      });
      this.#counts.starts += 1;
    } catch (error) {
      this.#refuse(refusal(error).message);
    }
    return life;
  }

  #refuse(message: string): void {
    this.#state = 'standby';
    this.#detail = message;
    this.#failJobs();
  }

  async #begin(job: SidecarJob, life: SidecarLife): Promise<boolean> {
    const isBegun = await job.begin(life);
    // It died meanwhile: the next life begins the job again.
    if (this.#life !== life) return this.#jobs.has(job.id);
    if (!isBegun) this.#forget(job);
    return isBegun;
  }

  #onEvent(event: SidecarEvent): void {
    const id = event.job ?? event.room;
    if (typeof id === 'number') this.#jobs.get(id)?.event(event);
  }

  #onExit(life: SidecarLife | undefined, why: string): void {
    life?.over();
    if (this.#life !== life) return;
    this.#life = undefined;
    this.#stopIdling();
    this.#exited?.();
    if (this.#isClosed()) return;
    // It was told to go, having no job.
    const isWanted = this.#state !== 'standby' || this.#jobs.size > 0;
    if (!isWanted) return;
    this.#counts.deaths += 1;
    this.#options.onEvent?.('died', why);
    this.#detail = why;
    const now = this.#options.clock.monotonic();
    this.#deaths = [...this.#deaths.filter((at) => now - at < DEATHS_WINDOW_MS), now];
    for (const job of [...this.#jobs.values()]) job.lost();
    if (this.#deaths.length > DEATHS_MAX) this.#goDown('it ended too often');
    else if (this.#jobs.size === 0) this.#state = 'standby';
    else this.#waitAndStart();
  }

  #waitAndStart(): void {
    this.#state = 'waiting';
    const exponent = this.#deaths.length - 1;
    const waitMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MIN_MS * 2 ** exponent);
    this.#again = this.#options.clock.setTimeout(() => {
      this.#again = undefined;
      void this.#start();
    }, waitMs);
  }

  #goDown(detail: string): void {
    this.#state = 'down';
    this.#detail = detail;
    this.#options.onEvent?.('down', detail);
    this.#failJobs();
    this.#again = this.#options.clock.setTimeout(() => {
      this.#again = undefined;
      this.#deaths = [];
      this.#state = 'standby';
    }, DOWN_MS);
  }

  #failJobs(): void {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const job of jobs) job.failed();
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }
}

function refusal(error: unknown): { readonly ok: false; readonly message: string } {
  return { ok: false, message: error instanceof Error ? error.message : String(error) };
}
