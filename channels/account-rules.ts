/**
 * What an account is made of: the forms that names, passwords and addresses have, the unique values that a user holds, and the
 * making of one. For accounts.ts on gateway threads and user-admin.ts on the main thread; keeps nothing.
 */
import type { Clock } from '../runtime/index.ts';
import { streamDoc, streamKey, type UserDoc, userKey } from './docs.ts';
import type { IdAllocator } from './ids.ts';
import type { DocResult, DocStore, DomainCode, Result } from './types.ts';

type Failure = { readonly ok: false; readonly code: DomainCode; readonly field?: string };

/** What a new user gives. */
export interface NewUser {
  readonly username: string;
  readonly password: string;
  readonly displayName?: string;
  readonly email?: string;
}

/** What making a user needs. */
export interface UserMaking {
  readonly docs: DocStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: IdAllocator;
}

/** api.md, "Username". */
const USERNAME_FORM = /^[a-z0-9_.]{2,32}$/;
const PASSWORD_MIN = 8;
const PASSWORD_MAX = 256;
/** Longest address that mail can have (RFC 5321). */
const EMAIL_MAX = 254;
const EMAIL_FORM = /^[^\s\p{Cc}@]+@[^\s\p{Cc}@]+$/u;
/** An id made twice after a clock step is refused by the store; the next one is free. */
const TRIES_MAX = 4;

const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;

/** The form of a user name that is compared: capitals folded. */
export function foldUsername(typed: string): string {
  return typed.normalize('NFC').toLowerCase();
}

/** Writes the user and the user's own stream. The password is judged and hashed before. */
export async function createUser(
  { clock, docs, ids }: UserMaking,
  m: NewUser,
  passwordHash: string,
): Promise<Result<UserDoc>> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const doc: UserDoc = {
      id: ids.next(),
      username: foldUsername(m.username),
      displayName: m.displayName ?? m.username,
      email: m.email === undefined ? null : foldEmail(m.email),
      passwordHash,
      createdAt: clock.now(),
    };
    const [key, stream] = [userKey(doc.id), streamDoc('user', 0)];
    const result: DocResult = await docs.write([
      { kind: 'user', key, expect: 'absent', value: doc, unique: uniquesOf(doc) },
      { kind: 'stream', key: streamKey(doc.id), expect: 'absent', value: stream },
    ]);
    if (result.ok) return { ok: true, value: doc };
    if (result.why === 'unavailable') return UNAVAILABLE;
    if (result.why === 'unique') {
      return result.value?.startsWith('email:')
        ? { ok: false, code: 'conflict', field: 'email' }
        : { ok: false, code: 'username_taken', field: 'username' };
    }
  }
  return UNAVAILABLE;
}

/** What is wrong with a new account's form; undefined when nothing is. */
export function judgeRegistration(m: NewUser): Failure | undefined {
  const invalid = (field: string): Failure => ({ ok: false, code: 'invalid', field });
  if (!USERNAME_FORM.test(foldUsername(m.username))) return invalid('username');
  const length = [...m.password].length;
  if (length < PASSWORD_MIN || length > PASSWORD_MAX) return invalid('password');
  if (m.email !== undefined && !isEmail(m.email)) return invalid('email');
  return undefined;
}

/** The unique value that a user logs in by; undefined when nobody can have it. */
export function loginKey(typed: string): string | undefined {
  const name = typed.trim();
  if (name.includes('@')) return isEmail(name) ? `email:${foldEmail(name)}` : undefined;
  return USERNAME_FORM.test(foldUsername(name)) ? usernameKey(name) : undefined;
}

function isEmail(typed: string): boolean {
  const email = typed.trim();
  return email.length <= EMAIL_MAX && email.isWellFormed() && EMAIL_FORM.test(email);
}

export function foldEmail(typed: string): string {
  return typed.trim().normalize('NFC').toLowerCase();
}

export function usernameKey(typed: string): string {
  return `username:${foldUsername(typed)}`;
}

export function uniquesOf(user: UserDoc): string[] {
  const username = usernameKey(user.username);
  return user.email === null ? [username] : [username, `email:${user.email}`];
}
