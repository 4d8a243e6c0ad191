/**
 * Owns the spans of all threads once they are finished: the newest are kept for questions about messages, all go to the
 * exporter if there is one. And the sampling of the whole node, which operators may raise for a time. Main thread; one actor.
 */
import {
  at,
  type ChildSpec,
  type Clock,
  call,
  child,
  defineActor,
  name,
  type SlotStatus,
  type TimerHandle,
} from '../../runtime/index.ts';
import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import {
  type Sampling,
  SPAN_COURIER,
  type SpanCourierP,
  spanCourier,
  TRACE_COLLECTOR,
  type TraceCollectorP,
  tracingCounters,
} from './courier.ts';
import { TraceExporter } from './exporter.ts';
import { type MessagePath, messagePath } from './message-path.ts';
import type { TraceSettings } from './settings.ts';
import { SpanStore } from './span-store.ts';

const ASK_TIMEOUT_MS = 1000;
const CLOCK_STEP_MS = 50;

export interface CollectorOptions {
  readonly settings: TraceSettings;
  readonly version: string;
  readonly nodeName: string;
  readonly clock: Clock;
  /** Threads that run now, the main thread among them. */
  readonly slots: () => readonly string[];
  /** See ExporterOptions. */
  readonly turned: (isTaking: boolean) => void;
}

const TraceCollector = defineActor<TraceCollectorP, Tracing, Tracing>({
  name: TRACE_COLLECTOR,
  init: (_ctx, tracing) => tracing,
  handle: { spans: (tracing, { spans }) => tracing.take(spans), sync: () => null },
});

interface NodeTracingOptions extends Omit<CollectorOptions, 'settings' | 'slots' | 'turned'> {
  readonly config: Pick<Config, 'tracing'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly slots: () => readonly SlotStatus[];
}

/** Tracing as the configuration has it; says in the log what of it was not understood. */
export function nodeTracing({ config, log, slots, ...rest }: NodeTracingOptions): Tracing {
  const settings = config.tracing;
  for (const warning of settings.warnings) log.warn({ warning }, 'tracing');
  const up = (): string[] => slots().flatMap((slot) => (slot.up ? [slot.name] : []));
  const turned = (isTaking: boolean): void => {
    if (isTaking) log.info('tracing: the collector takes spans again');
    else log.warn('tracing: the collector takes no spans; they are dropped meanwhile');
  };
  return new Tracing({ ...rest, settings, turned, slots: () => ['main', ...up()] });
}

/** Tracing of the node. */
export class Tracing {
  readonly #options: CollectorOptions;
  readonly #store = new SpanStore();
  readonly #exporter: TraceExporter | undefined;
  #sampling: Sampling;
  #back: TimerHandle | undefined;
  #received = 0;
  #wallOffset = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
    const { clock, nodeName, settings, version } = options;
    this.#sampling = settings;
    if (!settings.isOn || settings.exporter === 'none') return;
    const { serviceName } = settings;
    const toWall = (ms: number): number => this.#toWall(ms);
    const load = async () =>
      (await import('./otlp.ts')).createOtlpSender({ serviceName, version, nodeName, toWall });
    this.#exporter = new TraceExporter({ settings, clock, load, turned: options.turned });
  }

  /** The actor that threads send their spans to, and the main thread's own courier. */
  get children(): readonly ChildSpec[] {
    const named = { name: name<TraceCollectorP>(TRACE_COLLECTOR), restart: 'permanent' } as const;
    const collector = child(TRACE_COLLECTOR, TraceCollector, this, named);
    return [collector, spanCourier(this.#options.settings)];
  }

  take(spans: Parameters<TraceCollectorP['spans']>[0]['spans']): void {
    this.#received += spans.length;
    this.#store.add(spans);
    this.#exporter?.add(spans);
  }

  /** Where message (sid, seq) went; undefined when no span of it is kept. */
  async message(sid: number, seq: number): Promise<MessagePath | undefined> {
    await this.#gather();
    const spans = this.#store.ofMessage(sid, seq);
    return messagePath(spans, { sid, seq }, (ms) => this.#toWall(ms));
  }

  /** Sampling of all threads as it is now. */
  get sampling(): Sampling {
    const { followsParent, isOn, ratio } = this.#sampling;
    return { isOn, ratio, followsParent };
  }

  /**
   * Samples this share on all threads for `forMs`, then what the configuration says again. Resolves when the threads do so, but for
   * those that do not answer.
   */
  async sample(ratio: number, forMs: number): Promise<void> {
    const { clock, settings } = this.#options;
    if (this.#back !== undefined) clock.clearTimeout(this.#back);
    this.#back = clock.setTimeout(() => {
      this.#back = undefined;
      void this.#set(settings);
    }, forMs);
    this.#back.unref?.();
    await this.#set({ isOn: true, ratio, followsParent: settings.followsParent });
  }

  /** The server stops: what is finished still goes out, for as long as `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    if (this.#back !== undefined) clock.clearTimeout(this.#back);
    if (this.#exporter === undefined) return;
    await this.#gather();
    const late = Promise.withResolvers<void>();
    const timer = clock.setTimeout(late.resolve, timeoutMs);
    await Promise.race([this.#exporter.flush(), late.promise]);
    clock.clearTimeout(timer);
  }

  counters(): Readonly<Record<string, number>> {
    return {
      received: this.#received,
      kept: this.#store.size,
      exportWaiting: this.#exporter?.waiting ?? 0,
      ...this.#exporter?.counters,
      ...tracingCounters(),
    };
  }

  async #set(sampling: Sampling): Promise<void> {
    const { followsParent, isOn, ratio } = sampling;
    this.#sampling = { isOn, ratio, followsParent };
    const told = this.#options.slots().map((slot) =>
      call(at<SpanCourierP>(slot, SPAN_COURIER), 'sample', this.#sampling, {
        timeoutMs: ASK_TIMEOUT_MS,
      }),
    );
    await Promise.allSettled(told);
  }

  /** What is finished on the threads comes here now; a thread that does not answer is left out. */
  async #gather(): Promise<void> {
    const asked = this.#options.slots().map((slot) =>
      call(at<SpanCourierP>(slot, SPAN_COURIER), 'flush', undefined, {
        timeoutMs: ASK_TIMEOUT_MS,
      }),
    );
    await Promise.allSettled(asked);
    // Behind the spans, which came over the same lanes before the answers.
    await call(name<TraceCollectorP>(TRACE_COLLECTOR), 'sync');
  }

  #toWall(ms: number): number {
    const { clock } = this.#options;
    const offset = clock.now() - clock.monotonic();
    // Whole milliseconds would shuffle spans: the offset stays until the clock was set.
    if (Math.abs(offset - this.#wallOffset) > CLOCK_STEP_MS) this.#wallOffset = offset;
    return ms + this.#wallOffset;
  }
}
