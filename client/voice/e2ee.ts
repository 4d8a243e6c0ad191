/**
 * The page's side of end-to-end encryption: starts the worker, gives it the room's secret, and puts its transforms on senders and
 * receivers. Browser main thread. A transform must be put on inside mediasoup-client's onRtpSender and onRtpReceiver: later it is
 * taken and silently not used.
 */

/** To the worker. */
export type E2eeRequest =
  | { readonly kind: 'keys'; readonly secret: string; readonly sid: number }
  | { readonly kind: 'counts' };

/** From the worker: frames since it started. */
export interface E2eeCounts {
  readonly sealed: number;
  readonly opened: number;
  /** Not authentic, or without a key. */
  readonly dropped: number;
  /** Time from a frame's arrival to its end, all frames together. */
  readonly busyMs: number;
}

/** What a transform does: `uid` is whose voice passes. */
export interface E2eeTransform {
  readonly dir: 'seal' | 'open';
  readonly uid: number;
}

/** What the engine puts on senders and receivers. */
export interface FrameCipher {
  seal(sender: RTCRtpSender): void;
  open(receiver: RTCRtpReceiver, uid: number): void;
}

/** End-to-end encryption of one room. */
export class Encryption implements FrameCipher {
  readonly #worker: Worker;
  readonly #uid: number;

  /** @param options address of the bundled e2ee-worker.ts, secret of at least 16 characters, channel, own user */
  constructor(options: {
    readonly workerUrl: string;
    readonly secret: string;
    readonly sid: number;
    readonly uid: number;
  }) {
    this.#uid = options.uid;
    this.#worker = new Worker(options.workerUrl, { name: 'driftway-e2ee' });
    this.#ask({ kind: 'keys', secret: options.secret, sid: options.sid });
  }

  /** Whether this browser can (Chromium 141, Firefox 117, Safari 15.4 on). */
  static isSupported(): boolean {
    return typeof RTCRtpScriptTransform === 'function';
  }

  seal(sender: RTCRtpSender): void {
    sender.transform = this.#transform({ dir: 'seal', uid: this.#uid });
  }

  open(receiver: RTCRtpReceiver, uid: number): void {
    receiver.transform = this.#transform({ dir: 'open', uid });
  }

  counts(): Promise<E2eeCounts> {
    return new Promise((resolve) => {
      this.#worker.onmessage = ({ data }: MessageEvent<E2eeCounts>) => resolve(data);
      this.#ask({ kind: 'counts' });
    });
  }

  close(): void {
    this.#worker.terminate();
  }

  #transform(options: E2eeTransform): RTCRtpScriptTransform {
    return new RTCRtpScriptTransform(this.#worker, options);
  }

  #ask(request: E2eeRequest): void {
    this.#worker.postMessage(request);
  }
}
