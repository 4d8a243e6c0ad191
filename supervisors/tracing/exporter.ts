/**
 * Owns the export of spans over OTLP/HTTP: a bounded queue, one request at a time, the delays of OTEL_BSP_*. OpenTelemetry's
 * exporter is loaded with the first span; it reads OTEL_EXPORTER_OTLP_* itself and tries again by itself. Main thread.
 *
 * Bound: queueMax spans, the newest are dropped and counted. A collector that is down costs memory for the queue and nothing else.
 */
import type { Clock, SpanRecord, TimerHandle } from '../../runtime/index.ts';
import type { TraceSettings } from './settings.ts';

/** Sends one batch; true when the collector has taken it. */
export type SendSpans = (spans: readonly SpanRecord[]) => Promise<boolean>;

export interface ExporterOptions {
  readonly settings: Pick<TraceSettings, 'delayMs' | 'queueMax' | 'batchMax' | 'timeoutMs'>;
  readonly clock: Clock;
  /** Loads what sends; called once, with the first span. */
  readonly load: () => Promise<SendSpans>;
  /** The collector takes nothing any more, or takes spans again. */
  readonly turned: (isTaking: boolean) => void;
}

export class TraceExporter {
  readonly counters = { exported: 0, failed: 0, dropped: 0, batches: 0 };
  readonly #options: ExporterOptions;
  #queue: SpanRecord[] = [];
  #timer: TimerHandle | undefined;
  #sender: Promise<SendSpans> | undefined;
  #sending: Promise<void> | undefined;
  #isTaking = true;

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  add(spans: readonly SpanRecord[]): void {
    const { batchMax, delayMs, queueMax } = this.#options.settings;
    const room = Math.max(0, queueMax - this.#queue.length);
    this.#queue.push(...spans.slice(0, room));
    this.counters.dropped += Math.max(0, spans.length - room);
    if (this.#queue.length >= batchMax) void this.flush();
    else if (this.#queue.length > 0) this.#arm(delayMs);
  }

  /** Sends everything that waits. */
  flush(): Promise<void> {
    this.#disarm();
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  #arm(delayMs: number): void {
    if (this.#timer !== undefined || this.#sending !== undefined) return;
    this.#timer = this.#options.clock.setTimeout(() => void this.flush(), delayMs);
    this.#timer.unref?.();
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #sendAll(): Promise<void> {
    const { batchMax } = this.#options.settings;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, batchMax);
      const isTaken = await this.#send(batch);
      this.counters.batches += 1;
      if (isTaken !== this.#isTaking) this.#options.turned(isTaken);
      this.#isTaking = isTaken;
      if (isTaken) this.counters.exported += batch.length;
      else this.counters.failed += batch.length;
    }
  }

  async #send(batch: readonly SpanRecord[]): Promise<boolean> {
    const { clock, load, settings } = this.#options;
    let timer: TimerHandle | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = clock.setTimeout(() => resolve(false), settings.timeoutMs);
      timer.unref?.();
    });
    try {
      this.#sender ??= load();
      const send = await this.#sender;
      return await Promise.race([send(batch), late]);
    } catch {
      // What could not be loaded or sent is counted as failed by the caller.
      return false;
    } finally {
      if (timer !== undefined) clock.clearTimeout(timer);
    }
  }
}
