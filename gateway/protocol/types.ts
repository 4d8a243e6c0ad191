/**
 * Types of the wire: values, frames, cursors, the requests of a client and the frames of a server.
 * Types only; runs nowhere.
 */
import type { ErrCode } from './err-codes.ts';
import type { Op } from './ops.ts';
import type { PresenceFrame, PresenceRequest } from './types-presence.ts';
import type { VoiceRequest } from './types-voice.ts';

/** What a frame may hold (protocol.md 2.3). Numbers are integers within plus or minus 2^53 - 1. */
export type WireValue = null | boolean | number | string | readonly WireValue[];

/** A whole frame: element 0 is the opcode. */
export type Frame = readonly [op: number, ...rest: WireValue[]];

/** Encoding of a connection: msgpack in binary messages, or the same arrays as JSON text. */
export type Encoding = 'mp' | 'json';

/** Why a frame was refused; all of them are close 4500. */
export type BadFrameReason =
  | 'empty'
  | 'truncated'
  | 'trailing'
  | 'token'
  | 'number'
  | 'utf8'
  | 'depth'
  | 'values'
  | 'not_array'
  | 'opcode'
  | 'json'
  | 'object';

/** Outcome of a strict decoder. It never throws. */
export type Decoded =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly why: BadFrameReason };

/** Bounds of one decode; the defaults are those of inbound frames (depth 4, 2048 values). */
export interface DecodeOptions {
  readonly depthMax?: number;
  readonly valuesMax?: number;
}

/** Position in a stream; `ts` is the ts of the event at `seq`. */
export interface Cursor {
  readonly epoch: number;
  readonly seq: number;
  readonly ts: number;
}

/** Fields of an event without its stream; `body` has no trailing nil, 0 or empty array. */
export interface EventFields {
  readonly seq: number;
  readonly ts: number;
  readonly kind: number;
  readonly actor: number;
  readonly body: readonly WireValue[];
}

/** An event with its stream. */
export interface StreamEvent extends EventFields {
  readonly sid: number;
  readonly epoch: number;
}

/** `[18, sid, reason, epoch, from, to, ts]`; afterwards the position is (epoch, to, ts). */
export interface GapFields {
  readonly sid: number;
  readonly reason: number;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly ts: number;
}

/** Limits as HELLO states them. */
export interface HelloLimits {
  readonly maxFrameBytes: number;
  readonly maxStreams: number;
  readonly maxInflight: number;
  readonly maxContent: number;
  readonly dedupeMs: number;
  readonly replayMax: number;
  readonly batchMax: number;
}

/** Body of HELLO. */
export interface HelloFields {
  readonly ver: number;
  readonly node: string;
  readonly pingMs: number;
  readonly deadlineMs: number;
  readonly herdMs: number;
  readonly challenge: string;
  readonly limits: HelloLimits;
}

/** Result of IDENTIFY. */
export interface IdentifyResult {
  readonly session: string;
  readonly resumeKey: string;
  readonly connNo: number;
  readonly uid: number;
  readonly userSid: number;
  /** Absolute, ms since 1970. */
  readonly expMs: number;
  readonly durability: number;
  readonly caps: number;
  readonly now: number;
  readonly guilds: readonly {
    readonly gid: number;
    readonly name: string;
    readonly large: boolean;
  }[];
}

/** One entry of the result of SUB. */
export interface SubResult extends Cursor {
  readonly sid: number;
  readonly status: number;
  readonly first: number;
  readonly head: number;
}

/** Result of APPEND. */
export interface AppendResult extends Cursor {
  readonly duplicate: boolean;
}

/** Result of HISTORY. */
export interface HistoryResult {
  readonly epoch: number;
  readonly first: number;
  readonly head: number;
  readonly events: readonly StreamEvent[];
}

/** One entry of the result of SYNC. */
export interface SyncResult extends Cursor {
  readonly sid: number;
}

/** A channel as GUILD lists it. */
export interface GuildChannel extends Cursor {
  readonly sid: number;
  readonly type: number;
  readonly name: string;
  readonly perms: number;
  readonly marker: number;
}

/** Result of GUILD. */
export interface GuildResult {
  readonly aclVer: number;
  readonly channels: readonly GuildChannel[];
  readonly roles: readonly (readonly [
    id: number,
    name: string,
    color: number,
    position: number,
    perms: number,
  ])[];
  readonly viewSids: readonly number[];
  readonly large: boolean;
}

