/**
 * Opcodes of Driftway v1 (protocol.md 2.4): element 0 of every frame.
 * Only numbers and names; runs anywhere. A number never gets a new meaning.
 */

/** Opcodes by name. Server to client: HELLO to SUBEND (below 32); client to server: the rest and IDENTIFY, TIME, REAUTH. */
export const Op = {
  HELLO: 1,
  IDENTIFY: 2,
  OK: 4,
  ERR: 5,
  PING: 6,
  TIME: 7,
  REAUTH: 8,
  AUTH_EXPIRING: 9,
  RECONNECT: 10,
  BATCH: 12,
  EV: 16,
  HEAD: 17,
  GAP: 18,
  UNREAD: 19,
  TYPING: 20,
  PRESENCE: 21,
  MWIN: 22,
  VOICE: 23,
  RECEIPT: 24,
  SUBEND: 25,
  SUB: 32,
  UNSUB: 33,
  APPEND: 34,
  HISTORY: 35,
  SYNC: 36,
  MARK: 37,
  TYPE: 38,
  STATUS: 39,
  MWIN_OPEN: 40,
  MWIN_CLOSE: 41,
  MEMBERS: 42,
  GUILD: 43,
  V_JOIN: 48,
  V_LEAVE: 49,
  V_TRANSPORT: 50,
  V_CONNECT: 51,
  V_PRODUCE: 52,
  V_CONSUME: 53,
  V_PAUSE: 54,
  V_CLOSE: 55,
  V_STATE: 56,
  V_ICE: 57,
  V_SYNC: 58,
  V_E2E: 60,
} as const;

/** Name of an opcode that this version speaks. */
export type OpName = keyof typeof Op;

/** Opcode that this version speaks. */
export type OpCode = (typeof Op)[OpName];

/** Opcodes that a client may send. Every other opcode from a client is answered with ERR 103. */
export const CLIENT_OPS: ReadonlySet<number> = new Set<number>([
  Op.IDENTIFY,
  Op.TIME,
  Op.REAUTH,
  Op.SUB,
  Op.UNSUB,
  Op.APPEND,
  Op.HISTORY,
  Op.SYNC,
  Op.MARK,
  Op.TYPE,
  Op.STATUS,
  Op.MWIN_OPEN,
  Op.MWIN_CLOSE,
  Op.MEMBERS,
  Op.GUILD,
  Op.V_JOIN,
  Op.V_LEAVE,
  Op.V_TRANSPORT,
  Op.V_CONNECT,
  Op.V_PRODUCE,
  Op.V_CONSUME,
  Op.V_PAUSE,
  Op.V_CLOSE,
  Op.V_STATE,
  Op.V_ICE,
  Op.V_SYNC,
  Op.V_E2E,
]);
