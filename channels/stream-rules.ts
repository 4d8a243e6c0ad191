/**
 * What an append must satisfy: form of the body, kinds, rights, and the state of its target
 * (protocol.md 2.5, 2.11, 2.12, 2.17 items 2, 11, 12, 18). Pure functions; numbers are ERR codes.
 */
import { may, PERM_MANAGE, PERM_PIN, PERM_REACT, PERM_SEND, PERM_VIEW } from './permissions.ts';
import type { Id, RingEvent, Seq, WireValue } from './types.ts';

export const ERR_BAD_ARGS = 101;
export const ERR_FORBIDDEN = 301;
export const ERR_NO_HISTORY = 302;
export const ERR_NO_SEND = 303;
export const ERR_NONCE_REUSED = 311;
export const ERR_SLOW_MODE = 421;
export const ERR_OUTCOME_UNKNOWN = 501;
export const ERR_UNAVAILABLE = 502;

export const KIND_REDACTED = 0;
export const KIND_MESSAGE = 1;
export const KIND_EDIT = 2;
export const KIND_DELETE = 3;
export const KIND_REACT = 4;
export const KIND_UNREACT = 5;
export const KIND_PIN = 6;
export const KIND_META = 7;

/** `emoji` of a pin event that sets the pin (store-contract.ts). */
export const PIN_ON = 'on';

/** msg flags (protocol.md 2.4). */
const FLAG_SILENT = 1;
export const FLAG_EVERYONE = 2;
export const FLAG_EDITED = 4;
/** protocol.md 2.4, field types. */
const EMOJI_BYTES_MAX = 64;
const CONTROL = /\p{Cc}/u;
/** In a text of more than one line. */
const CONTROL_IN_LINES = /[^\P{Cc}\t\n]/u;
const FLAGS_CLIENT = FLAG_SILENT | FLAG_EVERYONE;

/** protocol.md 2.4, field types: names and strings. */
const NAME_BYTES_MAX = 64;
const TOPIC_BYTES_MAX = 256;

/** dm, group: streams of entity 'dm'; channel (text, voice), thread, view: of a guild; user: an inbox. */
export type StreamType = 'channel' | 'thread' | 'view' | 'user' | 'dm' | 'group';

/** An append whose form is right. */
export interface Draft {
  readonly kind: number;
  /** As it is written: defaults in the middle filled in, trailing nil, 0 and [] left out. */
  readonly body: readonly WireValue[];
  readonly target: Seq;
  readonly emoji: string;
  /** Bits of `permissions.ts` that the author needs besides view. */
  readonly needs: number;
  /** seq of the message that is replied to, which must exist; 0 for none. */
  readonly replyTo: Seq;
}

/** Body without trailing nil, 0 and empty arrays (protocol.md 2.17 item 19). */
export function trimBody(body: readonly WireValue[]): readonly WireValue[] {
  let end = body.length;
  while (end > 0) {
    const last = body[end - 1];
    const empty = last === null || last === undefined || last === 0;
    if (!empty && !(Array.isArray(last) && last.length === 0)) break;
    end -= 1;
  }
  return end === body.length ? body : body.slice(0, end);
}

/** Judges kind and body of a client's append; undefined is ERR 101. */
export function draftOf(
  type: StreamType,
  kind: number,
  body: readonly WireValue[],
): Draft | undefined {
  if (type === 'view' || type === 'user') return undefined;
  if (kind === KIND_MESSAGE) return messageDraft(body);
  if (kind === KIND_META) return metaDraft(type, body);
  const target = body[0];
  if (!isSeq(target)) return undefined;
  const base = { kind, target, emoji: '', replyTo: 0 };
  if (kind === KIND_EDIT) {
    const content = body[1];
    if (typeof content !== 'string' || content === '') return undefined;
    return { ...base, body: [target, content], needs: PERM_SEND };
  }
  if (kind === KIND_DELETE) return { ...base, body: [target], needs: 0 };
  if (kind === KIND_REACT || kind === KIND_UNREACT) {
    const emoji = body[1];
    if (!isEmoji(emoji)) return undefined;
    return { ...base, body: [target, emoji], emoji, needs: PERM_REACT };
  }
  if (kind === KIND_PIN) {
    const on = body[1];
    if (typeof on !== 'boolean') return undefined;
    return { ...base, body: [target, on], emoji: on ? PIN_ON : '', needs: PERM_PIN };
  }
  // 20 and above come from the server only.
  return undefined;
}

