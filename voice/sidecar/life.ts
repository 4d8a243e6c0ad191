/**
 * One life of the process: requests and their answers, and the pings that tell whether it still works. Ends once. Voice thread.
 *
 * Bounds: 4,096 requests wait at a time, the next one answers `limit`.
 */
import type { Clock, Ms, TimerHandle } from '../../runtime/index.ts';
import type { SidecarAnswer, SidecarChild, SidecarEvent, SidecarLink } from './types.ts';

const REQUEST_MS: Ms = 5_000;
const PING_MS: Ms = 1_000;
const MISSED_MAX = 3;
const WAITING_MAX = 4_096;
const GONE: SidecarAnswer = { ok: false, err: 'gone' };

interface Waiting {
  readonly settle: (answer: SidecarAnswer) => void;
  readonly timer: TimerHandle;
}

export interface LifeHooks {
  event(event: SidecarEvent): void;
  /** Three pings without an answer. */
  hung(): void;
}

export class SidecarLife implements SidecarLink {
  readonly #child: SidecarChild;
  readonly #clock: Clock;
  readonly #hooks: LifeHooks;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #missed = 0;
  #ping: TimerHandle | undefined;
  #isOver = false;

  constructor(child: SidecarChild, clock: Clock, hooks: LifeHooks) {
    this.#child = child;
    this.#clock = clock;
    this.#hooks = hooks;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  request(op: string, args: Readonly<Record<string, unknown>> = {}): Promise<SidecarAnswer> {
    if (this.#isOver) return Promise.resolve(GONE);
    if (this.#waiting.size >= WAITING_MAX) return Promise.resolve({ ok: false, err: 'limit' });
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      const settle = (answer: SidecarAnswer) => {
        this.#waiting.delete(id);
        this.#clock.clearTimeout(timer);
        resolve(answer);
      };
      const timer = this.#clock.setTimeout(() => settle({ ok: false, err: 'timeout' }), REQUEST_MS);
      this.#waiting.set(id, { settle, timer });
      this.#child.send(JSON.stringify({ ...args, id, op }));
    });
  }

  /** From now on it is asked every second whether it is there. */
  watch(): void {
    this.#ping = this.#clock.setTimeout(() => {
      this.#missed += 1;
      if (this.#missed > MISSED_MAX) return this.#hooks.hung();
      void this.request('ping').then(({ ok }) => {
        if (ok) this.#missed = 0;
      });
      this.watch();
    }, PING_MS);
  }

  /** One line of the process. What is no JSON with a meaning ends it: it is then not the process that we know. */
  line(text: string): void {
    const message = parsed(text);
    if (message === undefined) {
      this.kill();
    } else if (typeof message.ev === 'string') {
      this.#hooks.event(message as SidecarEvent);
    } else {
      const { id, ...answer } = message;
      this.#waiting.get(Number(id))?.settle(answer as SidecarAnswer);
    }
  }

  kill(): void {
    this.#child.kill();
  }

  /** The process may end its files before it goes. */
  end(): void {
    this.#stopWatching();
    this.#child.end();
  }

  /** The process is gone: nobody waits any longer. */
  over(): void {
    this.#isOver = true;
    this.#stopWatching();
    for (const { settle } of [...this.#waiting.values()]) settle(GONE);
  }

  #stopWatching(): void {
    if (this.#ping !== undefined) this.#clock.clearTimeout(this.#ping);
    this.#ping = undefined;
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
