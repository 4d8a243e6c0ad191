/**
 * Small number spaces inside frames: event kinds, message flags, permission bits, GAP reasons,
 * SUB statuses, voice (protocol.md 2.4, 2.5, 2.7, 2.15). Runs anywhere.
 */

/** Event kinds (element 5 of EV). Clients advance their position over kinds they do not know. */
export const Kind = {
  REDACTED: 0,
  MSG_CREATE: 1,
  MSG_EDIT: 2,
  MSG_DELETE: 3,
  REACT_ADD: 4,
  REACT_DEL: 5,
  PIN: 6,
  CHAN_META: 7,
  GUILD_META: 20,
  CHAN_CREATE: 21,
  CHAN_UPDATE: 22,
  CHAN_DELETE: 23,
  ROLE_UPSERT: 24,
  ROLE_DELETE: 25,
  MEMBER_JOIN: 26,
  MEMBER_LEAVE: 27,
  MEMBER_UPDATE: 28,
  GUILD_JOINED: 40,
  GUILD_LEFT: 41,
  DM_OPENED: 42,
  MARKER: 43,
  MENTION: 44,
  ACL_CHANGED: 46,
  SESSION_REVOKED: 47,
} as const;

/** Bits of a message's flags. A client may set SILENT and EVERYONE; EDITED is the server's. */
export const MsgFlag = { SILENT: 1, EVERYONE: 2, EDITED: 4 } as const;

/** Bits of `perms`. */
export const Perm = {
  VIEW: 1,
  HISTORY: 2,
  SEND: 4,
  REACT: 8,
  PIN: 16,
  MANAGE: 32,
  CONNECT: 64,
  SPEAK: 128,
  VIDEO: 256,
  MOVE: 512,
  RECORD: 1024,
  PLAY: 2048,
} as const;

/** Reasons of a GAP. For EPOCH, FORK and AHEAD everything cached for the stream is void. */
export const GapReason = {
  TOO_FAR: 1,
  EPOCH: 2,
  FORK: 3,
  AHEAD: 4,
  NO_HISTORY: 5,
  TRIMMED: 6,
  SLOW: 7,
  LOST: 8,
} as const;

/** Status of a SUB entry. */
export const SubStatus = { LIVE: 0, REPLAYING: 1, GAP: 2, REFUSED: 3, OVER_LIMIT: 4 } as const;

/** Kinds of VOICE. Clients ignore kinds they do not know. */
export const VoiceKind = {
  JOINED: 1,
  LEFT: 2,
  STATE: 3,
  PRODUCER: 4,
  PRODUCER_CLOSED: 5,
  SPEAKING: 6,
  PRODUCER_PAUSED: 7,
  MOVED: 8,
  ENDED: 9,
  E2E: 10,
  EPOCH: 11,
  CONSUMER: 12,
  CONSUMER_CLOSED: 13,
  QUALITY: 14,
  RECORDING: 15,
  DOMINANT: 16,
  RELOCATE: 17,
  PLAYBACK: 18,
  RENEWED: 19,
} as const;

/** VOICE kinds that change the roster: each moves `ver` by one, the others repeat the present value (protocol.md 2.15). */
export const VOICE_ROSTER_KINDS: ReadonlySet<number> = new Set([
  VoiceKind.JOINED,
  VoiceKind.LEFT,
  VoiceKind.STATE,
  VoiceKind.PRODUCER,
  VoiceKind.PRODUCER_CLOSED,
  VoiceKind.PRODUCER_PAUSED,
  VoiceKind.MOVED,
  VoiceKind.EPOCH,
]);

/** Bits of V_JOIN's flags; others are refused. */
export const VoiceJoin = { MUTED: 1, DEAF: 2, BUNDLED: 4, LISTEN: 8, COMPACT: 16 } as const;

/** Bits of V_STATE's flags; others are refused. */
export const VoiceState = { HAND: 1, TALK: 2 } as const;

/** Bits of a participant's flags. */
export const VoicePart = {
  MUTED: 1,
  DEAF: 2,
  SERVER_MUTED: 4,
  SERVER_DEAF: 8,
  PRIORITY: 16,
  SPEAKER: 32,
  HAND: 64,
  RECORDED: 128,
} as const;

/**
 * Whether a GAP reason voids everything that the client has cached for the stream.
 * @param reason GAP reason
 * @returns true for epoch changed, fork and client ahead
 */
export function gapVoidsCache(reason: number): boolean {
  return reason === GapReason.EPOCH || reason === GapReason.FORK || reason === GapReason.AHEAD;
}
