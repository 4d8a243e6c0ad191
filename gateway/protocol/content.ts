/**
 * Rules for text that people write (protocol.md 2.12, 2.13, 2.17 item 12, H33), used by the socket and
 * by REST alike. Pure functions; run on any thread and in browsers.
 */
import { Err } from './err-codes.ts';
import { Limits } from './limits.ts';

/** 0 = accepted; 110 bad_content, 111 too_large. */
export type TextVerdict = 0 | typeof Err.BAD_CONTENT | typeof Err.TOO_LARGE;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are refused
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const COMBINING_RUN = new RegExp(`\\p{M}{${Limits.combiningRunMax + 1}}`, 'u');

/** What one pass over a text tells of its characters: ASCII without or with some that are refused, or more than ASCII. */
const Ascii = { CLEAN: 0, DIRTY: 1, NONE: 2 } as const;
type Ascii = (typeof Ascii)[keyof typeof Ascii];

/** Most texts are clean ASCII: one pass then answers for length in bytes, code points and characters. */
function judgeAscii(text: string): Ascii {
  let isClean = true;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return Ascii.NONE;
    if (code === 0x7f || (code < 0x20 && code !== 0x09 && code !== 0x0a)) isClean = false;
  }
  return isClean ? Ascii.CLEAN : Ascii.DIRTY;
}

/**
 * Bytes of a string in UTF-8 (a lone surrogate counts 3).
 * @param text any string
 */
export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x80) length += 1;
    else if (code < 0x800) length += 2;
    else if (code >= 0xd800 && code < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) {
      length += 4;
      i += 1;
    } else length += 3;
  }
  return length;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i + 1 < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0xd800 && code < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) {
      count -= 1;
      i += 1;
    }
  }
  return count;
}

/**
 * Judges the characters of a text: no C0 except tab and newline, no DEL, no C1, no lone surrogate, no
 * run of more than 16 combining marks.
 * @param text any string
 * @returns whether all characters are allowed
 */
export function hasCleanCharacters(text: string): boolean {
  const ascii = judgeAscii(text);
  return ascii === Ascii.NONE ? isCleanUnicode(text) : ascii === Ascii.CLEAN;
}

function isCleanUnicode(text: string): boolean {
  return !CONTROL.test(text) && text.isWellFormed() && !COMBINING_RUN.test(text);
}

/**
 * Judges the content of a message: 1 to 4000 code points, at most 12,000 bytes, clean characters.
 * @param content text as the user sent it
 * @returns 0, 110 (empty or bad characters) or 111 (too long; judged before the characters)
 */
export function checkContent(content: string): TextVerdict {
  if (content.length === 0) return Err.BAD_CONTENT;
  // A string of n UTF-16 units has at least n / 2 code points: hostile lengths cost nothing.
  if (content.length > Limits.contentCodePointsMax * 2) return Err.TOO_LARGE;
  const ascii = judgeAscii(content);
  if (ascii !== Ascii.NONE) {
    if (content.length > Limits.contentCodePointsMax) return Err.TOO_LARGE;
    return ascii === Ascii.CLEAN ? 0 : Err.BAD_CONTENT;
  }
  if (codePoints(content) > Limits.contentCodePointsMax) return Err.TOO_LARGE;
  if (utf8Length(content) > Limits.contentBytesMax) return Err.TOO_LARGE;
  return isCleanUnicode(content) ? 0 : Err.BAD_CONTENT;
}

/**
 * Judges a short text (name, topic, emoji): length in bytes and clean characters.
 * @param text text as the user sent it
 * @param bytesMax longest in UTF-8 bytes, default 256
 * @param mayBeEmpty default false
 * @returns 0, 110 (empty or bad characters) or 111 (too long; judged before the characters)
 */
export function checkText(
  text: string,
  bytesMax: number = Limits.stringBytesMax,
  mayBeEmpty = false,
): TextVerdict {
  if (text.length === 0) return mayBeEmpty ? 0 : Err.BAD_CONTENT;
  if (text.length > bytesMax || utf8Length(text) > bytesMax) return Err.TOO_LARGE;
  return hasCleanCharacters(text) ? 0 : Err.BAD_CONTENT;
}

/**
 * Whether a nonce has the form of protocol.md 2.8: 1-36 of `[A-Za-z0-9_-]`.
 * @param nonce anything
 */
export function isNonce(nonce: unknown): nonce is string {
  if (typeof nonce !== 'string') return false;
  if (nonce.length === 0 || nonce.length > Limits.nonceCharsMax) return false;
  for (let i = 0; i < nonce.length; i += 1) {
    if (!isNonceChar(nonce.charCodeAt(i))) return false;
  }
  return true;
}

/** `[A-Za-z0-9_-]`; bit 5 is what upper and lower case differ in. */
function isNonceChar(code: number): boolean {
  const folded = code | 0x20;
  if (folded >= 0x61 && folded <= 0x7a) return true;
  return (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x2d;
}
