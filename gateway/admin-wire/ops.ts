/**
 * Opcodes, subprotocols and close codes of the admin socket: element 0 of each frame is 96 to 127, which the chat's socket answers
 * with ERR 103. Only names and numbers; runs anywhere. A number never gets a new meaning.
 */

/** Opcodes by name. HELLO, OK, ERR and EVENT come from the server, the others from the client. */
export const AdminOp = {
  HELLO: 96,
  AUTH: 97,
  OK: 98,
  ERR: 99,
  CALL: 100,
  SUB: 101,
  UNSUB: 102,
  EVENT: 103,
} as const;

/** How frames are written: msgpack in binary messages, or JSON in text messages. */
export type AdminEncoding = 'mp' | 'json';

/** `sec-websocket-protocol` of each encoding. */
export const ADMIN_SUBPROTOCOL: Readonly<Record<AdminEncoding, string>> = {
  mp: 'driftway.admin.v1.mp',
  json: 'driftway.admin.v1.json',
};

/** Close codes, the same numbers and meanings as on the chat's socket (gateway/protocol). */
export const AdminClose = {
  SERVER_ERROR: 4000,
  DRAINING: 4001,
  TOO_SLOW: 4002,
  AUTH_EXPIRED: 4003,
  OVERLOADED: 4006,
  DEADLINE: 4007,
  RATE_ABUSE: 4008,
  BAD_FRAME: 4500,
  TOO_LARGE: 4501,
  AUTH_FAILED: 4504,
  REVOKED: 4507,
} as const;

/** Bounds of the wire. README.md of supervisors/admin lists them for people who write clients. */
export const AdminLimits = {
  /** Of a client's frame; a longer one closes with 4501. */
  inboundBytesMax: 64 * 1024,
  /** Of a server's frame; a longer result is answered with ERR `too_large`. */
  outboundBytesMax: 256 * 1024,
  /** Arrays and maps in each other, the frame itself included. */
  depthMax: 12,
  /** Values in a client's frame. */
  inboundValuesMax: 8_192,
  /** Values in a server's frame. */
  outboundValuesMax: 262_144,
  /** Time for AUTH where HELLO wants one. */
  authDeadlineMs: 10_000,
  tokenCharsMax: 2_048,
} as const;

/**
 * The first offered subprotocol that the server speaks, in the client's order; undefined without one.
 * @param offered value of `sec-websocket-protocol`
 */
export function selectAdminEncoding(offered: string): AdminEncoding | undefined {
  for (const item of offered.split(',')) {
    const name = item.trim();
    if (name === ADMIN_SUBPROTOCOL.mp) return 'mp';
    if (name === ADMIN_SUBPROTOCOL.json) return 'json';
  }
  return undefined;
}
