/**
 * Permission bits (protocol.md 2.4, `perms`) and who has them now: the owner every bit, a member the
 * default of the everyone role (2.17 item 18). Pure.
 */

export const PERM_VIEW = 1 << 0;
export const PERM_HISTORY = 1 << 1;
export const PERM_SEND = 1 << 2;
export const PERM_REACT = 1 << 3;
export const PERM_PIN = 1 << 4;
export const PERM_MANAGE = 1 << 5;
export const PERM_CONNECT = 1 << 6;
export const PERM_SPEAK = 1 << 7;
export const PERM_VIDEO = 1 << 8;
export const PERM_MOVE = 1 << 9;
/** Recordings of a voice channel: beyond protocol.md, which leaves the higher bits free. */
export const PERM_RECORD = 1 << 10;
/** Playing a file of the server into a voice channel: as above. */
export const PERM_PLAY = 1 << 11;

/** Every defined bit: the owner, and a user on the own inbox. */
export const PERMS_ALL = (1 << 12) - 1;

/** The everyone role of a new guild. */
export const PERMS_EVERYONE =
  PERM_VIEW | PERM_HISTORY | PERM_SEND | PERM_REACT | PERM_CONNECT | PERM_SPEAK | PERM_VIDEO;

/** True when `perms` has the bit. */
export function may(perms: number, bit: number): boolean {
  return (perms & bit) !== 0;
}
