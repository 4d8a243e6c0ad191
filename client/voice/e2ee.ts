/**
 * The page's side of end-to-end encryption: starts the worker, tells it who is in the room and what they send each other, and puts
 * its transforms on senders and receivers. Browser main thread. A transform must be put on inside mediasoup-client's onRtpSender and
 * onRtpReceiver: later it is taken and silently not used.
 */
import type { KeyExchange } from './types.ts';

/** To the worker. */
export type E2eeRequest =
  | { readonly kind: 'start'; readonly secret: string; readonly sid: number; readonly uid: number }
  | { readonly kind: 'joined'; readonly uids: readonly number[] }
  | { readonly kind: 'people'; readonly uids: readonly number[] }
  | { readonly kind: 'message'; readonly from: number; readonly data: string }
  | { readonly kind: 'sent'; readonly id: number; readonly isSent: boolean }
  | { readonly kind: 'counts' };

/** Frames since the worker started, and messages of others. */
export interface E2eeCounts {
  readonly sealed: number;
  readonly opened: number;
  /** Not authentic, though their key is there. */
  readonly dropped: number;
  /** Without a key: not given to us (yet), or not encrypted. */
  readonly unknown: number;
  /** Key messages that were not authentic. */
  readonly rejected: number;
  /** Time from a frame's arrival to its end, all frames together. */
  readonly busyMs: number;
}

/** From the worker. */
export type E2eeReply =
  | ({ readonly kind: 'counts' } & E2eeCounts)
  | {
      readonly kind: 'send';
      readonly id: number;
      readonly to: number | null;
      readonly data: string;
    };

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

/** End-to-end encryption of one session: `cipher` of its engine and `keys` of the session itself. */
export class Encryption implements FrameCipher, KeyExchange {
  readonly #worker: Worker;
  readonly #uid: number;
  #asked: ((counts: E2eeCounts) => void)[] = [];
  #send: Parameters<KeyExchange['start']>[0] = () => Promise.resolve(false);

  /** @param options address of the bundled e2ee-worker.ts, secret of at least 16 characters, channel, own user */
  constructor(options: {
    readonly workerUrl: string;
    readonly secret: string;
    readonly sid: number;
    readonly uid: number;
  }) {
    const { workerUrl, secret, sid, uid } = options;
    this.#uid = uid;
    this.#worker = new Worker(workerUrl, { name: 'driftway-e2ee' });
    this.#worker.onmessage = ({ data }: MessageEvent<E2eeReply>) => void this.#onReply(data);
    this.#tell({ kind: 'start', secret, sid, uid });
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

  start(send: Parameters<KeyExchange['start']>[0]): void {
    this.#send = send;
  }

  joined(uids: readonly number[]): void {
    this.#tell({ kind: 'joined', uids });
  }

  people(uids: readonly number[]): void {
    this.#tell({ kind: 'people', uids });
  }

  receive(from: number, data: string): void {
    this.#tell({ kind: 'message', from, data });
  }

  counts(): Promise<E2eeCounts> {
    return new Promise((resolve) => {
      // One question for all who wait.
      if (this.#asked.push(resolve) === 1) this.#tell({ kind: 'counts' });
    });
  }

  close(): void {
    this.#worker.terminate();
  }

  async #onReply(reply: E2eeReply): Promise<void> {
    if (reply.kind === 'counts') {
      for (const resolve of this.#asked.splice(0)) resolve(reply);
      return;
    }
    const { id, to, data } = reply;
    this.#tell({ kind: 'sent', id, isSent: await this.#send(to, data) });
  }

  #transform(options: E2eeTransform): RTCRtpScriptTransform {
    return new RTCRtpScriptTransform(this.#worker, options);
  }

  #tell(request: E2eeRequest): void {
    this.#worker.postMessage(request);
  }
}
