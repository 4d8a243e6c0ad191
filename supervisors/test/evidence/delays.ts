/**
 * Delays from a message's first attempt to its arrival at a reader, without those that a fault touched: sent or
 * arrived in a disturbed time, by a writer that had to try again, or before the reader was live. One process's clock.
 */
import { percentile } from '../support/driver.ts';
import { nowMs } from '../support/raw-client.ts';
import type { WireValue } from '../support/wire.ts';

export interface DelayFigures {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Sample {
  readonly nonce: string;
  readonly sentMs: number;
  readonly delayMs: number;
}

/** Faults begin to show a little before they are known to have happened. */
const LEAD_MS = 1000;

export class Delays {
  readonly #samples: Sample[] = [];
  readonly #disturbances: { readonly from: number; to: number }[] = [];

  /** The content of a message: its nonce and the time. */
  stamp(nonce: string): string {
    return `${nonce} ${nowMs().toFixed(3)}`;
  }

  /** A message has arrived at a reader that is live since then. */
  take(content: WireValue | undefined, liveSince: number): void {
    if (typeof content !== 'string') return;
    const [nonce = '', sent] = content.split(' ');
    const sentMs = Number(sent);
    if (sentMs > liveSince) this.#samples.push({ nonce, sentMs, delayMs: nowMs() - sentMs });
  }

  /** From now on until `calm` everything counts as affected. */
  disturbed(): void {
    this.#disturbances.push({ from: nowMs() - LEAD_MS, to: Number.POSITIVE_INFINITY });
  }

  calm(): void {
    const last = this.#disturbances.at(-1);
    if (last !== undefined) last.to = nowMs();
  }

  get isDisturbed(): boolean {
    return this.#disturbances.at(-1)?.to === Number.POSITIVE_INFINITY;
  }

  /** p99 of the messages sent in each second; in order, seconds without messages left out. */
  secondsP99(): number[] {
    const seconds = new Map<number, number[]>();
    for (const { sentMs, delayMs } of this.#samples) {
      const second = Math.floor(sentMs / 1000);
      const delays = seconds.get(second);
      if (delays === undefined) seconds.set(second, [delayMs]);
      else delays.push(delayMs);
    }
    return [...seconds].sort(([a], [b]) => a - b).map(([, delays]) => percentile(delays, 0.99));
  }

  /** Figures of the unaffected; `disturbed` are nonces that needed more than one attempt. */
  result(disturbed: ReadonlySet<string> = new Set()): DelayFigures {
    const calm = this.#samples.filter(
      ({ nonce, sentMs, delayMs }) =>
        !disturbed.has(nonce) &&
        !this.#disturbances.some(({ from, to }) => sentMs < to && sentMs + delayMs > from),
    );
    const delays = calm.map((sample) => sample.delayMs);
    return {
      samples: delays.length,
      p50Ms: percentile(delays, 0.5),
      p99Ms: percentile(delays, 0.99),
      maxMs: percentile(delays, 1),
    };
  }
}
