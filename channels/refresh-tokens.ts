/**
 * Refresh tokens (api.md, POST /auth/refresh): 256 random bits, opaque to clients, only a hash is
 * stored. The successor of a token is computed from it with the server's secret, so that a repeat of
 * a lost rotation gives the same successor again, even by another process. A tag shows that a token
 * was issued by this server at some time: an old one that comes back ends its family, a forged one
 * does nothing. Pure functions.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A token taken apart. */
export interface RefreshToken {
  /** The family: 22 base64url characters. */
  readonly login: string;
  readonly secret: Uint8Array;
}

const LOGIN_BYTES = 16;
const SECRET_BYTES = 32;
const TAG_BYTES = 16;
const TOKEN_BYTES = LOGIN_BYTES + SECRET_BYTES + TAG_BYTES;
const TOKEN_FORM = /^[A-Za-z0-9_-]{86}$/;

/** Random bytes of the first token of a family. */
export const REFRESH_SECRET_BYTES = SECRET_BYTES;

/** The token as the client keeps it. */
export function writeToken(serverSecret: Uint8Array, token: RefreshToken): string {
  const login = Buffer.from(token.login, 'base64url');
  return Buffer.concat([login, token.secret, tagOf(serverSecret, token)]).toString('base64url');
}

/** A token that this server issued at some time, or undefined. */
export function readToken(serverSecret: Uint8Array, text: string): RefreshToken | undefined {
  if (!TOKEN_FORM.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.byteLength !== TOKEN_BYTES || bytes.toString('base64url') !== text) return undefined;
  const login = bytes.subarray(0, LOGIN_BYTES).toString('base64url');
  const token = { login, secret: bytes.subarray(LOGIN_BYTES, LOGIN_BYTES + SECRET_BYTES) };
  const tag = bytes.subarray(LOGIN_BYTES + SECRET_BYTES);
  return timingSafeEqual(tag, tagOf(serverSecret, token)) ? token : undefined;
}

/** The one token that may follow. */
export function successorOf(serverSecret: Uint8Array, token: RefreshToken): RefreshToken {
  return { login: token.login, secret: mac(serverSecret, 'next', token) };
}

/** What is stored of a token. */
export function hashToken(token: RefreshToken): string {
  return createHash('sha256').update(token.secret).digest('base64url');
}

/** Compares stored hashes in constant time. */
export function sameHash(a: string, b: string | null): boolean {
  if (b === null || a.length !== b.length) return false;
  return timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function tagOf(serverSecret: Uint8Array, token: RefreshToken): Uint8Array {
  return mac(serverSecret, 'tag', token).subarray(0, TAG_BYTES);
}

function mac(serverSecret: Uint8Array, use: 'next' | 'tag', token: RefreshToken): Uint8Array {
  const hmac = createHmac('sha256', serverSecret);
  return hmac.update(`driftway-refresh-${use}\0${token.login}\0`).update(token.secret).digest();
}
