/**
 * WebSocket close codes of Driftway v1 (protocol.md 2.12). The range tells the client what to do:
 * 4000-4499 reconnect, 4500-4999 stop until something changes. Runs anywhere.
 */

/** Close codes by name. */
export const Close = {
  SERVER_ERROR: 4000,
  DRAINING: 4001,
  TOO_SLOW: 4002,
  AUTH_EXPIRED: 4003,
  OVERLOADED: 4006,
  DEADLINE: 4007,
  RATE_ABUSE: 4008,
  BAD_FRAME: 4500,
  TOO_LARGE: 4501,
  NOT_IDENTIFIED: 4502,
  ALREADY_IDENTIFIED: 4503,
  AUTH_FAILED: 4504,
  SESSION_REPLACED: 4505,
  UNSUPPORTED_VERSION: 4506,
  REVOKED: 4507,
  CONNECTION_LIMIT: 4508,
} as const;

/** Name of a close code in this file. */
export type CloseName = keyof typeof Close;

/** Close code of this version. */
export type CloseCode = (typeof Close)[CloseName];

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Close).map(([name, code]) => [code, name.toLowerCase()]),
);

/**
 * Wire name of a close code: the close reason, and the `name` of the ERR with rid 0 before it.
 * @param code any number
 * @returns the name, or `unknown` for a code of a later version
 */
export function closeName(code: number): string {
  return NAMES.get(code) ?? 'unknown';
}

/**
 * What the range of a close code tells a client.
 * @param code close code seen (1006 when no close frame came)
 * @returns `stop` for 4500-4999, else `reconnect`
 */
export function closeAction(code: number): 'reconnect' | 'stop' {
  return code >= 4500 && code <= 4999 ? 'stop' : 'reconnect';
}
