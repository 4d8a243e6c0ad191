/**
 * Owns one of the programs that voice runs (the media worker, the audio sidecar) on the main thread: whether it is there, and if not, its
 * making, which native/ carries out in a process of its own. The server never waits for it.
 */
import type { Clock } from '../../runtime/index.ts';
import type { Logger } from '../log.ts';
import type { BinaryState } from './types.ts';

export interface BinaryProgress {
  readonly step: string;
  readonly text: string;
  /** 0 to 1. */
  readonly share?: number;
}

export type BinaryEnd =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** A folder of native/, as far as it is used here. */
export interface BinarySource {
  /** The program where it is there already: cheap, touches only the file system. */
  cached(): string | undefined;
  /** Makes it, or tests the given one. Never rejects. */
  make(options: {
    readonly given?: string;
    readonly signal: AbortSignal;
    readonly onProgress: (progress: BinaryProgress) => void;
  }): Promise<BinaryEnd>;
}

export interface NativeBinaryOptions {
  /** As the log calls it. */
  readonly what: string;
  readonly isOn: boolean;
  /** One of the operator's own; null: none. */
  readonly given: string | null;
  /** Asked when the server is ready, so that the start does not load it. */
  readonly load: () => Promise<BinarySource>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** After a failure it is looked for at most so often: another process may have made it. */
const LOOK_MS = 10_000;

export class NativeBinary {
  readonly #options: NativeBinaryOptions;
  readonly #abort = new AbortController();
  #state: BinaryState;
  #source: BinarySource | undefined;
  #lookedMs = 0;

  constructor(options: NativeBinaryOptions) {
    this.#options = options;
    this.#state = options.isOn
      ? { state: 'preparing', step: 'looking', share: null }
      : { state: 'off' };
  }

  /** Looks for it, and makes it where it is not there; resolves when that is over, and never rejects. Once, when the server is ready. */
  async begin(): Promise<void> {
    if (!this.#options.isOn) return;
    const { signal } = this.#abort;
    let end: BinaryEnd | undefined;
    try {
      end = await this.#have(signal);
    } catch (error) {
      end = { ok: false, code: 'failed', message: String(error) };
    }
    if (end !== undefined && !signal.aborted) this.#ended(end);
  }

  /** undefined: it was there, or nobody wants it any more. */
  async #have(signal: AbortSignal): Promise<BinaryEnd | undefined> {
    const { given, load, log, what } = this.#options;
    const source = await load();
    this.#source = source;
    const found = given === null ? source.cached() : undefined;
    if (found !== undefined) {
      this.#state = { state: 'ready', path: found };
      log.info(`voice: the ${what} is ready`);
      return undefined;
    }
    if (signal.aborted) return undefined;
    log.info(`voice: the ${what} is looked for or made in the background`);
    return source.make({
      ...(given === null ? {} : { given }),
      signal,
      onProgress: (progress) => this.#stepped(progress),
    });
  }

  /** How it stands; looks again where it could not be made. */
  look(): BinaryState {
    const { clock, given } = this.#options;
    if (this.#state.state !== 'failed' || given !== null) return this.#state;
    const now = clock.monotonic();
    if (now - this.#lookedMs < LOOK_MS) return this.#state;
    this.#lookedMs = now;
    const path = this.#source?.cached();
    if (path !== undefined) this.#state = { state: 'ready', path };
    return this.#state;
  }

  /** Ends the making with all its processes. */
  close(): void {
    this.#abort.abort();
  }

  #stepped({ share, step, text }: BinaryProgress): void {
    if (this.#state.state !== 'preparing') return;
    if (this.#state.step !== step) {
      const { log, what } = this.#options;
      log.info({ step, detail: text }, `voice: the ${what} is being prepared`);
    }
    this.#state = { state: 'preparing', step, share: share ?? null };
  }

  #ended(end: BinaryEnd): void {
    const { clock, log, what } = this.#options;
    if (end.ok) {
      this.#state = { state: 'ready', path: end.path };
      log.info(`voice: the ${what} is ready`);
      return;
    }
    const { code, message } = end;
    this.#lookedMs = clock.monotonic();
    this.#state = { state: 'failed', code, message };
    log.warn({ code, reason: message }, `voice: there is no ${what}; the chat does without`);
  }
}
