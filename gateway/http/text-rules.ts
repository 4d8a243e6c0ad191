/**
 * Rules of api.md for text that people choose: names, topics, user names, e-mail addresses,
 * passwords. Pure; gateway threads. Content of messages is judged by gateway/protocol.
 */
import { checkText, hasCleanCharacters, utf8Length } from '../protocol/index.ts';

/** Code points: 64 of them are at most 256 bytes, the longest string on the wire. */
export const NAME_CHARS_MAX = 64;
/** protocol.md 2.4: nick and display names, in bytes. */
export const DISPLAY_NAME_BYTES_MAX = 96;
export const PASSWORD_CHARS_MIN = 8;
export const PASSWORD_CHARS_MAX = 256;
const EMAIL_CHARS_MAX = 254;
const EMOJI_BYTES_MAX = 64;
const CONTROL = /\p{Cc}/u;

/**
 * Line and paragraph separators, bidi controls and other formatting, private use, noncharacters. The
 * two joiners (Persian, emoji families) and tags (flags) may stay.
 */
const NEVER_IN_NAMES =
  /[\p{Zl}\p{Zp}\p{Co}\p{Noncharacter_Code_Point}\n\t]|(?!\u200c|\u200d|[\u{e0020}-\u{e007f}])\p{Cf}/u;
/** Something that leaves ink: not a space, a mark alone, a control or a filler. */
const VISIBLE = /(?!\p{Default_Ignorable_Code_Point}|\u2800)[\p{L}\p{N}\p{P}\p{S}]/u;
const EMAIL = /^[^\s@\p{C}]{1,64}@[^\s@\p{C}.]+(\.[^\s@\p{C}.]+)+$/u;

/** User names as typed: capitals are allowed and folded. */
export const USERNAME_TYPED = /^[A-Za-z0-9_.]{2,32}$/;

export function codePointLength(text: string): number {
  let length = text.length;
  for (let i = 0; i + 1 < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00 && text.charCodeAt(i + 1) >= 0xdc00) length--;
  }
  return length;
}

/**
 * The name of a guild or channel as it is stored: NFC, without spaces at its ends; undefined when it
 * is empty or invisible, longer than 64 code points, or has characters that names may not have.
 */
export function normalizeName(text: string): string | undefined {
  if (text.length > 4 * NAME_CHARS_MAX || !hasCleanCharacters(text)) return undefined;
  const name = text.normalize('NFC').trim();
  if (codePointLength(name) > NAME_CHARS_MAX) return undefined;
  if (NEVER_IN_NAMES.test(name) || !VISIBLE.test(name)) return undefined;
  return hasCleanCharacters(name) ? name : undefined;
}

/** As `normalizeName`, and at most 96 bytes. */
export function normalizeDisplayName(text: string): string | undefined {
  const name = normalizeName(text);
  return name === undefined || utf8Length(name) > DISPLAY_NAME_BYTES_MAX ? undefined : name;
}

/** The topic of a channel: NFC, at most 256 bytes; an empty one is null. undefined when not allowed. */
export function normalizeTopic(text: string): string | null | undefined {
  const topic = text.normalize('NFC').trim();
  if (topic === '') return null;
  return checkText(topic) === 0 ? topic : undefined;
}

/** protocol.md 2.4: an emoji is a str of at most 64 bytes; what it shows is the client's. */
export function isEmoji(text: string): boolean {
  if (text === '' || !text.isWellFormed() || CONTROL.test(text)) return false;
  return utf8Length(text) <= EMOJI_BYTES_MAX;
}

export function isEmail(text: string): boolean {
  return text.length <= EMAIL_CHARS_MAX && EMAIL.test(text);
}

/** 8 to 256 characters, no composition rules. */
export function isPassword(text: string): boolean {
  if (text.length < PASSWORD_CHARS_MIN || text.length > 2 * PASSWORD_CHARS_MAX) return false;
  const length = codePointLength(text);
  return length >= PASSWORD_CHARS_MIN && length <= PASSWORD_CHARS_MAX && text.isWellFormed();
}
