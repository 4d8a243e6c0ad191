/**
 * Checks the body of an APPEND by kind (protocol.md 2.4, 2.5, 2.12) and brings it into the canonical
 * form that is stored: known elements only, trailing nil, 0 and empty arrays left out.
 * Pure functions; run on gateway threads.
 */
import { checkContent, checkText, utf8Length } from './content.ts';
import type { ErrCode } from './err-codes.ts';
import { Err } from './err-codes.ts';
import { trimBody } from './event.ts';
import { Kind, MsgFlag } from './kinds.ts';
import { isU32, isU53, Limits } from './limits.ts';
import type { WireValue } from './types.ts';

/** Canonical body, or the ERR code. */
export type ParsedBody =
  | { readonly ok: true; readonly body: readonly WireValue[] }
  | { readonly ok: false; readonly code: ErrCode };

const NO_FILES: readonly WireValue[] = [];
const CLIENT_FLAGS = MsgFlag.SILENT | MsgFlag.EVERYONE;

/**
 * Checks and normalises the body of an append.
 * @param kind event kind; 1-7 may be appended by clients
 * @param frame holds the elements as the client sent them; missing ones count as nil
 * @param at index of the first of them, default 0
 * @returns canonical body, or code 101 (types, values, kind), 110 (characters, empty) or 111 (too long)
 */
export function parseAppendBody(
  kind: number,
  frame: readonly WireValue[],
  at: number = 0,
): ParsedBody {
  const first = frame[at];
  const second = frame[at + 1];
  switch (kind) {
    case Kind.MSG_CREATE:
      return parseCreate(first, second ?? null, frame[at + 2] ?? null, frame[at + 3] ?? null);
    case Kind.MSG_EDIT:
      return parseEdit(first, second);
    case Kind.MSG_DELETE:
      return isTarget(first) ? accept([first]) : refuse(Err.BAD_ARGS);
    case Kind.REACT_ADD:
    case Kind.REACT_DEL:
      return parseReaction(first, second);
    case Kind.PIN:
      return parsePin(first, second);
    case Kind.CHAN_META:
      return parseMeta(first, second ?? null);
    default:
      return refuse(Err.BAD_ARGS);
  }
}

function accept(body: readonly WireValue[]): ParsedBody {
  return { ok: true, body: trimBody(body) };
}

function refuse(code: ErrCode): ParsedBody {
  return { ok: false, code };
}

function isTarget(value: WireValue | undefined): value is number {
  return isU53(value) && value > 0;
}

/** An element of a body; undefined when the client sent fewer. */
type Element = WireValue | undefined;

function parseCreate(
  content: Element,
  reply: WireValue,
  flags: WireValue,
  attachments: WireValue,
): ParsedBody {
  if (typeof content !== 'string') return refuse(Err.BAD_ARGS);
  if (reply !== null && !isTarget(reply)) return refuse(Err.BAD_ARGS);
  if (flags !== null && (!isU32(flags) || (flags & ~CLIENT_FLAGS) !== 0)) {
    return refuse(Err.BAD_ARGS);
  }
  const files = attachments === null ? NO_FILES : parseAttachments(attachments);
  if (typeof files === 'number') return refuse(files);
  const verdict = checkContent(content);
  if (verdict !== 0) return refuse(verdict);
  if (files.length > 0) return { ok: true, body: [content, reply, flags ?? 0, files] };
  if (flags !== null && flags !== 0) return { ok: true, body: [content, reply, flags] };
  return { ok: true, body: reply === null ? [content] : [content, reply] };
}

function parseAttachments(value: WireValue): readonly WireValue[] | ErrCode {
  if (!Array.isArray(value) || value.length > Limits.attachmentsMax) return Err.BAD_ARGS;
  const files: WireValue[] = [];
  for (const item of value as readonly WireValue[]) {
    if (!Array.isArray(item)) return Err.BAD_ARGS;
    const [id, name, size, mime] = item as readonly WireValue[];
    if (typeof id !== 'string' || typeof name !== 'string' || typeof mime !== 'string') {
      return Err.BAD_ARGS;
    }
    if (!isU53(size)) return Err.BAD_ARGS;
    const verdict = checkText(id) || checkText(name) || checkText(mime);
    if (verdict !== 0) return verdict;
    files.push([id, name, size, mime]);
  }
  return files;
}

function parseEdit(target: Element, content: Element): ParsedBody {
  if (!isTarget(target) || typeof content !== 'string') return refuse(Err.BAD_ARGS);
  const verdict = checkContent(content);
  return verdict === 0 ? accept([target, content]) : refuse(verdict);
}

function parseReaction(target: Element, emoji: Element): ParsedBody {
  if (!isTarget(target) || typeof emoji !== 'string') return refuse(Err.BAD_ARGS);
  const verdict = checkText(emoji, Limits.emojiBytesMax);
  return verdict === 0 ? accept([target, emoji]) : refuse(verdict);
}

function parsePin(target: Element, on: Element): ParsedBody {
  if (!isTarget(target) || typeof on !== 'boolean') return refuse(Err.BAD_ARGS);
  return accept([target, on]);
}

function parseMeta(name: Element, topic: WireValue): ParsedBody {
  if (typeof name !== 'string') return refuse(Err.BAD_ARGS);
  if (topic !== null && typeof topic !== 'string') return refuse(Err.BAD_ARGS);
  const verdict =
    checkText(name, Limits.nameBytesMax) ||
    (topic === null ? 0 : checkText(topic, undefined, true));
  return verdict === 0 ? accept([name, topic]) : refuse(verdict);
}

/**
 * Whether a string of a request that is no content is short enough.
 * @param text any string
 * @param bytesMax longest in UTF-8 bytes
 */
export function fits(text: string, bytesMax: number): boolean {
  return text.length <= bytesMax && utf8Length(text) <= bytesMax;
}