/** One entry of UNREAD: where the head of a stream is. */
export interface UnreadEntry {
  readonly sid: number;
  readonly seq: number;
  readonly ts: number;
}

/** One entry of SUB; cursor null is `[sid]`, from now. */
export interface SubEntry {
  readonly sid: number;
  readonly cursor: Cursor | null;
}

/** A checked request of a client. */
export type Request =
  | PresenceRequest
  | VoiceRequest
  | {
      readonly op: typeof Op.IDENTIFY;
      readonly rid: number;
      readonly token: string;
      readonly proof: string | null;
      readonly client: string;
      readonly caps: number;
      readonly resume: { readonly session: string; readonly key: string } | null;
    }
  | { readonly op: typeof Op.TIME; readonly rid: number }
  | {
      readonly op: typeof Op.REAUTH;
      readonly rid: number;
      readonly token: string;
      readonly proof: string | null;
    }
  | { readonly op: typeof Op.SUB; readonly rid: number; readonly entries: readonly SubEntry[] }
  | { readonly op: typeof Op.UNSUB; readonly rid: number; readonly sids: readonly number[] }
  | {
      readonly op: typeof Op.APPEND;
      readonly rid: number;
      readonly sid: number;
      readonly nonce: string;
      readonly kind: number;
      /** Checked and in canonical form: known elements only, trailing nil, 0 and empty arrays left out. */
      readonly body: readonly WireValue[];
    }
  | {
      readonly op: typeof Op.HISTORY;
      readonly rid: number;
      readonly sid: number;
      readonly anchor: number;
      readonly before: number;
      readonly after: number;
    }
  | {
      readonly op: typeof Op.SYNC;
      readonly rid: number;
      readonly entries: readonly {
        readonly sid: number;
        readonly epoch: number;
        readonly seq: number;
      }[];
    }
  | { readonly op: typeof Op.GUILD; readonly rid: number; readonly gid: number }
  | {
      readonly op: typeof Op.MARK;
      readonly rid: number;
      readonly sid: number;
      readonly seq: number;
    };

/** Outcome of parseRequest: the request, or what to answer (rid 0 where the frame has no valid one). */
export type ParsedRequest =
  | { readonly ok: true; readonly request: Request }
  | { readonly ok: false; readonly rid: number; readonly code: ErrCode };

/** `[23, vsid, ver, kind, ...body]`; kinds are VoiceKind, unknown ones are ignored. */
export interface VoiceFrame {
  readonly op: typeof Op.VOICE;
  readonly vsid: number;
  readonly ver: number;
  readonly kind: number;
  readonly body: readonly WireValue[];
}

/** A frame of the server as the client reads it. */
export type ServerFrame =
  | PresenceFrame
  | VoiceFrame
  | ({ readonly op: typeof Op.HELLO } & HelloFields)
  | { readonly op: typeof Op.OK; readonly rid: number; readonly result: readonly WireValue[] }
  | {
      readonly op: typeof Op.ERR;
      readonly rid: number;
      readonly code: number;
      readonly name: string;
      readonly retryMs: number | null;
      readonly info: WireValue;
    }
  | { readonly op: typeof Op.PING; readonly ts: number }
  | { readonly op: typeof Op.AUTH_EXPIRING; readonly msLeft: number }
  | {
      readonly op: typeof Op.RECONNECT;
      readonly minMs: number;
      readonly maxMs: number;
      readonly url: string | null;
      readonly reason: string;
    }
  | { readonly op: typeof Op.BATCH; readonly frames: readonly ServerFrame[] }
  | { readonly op: typeof Op.EV; readonly event: StreamEvent }
  | ({ readonly op: typeof Op.HEAD; readonly sid: number } & Cursor)
  | ({ readonly op: typeof Op.GAP } & GapFields)
  | { readonly op: typeof Op.UNREAD; readonly moved: readonly UnreadEntry[] }
  | {
      readonly op: typeof Op.RECEIPT;
      readonly sid: number;
      readonly markers: readonly { readonly uid: number; readonly seq: number }[];
    }
  | { readonly op: typeof Op.SUBEND; readonly sid: number; readonly code: number };
