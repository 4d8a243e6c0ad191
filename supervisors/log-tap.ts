/**
 * Lets somebody on the main thread read along in this thread's log: owns the actor `log-tap` of each thread and what it has gathered.
 * Costs one comparison per line while nobody reads. A tap ends by itself when it is not renewed.
 */
import {
  at,
  type ChildSpec,
  type Clock,
  cast,
  child,
  defineActor,
  name,
  thisSlot,
} from '../runtime/index.ts';

/** Name of the actor on every thread. */
export const LOG_TAP = 'log-tap';
/** Name of the actor on the main thread that takes the lines. */
export const LOG_LINES = 'log-lines';

export interface LogTapP {
  /** Lines from this level on (pino's numbers) go to the main thread for `forMs` ms; null ends it. */
  tap(order: { readonly level: number; readonly forMs: number } | null): void;
}

/** Lines of one thread, as they were written. */
export interface LogLines {
  readonly thread: string;
  readonly lines: readonly string[];
  /** Lines that did not fit since the last time. */
  readonly dropped: number;
}

export interface LogLinesP {
  lines(lines: LogLines): void;
}

/** Lines that wait for the next batch; more are dropped and counted. */
const LINES_MAX = 500;
const LINE_CHARS_MAX = 8_192;
const GATHER_MS = 200;
/** `{"level":30,...`: where the number begins. */
const LEVEL_AT = 9;

/** Where a thread's log hands its lines; null while nobody reads. */
export const lineTap: { take: ((line: string) => void) | null } = { take: null };

class Tap {
  readonly #clock: Clock;
  #level = Number.POSITIVE_INFINITY;
  #untilMs = 0;
  #lines: string[] = [];
  #dropped = 0;
  #isWaiting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(order: Parameters<LogTapP['tap']>[0]): void {
    if (order === null) {
      lineTap.take = null;
      return;
    }
    this.#level = order.level;
    this.#untilMs = this.#clock.monotonic() + order.forMs;
    lineTap.take = (line) => this.#take(line);
  }

  #take(line: string): void {
    if (Number.parseInt(line.slice(LEVEL_AT, LEVEL_AT + 3), 10) < this.#level) return;
    if (this.#lines.length >= LINES_MAX || line.length > LINE_CHARS_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush(): void {
    this.#isWaiting = false;
    const lines = this.#lines;
    const dropped = this.#dropped;
    this.#lines = [];
    this.#dropped = 0;
    cast(at<LogLinesP>('main', LOG_LINES), 'lines', { thread: thisSlot(), lines, dropped });
    if (this.#clock.monotonic() > this.#untilMs) lineTap.take = null;
  }
}

/** The actor of this thread. */
export function logTap(clock: Clock): ChildSpec {
  const behaviour = defineActor<LogTapP, Tap>({
    name: LOG_TAP,
    init: () => new Tap(clock),
    handle: { tap: (state, order) => state.set(order) },
  });
  return child(LOG_TAP, behaviour, undefined, { name: name<LogTapP>(LOG_TAP) });
}