/** The draft of an event that the server itself emits: any kind, nothing judged. */
export function emitDraft(kind: number, body: readonly WireValue[]): Draft {
  return { kind, body: trimBody(body), target: 0, emoji: '', needs: 0, replyTo: 0 };
}

/** Right to make this append at all: 0, or the ERR code. */
export function judgeRight(draft: Draft, perms: number): number {
  if (!may(perms, PERM_VIEW)) return ERR_FORBIDDEN;
  return (perms & draft.needs) === draft.needs ? 0 : ERR_NO_SEND;
}

/** State of the target against the append: 0, or the ERR code. */
export function judgeTarget(
  draft: Draft,
  uid: Id,
  perms: number,
  target: RingEvent | undefined,
): number {
  if (target === undefined || target.kind !== KIND_MESSAGE) return ERR_BAD_ARGS;
  const own = target.actor === uid;
  if (draft.kind === KIND_EDIT && !own) return ERR_NO_SEND;
  if (draft.kind === KIND_DELETE && !own && !may(perms, PERM_MANAGE)) return ERR_NO_SEND;
  return 0;
}

/** Body of a kind 1 event after an edit: new content, flag bit 2. */
export function editedBody(old: readonly WireValue[], content: string): readonly WireValue[] {
  const flags = typeof old[2] === 'number' ? old[2] : 0;
  return trimBody([content, old[1] ?? null, flags | FLAG_EDITED, old[3] ?? []]);
}

function messageDraft(body: readonly WireValue[]): Draft | undefined {
  const content = body[0];
  if (body.length === 1 && typeof content === 'string' && content !== '') {
    return { kind: KIND_MESSAGE, body, target: 0, emoji: '', needs: PERM_SEND, replyTo: 0 };
  }
  const replyTo = body[1] === 0 ? null : (body[1] ?? null);
  const flags = body[2] ?? 0;
  const attachments = body[3] ?? [];
  if (typeof content !== 'string' || !Array.isArray(attachments)) return undefined;
  if (content === '' && attachments.length === 0) return undefined;
  if (replyTo !== null && !isSeq(replyTo)) return undefined;
  if (typeof flags !== 'number' || !Number.isInteger(flags)) return undefined;
  if (flags < 0 || flags > FLAGS_CLIENT) return undefined;
  return {
    kind: KIND_MESSAGE,
    body: trimBody([content, replyTo, flags, attachments]),
    target: 0,
    emoji: '',
    needs: (flags & FLAG_EVERYONE) === 0 ? PERM_SEND : PERM_SEND | PERM_MANAGE,
    replyTo: replyTo ?? 0,
  };
}

/** Kind 7: for any member of a group; in a dm it needs manage, which nobody has there (2.17 item 18). */
function metaDraft(type: StreamType, body: readonly WireValue[]): Draft | undefined {
  if (type !== 'dm' && type !== 'group') return undefined;
  const name = body[0];
  const topic = body[1] ?? null;
  if (!isText(name, NAME_BYTES_MAX) || name === '') return undefined;
  if (topic !== null && !isText(topic, TOPIC_BYTES_MAX, CONTROL_IN_LINES)) return undefined;
  const needs = type === 'group' ? PERM_SEND : PERM_MANAGE;
  return {
    kind: KIND_META,
    body: trimBody([name, topic]),
    target: 0,
    emoji: '',
    needs,
    replyTo: 0,
  };
}

function isText(
  value: WireValue | undefined,
  bytesMax: number,
  refused: RegExp = CONTROL,
): value is string {
  if (typeof value !== 'string' || !value.isWellFormed()) return false;
  return !refused.test(value) && Buffer.byteLength(value) <= bytesMax;
}

/** Control characters and halves of characters could not be stored as they are. */
export function isEmoji(value: WireValue | undefined): value is string {
  return isText(value, EMOJI_BYTES_MAX) && value !== '';
}

function isSeq(value: WireValue | undefined): value is Seq {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
