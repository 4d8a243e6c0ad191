/**
 * What the runtime reports while a fault is there: crashes, threads that go down, hang and come back. Main thread; fed by the
 * reports of all threads.
 */
import type { Clock, Report } from '../../../runtime/index.ts';
import { CHAOS_LIMITS } from './limits.ts';
import type { TreeFindings } from './types.ts';

export class Findings {
  readonly #startMs: number;
  readonly #clock: Clock;
  readonly #onDown: (slot: string) => void;
  readonly #reports: TreeFindings['reports'][number][] = [];
  readonly #down = new Set<string>();
  readonly #fell: string[] = [];
  readonly #hung: string[] = [];
  readonly #rose = new Set<string>();
  #crashes = 0;

  /** `onDown` hears of each thread that goes down. */
  constructor(clock: Clock, onDown: (slot: string) => void) {
    this.#clock = clock;
    this.#startMs = clock.monotonic();
    this.#onDown = onDown;
  }

  take(report: Report): void {
    const { kind, slot } = report;
    if (kind === 'progress' || kind === 'trace') return;
    if (kind === 'crash') this.#crashes += 1;
    const about =
      'thread' in report ? String(report.thread) : 'actor' in report ? report.actor : '';
    if (this.#reports.length < CHAOS_LIMITS.reports) {
      const atMs = Math.round(this.#clock.monotonic() - this.#startMs);
      this.#reports.push({ atMs, kind, thread: slot, about });
    }
    if (kind === 'hung') this.#note(this.#hung, about);
    if (kind === 'threadUp') {
      this.#down.delete(about);
      this.#rose.add(about);
    }
    if (kind !== 'threadDown') return;
    this.#down.add(about);
    this.#note(this.#fell, about);
    this.#onDown(about);
  }

  #note(list: string[], slot: string): void {
    if (list.length < CHAOS_LIMITS.reports) list.push(slot);
  }

  /** Every thread that went down is there again, and `slot` among them if it had to go. */
  isWell(slot: string | undefined): boolean {
    return this.#down.size === 0 && (slot === undefined || this.#rose.has(slot));
  }

  all(): TreeFindings {
    return {
      crashes: this.#crashes,
      threadsDown: [...this.#fell],
      threadsHung: [...this.#hung],
      reports: [...this.#reports],
    };
  }
}
