/**
 * What an operator does to accounts: list, make, disable, give a new password, make admin. A service on the main thread;
 * agrees with the gateway threads through compare-and-set in the DocStore, as accounts.ts does. Never logs or keeps a password.
 */
import type { Clock, Rng } from '../runtime/index.ts';
import {
  createUser,
  judgeRegistration,
  loginKey,
  type NewUser,
  uniquesOf,
} from './account-rules.ts';
import { tellUser } from './accounts.ts';
import { Logins } from './accounts-logins.ts';
import { type UserDoc, userKey } from './docs.ts';
import { IdAllocator, pad } from './ids.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { FAILED, settle } from './settle.ts';
import type { Doc, DocStore, Id, Ms, Result } from './types.ts';

/** An account as operators see it. */
export interface Account {
  readonly id: Id;
  readonly username: string;
  readonly displayName: string;
  readonly createdAt: Ms;
  readonly disabledAt: Ms | null;
  readonly admin: boolean;
}

export interface UserAdminOptions {
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly rng: Rng;
  /** 0 to 63, unique in the process: part of the ids made here. */
  readonly slotNumber: number;
  readonly accessTokenTtlMs: Ms;
  /** Default as for logins. */
  readonly passwords?: Passwords;
}

/** Accounts per page at most. */
export const ACCOUNTS_PAGE_MAX = 500;
const TRIES_MAX = 4;
const NO_SECRET = new Uint8Array(32);

const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;
const NOT_FOUND = { ok: false, code: 'not_found' } as const;

type Change = (user: UserDoc) => UserDoc;

export class UserAdmin {
  readonly #options: UserAdminOptions;
  readonly #passwords: Passwords;
  readonly #ids: IdAllocator;
  readonly #logins: Logins;

  constructor(options: UserAdminOptions) {
    this.#options = options;
    this.#passwords = options.passwords ?? createPasswords();
    this.#ids = new IdAllocator(options.slotNumber, options.clock);
    // Ends logins only: makes and reads no refresh token, so it needs no secret and no life for one.
    const none = { serverSecret: NO_SECRET, refreshTokenTtlMs: 0 };
    this.#logins = new Logins({ ...options, ...none, onRevoked: tellUser });
  }

  /** Accounts with an id above `after`, ascending. */
  list(after: Id, limit: number): Promise<Result<readonly Account[]>> {
    return available(async () => {
      const most = Math.min(limit, ACCOUNTS_PAGE_MAX);
      const docs = await this.#options.docs.list<UserDoc>('user', '', pad(after), most);
      return { ok: true, value: docs.map(({ value }) => accountOf(value)) };
    });
  }

  /** By id, user name or e-mail address. */
  find(who: string): Promise<Result<Account>> {
    return available(async () => {
      const found = await this.#find(who);
      return found === undefined ? NOT_FOUND : { ok: true, value: accountOf(found.value) };
    });
  }

  /** Whatever REGISTRATION says. */
  create(m: NewUser & { readonly admin?: boolean }): Promise<Result<Account>> {
    return available(async () => {
      const bad = judgeRegistration(m);
      if (bad !== undefined) return bad;
      const passwordHash = await this.#passwords.hash(m.password);
      if (passwordHash === undefined) return UNAVAILABLE;
      const { clock, docs } = this.#options;
      const made = await createUser({ clock, docs, ids: this.#ids }, m, passwordHash);
      if (!made.ok) return made;
      if (m.admin !== true) return { ok: true, value: accountOf(made.value) };
      return this.setAdmin(String(made.value.id), true);
    });
  }

  /** Disabled: no login, no refresh, every connection ends. Messages stay. */
  setDisabled(who: string, disabled: boolean): Promise<Result<Account>> {
    const at = this.#options.clock.now();
    return this.#change(who, disabled, ({ disabledAt, ...user }) =>
      disabled ? { ...user, disabledAt: disabledAt ?? at } : user,
    );
  }

  /** Also ends all logins: whoever knew the old password is out. */
  setPassword(who: string, password: string): Promise<Result<Account>> {
    return available(async () => {
      const bad = judgeRegistration({ username: 'any', password });
      if (bad !== undefined) return bad;
      const passwordHash = await this.#passwords.hash(password);
      if (passwordHash === undefined) return UNAVAILABLE;
      return await this.#change(who, true, (user) => ({ ...user, passwordHash }));
    });
  }

  /** Access tokens of an admin have the scope `admin`, from the next login or refresh on; taking it ends all logins. */
  setAdmin(who: string, isAdmin: boolean): Promise<Result<Account>> {
    return this.#change(who, !isAdmin, ({ admin: _was, ...user }) =>
      isAdmin ? { ...user, admin: true } : user,
    );
  }

  #change(who: string, endsLogins: boolean, change: Change): Promise<Result<Account>> {
    return available(async () => {
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        const doc = await this.#find(who);
        if (doc === undefined) return NOT_FOUND;
        const value = change(doc.value);
        const { key, rev: expect } = doc;
        const write = { kind: 'user', key, expect, value, unique: uniquesOf(value) };
        const result = await this.#options.docs.write([write]);
        if (!result.ok && result.why === 'unavailable') return UNAVAILABLE;
        if (!result.ok) continue;
        // After the change: a login that began before it is in the list, a later one is refused.
        const ended = endsLogins ? await this.#logins.endAll(value.id) : undefined;
        return ended?.ok === false ? ended : { ok: true, value: accountOf(value) };
      }
      return { ok: false, code: 'conflict' };
    });
  }

  async #find(who: string): Promise<Doc<UserDoc> | undefined> {
    const { docs } = this.#options;
    if (/^[1-9]\d{9,15}$/.test(who)) {
      const [doc] = await docs.get<UserDoc>('user', [userKey(Number(who))]);
      if (doc !== undefined) return doc;
    }
    const unique = loginKey(who);
    return unique === undefined ? undefined : await docs.find<UserDoc>('user', unique);
  }
}

function accountOf(user: UserDoc): Account {
  const { id, username, displayName, createdAt, disabledAt = null, admin = false } = user;
  return { id, username, displayName, createdAt, disabledAt, admin };
}

/** A store that is away is an answer, not an exception. */
async function available<T>(run: () => Promise<Result<T>>): Promise<Result<T>> {
  const result = await settle(run());
  return result === FAILED ? UNAVAILABLE : result;
}
