/**
 * Sizes, counts and times of protocol.md 2.8, 2.13 and 2.14 that both ends must agree on.
 * Rates are not here (gateway/rate-table.ts). Constants only; runs anywhere.
 */

/** Protocol version: first element of HELLO's body, and in the subprotocol names. */
export const PROTOCOL_VERSION = 1;

/** WebSocket subprotocol of each encoding. */
export const SUBPROTOCOL = { mp: 'driftway.v1.mp', json: 'driftway.v1.json' } as const;

/** Limits of protocol.md. Units are in the names; counts have none. */
export const Limits = {
  /** Native WebSocket message bound, above the protocol's own so that 4501 can be said. */
  nativeFrameBytesMax: 64 * 1024,
  /** Client to server. */
  inboundFrameBytesMax: 32 * 1024,
  /** Server to client. */
  outboundFrameBytesMax: 128 * 1024,
  batchBytesMax: 64 * 1024,
  batchEventsMax: 200,
  /** One broadcast frame stays below this (uWS merged-write path). */
  broadcastFrameBytesMax: 16 * 1024,
  /** Depth of arrays, the frame itself being 1. */
  inboundDepthMax: 4,
  outboundDepthMax: 8,
  /** Values in an inbound frame, arrays included, the frame itself not. */
  inboundValuesMax: 2048,
  contentCodePointsMax: 4000,
  contentBytesMax: 12_000,
  stringBytesMax: 256,
  nameBytesMax: 64,
  emojiBytesMax: 64,
  nonceCharsMax: 36,
  /** Access tokens are the one string above stringBytesMax (a JWT of this server is about 400 bytes). */
  tokenBytesMax: 4096,
  /** A `J`: JSON text that the room reads. */
  jsonBytesMax: 24 * 1024,
  /** base64 of V_E2E, so that what it becomes stays a broadcast frame. */
  voiceRelayBytesMax: 12 * 1024,
  /** Ids in each list of V_SYNC. */
  voiceIdsMax: 500,
  attachmentsMax: 10,
  combiningRunMax: 16,
  streamsMax: 500,
  subEntriesMax: 100,
  inflightMax: 64,
  historyEventsMax: 200,
  replayMax: 5000,
  dedupeMs: 600_000,
  /** A client does not retry a nonce older than this. */
  nonceRetryMs: 480_000,
  pingMs: 20_000,
  identifyDeadlineMs: 10_000,
  /** Events that a client holds behind a hole, per stream. */
  heldEventsMax: 256,
} as const;

const U53_MAX = Number.MAX_SAFE_INTEGER;
const U32_MAX = 0xffff_ffff;

/**
 * Whether a value is a u53: an integer from 0 to 2^53 - 1.
 * @param value anything
 */
export function isU53(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= U53_MAX;
}

/**
 * Whether a value is a u32: an integer from 0 to 2^32 - 1.
 * @param value anything
 */
export function isU32(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= U32_MAX;
}
