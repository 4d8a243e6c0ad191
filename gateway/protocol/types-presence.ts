/**
 * Types of typing, presence and member windows on the wire (protocol.md 2.4, 2.9): requests of a client,
 * results, frames of a server. Types only; runs nowhere.
 */
import type { Op } from './ops.ts';

/** A checked request about who is there. TYPE has no rid on the wire; 0 stands for that. */
export type PresenceRequest =
  | { readonly op: typeof Op.TYPE; readonly rid: 0; readonly sid: number }
  | {
      readonly op: typeof Op.STATUS;
      readonly rid: number;
      readonly status: 0 | 1 | 2 | 3;
      /** At most 256 bytes; null without one. */
      readonly activity: string | null;
    }
  | {
      readonly op: typeof Op.MWIN_OPEN;
      readonly rid: number;
      readonly gid: number;
      readonly from: number;
      readonly count: number;
    }
  | { readonly op: typeof Op.MWIN_CLOSE; readonly rid: number; readonly gid: number }
  | {
      readonly op: typeof Op.MEMBERS;
      readonly rid: number;
      readonly gid: number;
      /** At most 100; null when `prefix` is given. */
      readonly uids: readonly number[] | null;
      readonly prefix: string | null;
      /** 0 to 100. */
      readonly limit: number;
    };

/** One row of a leaf. */
export interface WindowRow {
  readonly uid: number;
  readonly name: string;
  readonly topRole: number;
  readonly status: number;
}

/** A leaf as the OK of MWIN_OPEN gives it. */
export interface OpenedLeaf {
  readonly leaf: number;
  readonly ver: number;
  /** Place of its first row in the whole list. */
  readonly index: number;
  readonly entries: readonly WindowRow[];
}

/** Result of MWIN_OPEN. */
export interface WindowResult {
  readonly ver: number;
  /** `[role, count]` in list order; role 0 = offline. */
  readonly groups: readonly (readonly [role: number, count: number])[];
  readonly leaves: readonly OpenedLeaf[];
}

/** One entry of the result of MEMBERS. */
export interface MemberResult {
  readonly uid: number;
  readonly name: string;
  readonly nick: string | null;
  readonly topRole: number;
  readonly roles: readonly number[];
  readonly status: number;
}

/** One entry of PRESENCE. */
export interface PresenceEntry {
  readonly uid: number;
  readonly status: number;
  readonly activity: string | null;
}

/** Frames of a server about who is there. */
export type PresenceFrame =
  | {
      readonly op: typeof Op.TYPING;
      readonly sid: number;
      /** Everybody who is typing now, the newest eight; takes the place of the frame before. */
      readonly uids: readonly number[];
      readonly total: number;
    }
  | {
      readonly op: typeof Op.PRESENCE;
      /** 0 = friends and DM partners. */
      readonly gid: number;
      readonly ver: number;
      readonly entries: readonly PresenceEntry[];
    }
  | {
      readonly op: typeof Op.MWIN;
      readonly gid: number;
      readonly list: number;
      readonly leaf: number;
      readonly ver: number;
      /** The whole leaf; empty: the leaf is gone. */
      readonly entries: readonly WindowRow[];
    };
