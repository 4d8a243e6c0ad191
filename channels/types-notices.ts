/**
 * Contracts of notices: frames without a seq (UNREAD, RECEIPT, TYPING ...), read markers and mentions.
 * Types only: every thread imports this file, nothing here runs; the contracts of types.ts are built on it.
 */
import type { Id, Ms, Seq } from './store-contract.ts';
import type { Result } from './types-domain.ts';

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

/** Where the head of a stream is: one entry of UNREAD. */
export interface HeadMoved {
  readonly sid: Id;
  readonly seq: Seq;
  readonly ts: Ms;
}

/** Encoders of the frames that streams, guilds and users broadcast; gateway/protocol implements them. */
export interface NoticeCodec {
  /** UNREAD: as many frames as the bound of a broadcast asks for. Fresh bytes. */
  encodeUnread(moved: readonly HeadMoved[]): readonly Uint8Array[];
  /** RECEIPT of one stream. Fresh bytes. */
  encodeReceipt(sid: Id, markers: readonly (readonly [uid: Id, seq: Seq])[]): Uint8Array;
  /** False only for an EV frame (kind 1) that surely mentions nobody: its content holds no `<@`, no flag is set. */
  mayMention(frame: Uint8Array): boolean;
}

/** `ok` false without `retryMs`: absent or forbidden, without a difference. */
export type MarkReply =
  | { readonly ok: true; readonly seq: Seq }
  | { readonly ok: false; readonly retryMs?: Ms };

/** What a stream understands of notices. */
export interface StreamNoticesP {
  /**
   * Tells everybody who is subscribed now, behind the events published before. Best effort: no seq, not
   * kept, lost where nobody is joined, where a socket lags, and under pressure.
   */
  broadcast(m: Notice): void;
  /**
   * From the user entity: how far the marker may go, which stands at `known`. Never below it, never beyond
   * the head. A marker that moves is a RECEIPT in a small channel.
   */
  mark(m: { readonly uid: Id; readonly seq: Seq; readonly known: Seq }): MarkReply;
  /** Starts the stream, which looks for mentions that a crash left untold; else does nothing. */
  resume(m: Record<string, never>): void;
}

/** What a stream asks of the guild or dm that it belongs to. */
export interface UnreadP {
  /** The head of one of its streams has moved; told at most once per second and stream. */
  moved(m: HeadMoved): void;
  /**
   * Whom a message to everyone reaches in `sid`: all who may view it, in guilds of more than 250 members
   * only those online. null = the store cannot be read now.
   */
  everyone(m: { readonly sid: Id }): readonly Id[] | null;
}

/** What a user entity understands of read markers. */
export interface UserMarkersP {
  /**
   * Moves the marker of a stream to `seq`, clipped to its head; never back. Gives the marker that holds.
   * Kept within 2 s and told to the user's other sessions (kind 43). `session`: the one that asks.
   * 'not_found' when the stream is absent or may not be viewed.
   */
  mark(m: {
    readonly sid: Id;
    readonly seq: Seq;
    readonly session?: string;
  }): Result<{ readonly seq: Seq }>;
  /** The markers of these streams, in this order; 0 where nothing was read. At most 1000. */
  markers(m: { readonly sids: readonly Id[] }): Result<readonly Seq[]>;
  /**
   * Own messages that were committed, at most one per stream and second: they move the own marker. Their
   * OK proves right and seq, so no stream is asked.
   */
  wrote(m: {
    readonly at: readonly (readonly [sid: Id, seq: Seq])[];
    readonly session?: string;
  }): void;
}
