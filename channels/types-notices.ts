/**
 * Contracts of notices: frames without a seq (UNREAD, RECEIPT, TYPING ...), and read markers. Types
 * only: every thread imports this file, nothing here runs.
 */

/**
 * Classes of frames that are no events. Under pressure a gateway thread drops them in this order: typing,
 * then presence and receipts, then unread (protocol.md 2.13); voice is never shed there.
 */
export type ShedClass = 'typing' | 'presence' | 'receipt' | 'unread' | 'voice';

/** A frame that is fanned out once and kept nowhere. */
export interface Notice {
  /** A whole msgpack frame (EventCodec.encodeNotice) under 16 KiB; never changed after it is sent. */
  readonly frame: Uint8Array;
  readonly class: ShedClass;
}

/** What a stream understands of notices. */
export interface StreamNoticesP {
  /**
   * Tells everybody who is subscribed now, behind the events published before. Best effort: no seq, not
   * kept, lost where nobody is joined, where a socket lags, and under pressure.
   */
  broadcast(m: Notice): void;
}
