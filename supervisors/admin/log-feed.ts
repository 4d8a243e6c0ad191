/**
 * Owns the readers of the node's log on the main thread: taps the log of every thread while there is one, hands lines out, renews
 * the taps. Main thread.
 */
import {
  at,
  type Clock,
  cast,
  child,
  defineActor,
  name,
  startSupervisor,
} from '../../runtime/index.ts';
import { LOG_LINES, LOG_TAP, type LogLines, type LogLinesP, type LogTapP } from '../log-tap.ts';
import type { ReportFeed } from './reports.ts';

/** A reader of the log. */
export interface LogReader {
  /** Least level wanted, pino's number. */
  readonly level: number;
  take(lines: LogLines): void;
}

export interface LogFeedOptions {
  readonly clock: Clock;
  readonly reports: ReportFeed;
  /** Names of the threads. */
  readonly slots: () => readonly string[];
}

const RENEW_MS = 10_000;
/** A tap outlives a missed renewal, not a main thread that is gone. */
const TAP_MS = 3 * RENEW_MS;

export class LogFeed {
  readonly #options: LogFeedOptions;
  readonly #readers = new Set<LogReader>();
  #started: Promise<unknown> | undefined;
  #unlisten: (() => void) | undefined;

  constructor(options: LogFeedOptions) {
    this.#options = options;
  }

  /** Begins to hand lines to `reader`; the result ends it. */
  async open(reader: LogReader): Promise<() => void> {
    this.#started ??= startSupervisor({ children: [this.#child()] });
    await this.#started;
    this.#readers.add(reader);
    this.#unlisten ??= this.#begin();
    this.#tapAll();
    return () => {
      if (!this.#readers.delete(reader)) return;
      if (this.#readers.size === 0) this.#end();
      else this.#tapAll();
    };
  }

  /** A thread that was replaced has no tap yet. */
  #begin(): () => void {
    const { clock, reports } = this.#options;
    let timer = clock.setTimeout(() => renew(), RENEW_MS);
    const renew = (): void => {
      this.#tapAll();
      timer = clock.setTimeout(() => renew(), RENEW_MS);
    };
    const unlisten = reports.listen((report) => {
      if (report.kind === 'threadUp') this.#tap(report.thread);
    });
    return () => {
      clock.clearTimeout(timer);
      unlisten();
    };
  }

  #end(): void {
    this.#unlisten?.();
    this.#unlisten = undefined;
    for (const slot of this.#options.slots()) cast(at<LogTapP>(slot, LOG_TAP), 'tap', null);
  }

  #tapAll(): void {
    for (const slot of this.#options.slots()) this.#tap(slot);
  }

  #tap(slot: string): void {
    const level = Math.min(...[...this.#readers].map((reader) => reader.level));
    cast(at<LogTapP>(slot, LOG_TAP), 'tap', { level, forMs: TAP_MS });
  }

  #child() {
    const behaviour = defineActor<LogLinesP, null>({
      name: LOG_LINES,
      init: () => null,
      handle: {
        lines: (_state, lines) => {
          for (const reader of this.#readers) reader.take(lines);
        },
      },
    });
    const named = { name: name<LogLinesP>(LOG_LINES), restart: 'permanent' } as const;
    return child(LOG_LINES, behaviour, undefined, named);
  }
}
