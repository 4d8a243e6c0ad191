/**
 * Accounts: registration, login, profiles, and the making of guilds. A service on gateway threads,
 * not an actor: everything it must agree on with other threads goes through compare-and-set in the
 * DocStore. It never logs or keeps a password or a token.
 */
import { type Clock, call, cast, entity, type Rng } from '../runtime/index.ts';
import {
  createUser,
  foldEmail,
  judgeRegistration,
  loginKey,
  uniquesOf,
  usernameKey,
} from './account-rules.ts';
import { Logins } from './accounts-logins.ts';
import { DirectMessages } from './dm-accounts.ts';
import { childPrefix, type InviteDoc, streamKey, type UserDoc, userKey } from './docs.ts';
import { guildCreates } from './guild-changes.ts';
import { isInviteCode } from './guild-invites.ts';
import { GUILDS_PER_USER_MAX } from './guild-plan.ts';
import { publicUser } from './guild-reads.ts';
import { IdAllocator } from './ids.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { FAILED, settle } from './settle.ts';
import type {
  Accounts,
  Dm,
  Doc,
  DocStore,
  DocWrite,
  DomainCode,
  Grant,
  Guild,
  GuildP,
  Id,
  Ms,
  Result,
  User,
  UserP,
} from './types.ts';

export interface AccountsOptions {
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly rng: Rng;
  /** 0 to 63, unique in the process: part of the ids made here. */
  readonly slotNumber: number;
  /** The hasher; default argon2id with the parameters of `passwords.ts`. */
  readonly passwords?: Passwords;
  /** Key of refresh tokens: at least 32 bytes, kept apart from the store. */
  readonly serverSecret: Uint8Array;
  /** REGISTRATION. */
  readonly registration: 'open' | 'invite' | 'closed';
  readonly accessTokenTtlMs: Ms;
  readonly refreshTokenTtlMs: Ms;
}

type Failure = { readonly ok: false; readonly code: DomainCode; readonly field?: string };

/** An id made twice after a clock step is refused by the store; the next one is free. */
const TRIES_MAX = 4;
const REVOKE_TRIES = 3;
const SECRET_BYTES_MIN = 32;

const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;
/** Something had no answer: what was asked may have been done. */
const UNKNOWN = { ...UNAVAILABLE, unknown: true } as const;
const NOT_FOUND = { ok: false, code: 'not_found' } as const;
const BAD_CREDENTIALS = { ok: false, code: 'bad_credentials' } as const;

/**
 * Makes the accounts service of one gateway thread. RangeError when `serverSecret` is shorter than 32
 * bytes. Its methods resolve with values for everything a client can cause; `unavailable` when the
 * store, a shard or the password queue cannot take more.
 */
export function createAccounts(options: AccountsOptions): Accounts {
  return new AccountService(options);
}

class AccountService implements Accounts {
  readonly #options: AccountsOptions;
  readonly #passwords: Passwords;
  readonly #ids: IdAllocator;
  readonly #logins: Logins;
  readonly #directMessages: DirectMessages;

  constructor(options: AccountsOptions) {
    if (options.serverSecret.byteLength < SECRET_BYTES_MIN) {
      throw new RangeError(
        `refresh secret: got ${options.serverSecret.byteLength} bytes, wanted 32`,
      );
    }
    this.#options = options;
    this.#passwords = options.passwords ?? createPasswords();
    this.#ids = new IdAllocator(options.slotNumber, options.clock);
    this.#logins = new Logins({ ...options, onRevoked: tellUser });
    const { docs, clock } = options;
    this.#directMessages = new DirectMessages({ docs, clock, ids: this.#ids });
  }

  register(m: Parameters<Accounts['register']>[0]): Promise<Result<Grant>> {
    return available(async () => {
      const { clock, docs, registration } = this.#options;
      if (registration === 'closed') return { ok: false, code: 'registration_closed' };
      if (registration === 'invite' && m.invite === undefined) {
        return { ok: false, code: 'invite_required' };
      }
      const bad = judgeRegistration(m);
      if (bad !== undefined) return bad;
      const gid = m.invite === undefined ? undefined : await this.#liveInvite(m.invite);
      if (gid !== undefined && !gid.ok) return gid;
      const taken = await this.#taken(m);
      if (taken !== undefined) return taken;
      const passwordHash = await this.#passwords.hash(m.password);
      if (passwordHash === undefined) return UNAVAILABLE;
      const created = await createUser({ docs, clock, ids: this.#ids }, m, passwordHash);
      if (!created.ok) return created;
      if (gid !== undefined && m.invite !== undefined) {
        const joined = await this.#joinNew(created.value, gid.value, m.invite);
        if (!joined.ok && registration === 'invite') return joined;
      }
      return await this.#grant(created.value);
    });
  }

  login(m: { readonly username: string; readonly password: string }): Promise<Result<Grant>> {
    return available(async () => {
      const { docs } = this.#options;
      const unique = loginKey(m.username);
      const user = unique === undefined ? undefined : await docs.find<UserDoc>('user', unique);
      const right = await this.#passwords.verify(user?.value.passwordHash, m.password);
      if (right === undefined) return UNAVAILABLE;
      if (!right || user === undefined) return BAD_CREDENTIALS;
      // Only whoever knows the password learns it.
      if (user.value.disabledAt !== undefined) return { ok: false, code: 'forbidden' };
      return await this.#grant(user.value);
    });
  }

  async accountKey(username: string): Promise<string> {
    const unique = loginKey(username);
    if (unique === undefined) return `typed:${username.trim().normalize('NFC').toLowerCase()}`;
    const user = await settle(this.#options.docs.find<UserDoc>('user', unique));
    // A store that is away refuses the login itself.
    return user === FAILED || user === undefined ? unique : `uid:${user.value.id}`;
  }

  refresh(m: { readonly refreshToken: string }): Promise<Result<Grant>> {
    return available(async () => {
      const rotated = await this.#logins.rotate(m.refreshToken);
      if (!rotated.ok) return rotated;
      const { uid, login, refreshToken } = rotated.value;
      const [doc] = await this.#options.docs.get<UserDoc>('user', [userKey(uid)]);
      if (doc === undefined || doc.value.disabledAt !== undefined)
        return { ok: false, code: 'unauthorized' };
      return { ok: true, value: grantOf(doc.value, login, refreshToken) };
    });
  }

  logout(m: { readonly refreshToken: string }): Promise<Result<null>> {
    return available(() => this.#logins.end(m.refreshToken));
  }

  user(uid: Id): Promise<Result<User>> {
    return available(async () => {
      const [doc] = await this.#options.docs.get<UserDoc>('user', [userKey(uid)]);
      return doc === undefined ? NOT_FOUND : { ok: true, value: publicUser(doc.value) };
    });
  }

  updateUser(uid: Id, m: { readonly displayName?: string }): Promise<Result<User>> {
    return available(async () => {
      const { docs } = this.#options;
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        const [doc]: readonly (Doc<UserDoc> | undefined)[] = await docs.get('user', [userKey(uid)]);
        if (doc === undefined) return NOT_FOUND;
        const value: UserDoc = {
          ...doc.value,
          displayName: m.displayName ?? doc.value.displayName,
        };
        if (value.displayName === doc.value.displayName)
          return { ok: true, value: publicUser(value) };
        const unique = uniquesOf(value);
        const write = { kind: 'user', key: doc.key, expect: doc.rev, value, unique };
        const result = await docs.write([write]);
        if (result.ok) {
          // Member lists that are open show the name.
          cast(entity<UserP>('user', uid), 'renamed', { name: value.displayName });
          return { ok: true, value: publicUser(value) };
        }
        if (result.why === 'unavailable') return UNAVAILABLE;
      }
      return { ok: false, code: 'conflict' };
    });
  }

  createGuild(uid: Id, name: string): Promise<Result<Guild>> {
    return available(async () => {
      const { docs, clock } = this.#options;
      const [[user], guilds] = await Promise.all([
        docs.get<UserDoc>('user', [userKey(uid)]),
        docs.list('userGuild', childPrefix(uid), undefined, GUILDS_PER_USER_MAX),
      ]);
      if (user === undefined) return NOT_FOUND;
      if (guilds.length >= GUILDS_PER_USER_MAX) return { ok: false, code: 'conflict' };
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        const sids = {
          gid: this.#ids.next(),
          viewSid: this.#ids.next(),
          channelSid: this.#ids.next(),
        };
        const { guild, writes } = guildCreates({ ...sids, ownerId: uid }, name, clock.now());
        const result = await docs.write(writes);
        if (result.ok) {
          cast(entity<GuildP>('guild', guild.id), 'resume', {});
          return { ok: true, value: guild };
        }
        if (result.why === 'unavailable') return UNAVAILABLE;
      }
      return UNAVAILABLE;
    });
  }

  inviteGuild(code: string): Promise<Result<Id>> {
    return available(async () => {
      if (!isInviteCode(code)) return NOT_FOUND;
      const [invite] = await this.#options.docs.get<InviteDoc>('invite', [code]);
      return invite === undefined ? NOT_FOUND : { ok: true, value: invite.value.gid };
    });
  }

  openDm(m: Parameters<Accounts['openDm']>[0]): Promise<Result<Dm>> {
    return available(() => this.#directMessages.openDm(m));
  }

  openGroup(m: Parameters<Accounts['openGroup']>[0]): Promise<Result<Dm>> {
    return available(() => this.#directMessages.openGroup(m));
  }

  dms(uid: Id): Promise<Result<readonly Dm[]>> {
    return available(() => this.#directMessages.dms(uid));
  }

  revokedLogins(): Promise<readonly { readonly login: string; readonly until: Ms }[]> {
    return this.#logins.revoked();
  }

  // -------------------------------------------------------------- registration

  /** The guild of an invite that still admits somebody. */
  async #liveInvite(code: string): Promise<Result<Id>> {
    const gid = await this.inviteGuild(code);
    if (!gid.ok) return gid;
    const live = await call(entity<GuildP>('guild', gid.value), 'invite', { code });
    return live.ok ? gid : live;
  }

  async #taken(m: {
    readonly username: string;
    readonly email?: string;
  }): Promise<Failure | undefined> {
    const { docs } = this.#options;
    if ((await docs.find('user', usernameKey(m.username))) !== undefined) {
      return { ok: false, code: 'username_taken', field: 'username' };
    }
    if (m.email === undefined) return undefined;
    const held = await docs.find('user', `email:${foldEmail(m.email)}`);
    return held === undefined ? undefined : { ok: false, code: 'conflict', field: 'email' };
  }

  /** Consumes the invite by joining; without a place in the guild the new user is taken back. */
  async #joinNew(user: UserDoc, gid: Id, code: string): Promise<Result<null>> {
    const joined = await settle(call(entity<GuildP>('guild', gid), 'join', { uid: user.id, code }));
    if (joined !== FAILED && joined.ok) return { ok: true, value: null };
    if (this.#options.registration === 'invite') {
      const deletes: DocWrite[] = [
        { kind: 'user', key: userKey(user.id), expect: 'any', value: null },
        { kind: 'stream', key: streamKey(user.id), expect: 'any', value: null },
      ];
      await this.#options.docs.write(deletes);
    }
    return joined === FAILED ? UNAVAILABLE : joined;
  }

  async #grant(user: UserDoc): Promise<Result<Grant>> {
    const issued = await this.#logins.issue(user.id);
    if (!issued.ok) return issued;
    const { login, refreshToken } = issued.value;
    return { ok: true, value: grantOf(user, login, refreshToken) };
  }
}

// ---------------------------------------------------------------- helpers

/** A store or shard that is away is an answer, not an exception. */
async function available<T>(run: () => Promise<Result<T>>): Promise<Result<T>> {
  const result = await settle(run());
  return result === FAILED ? UNKNOWN : result;
}

function grantOf(user: UserDoc, login: string, refreshToken: string): Grant {
  const scopes = user.admin === true ? ['admin'] : [];
  return { user: publicUser(user), login, refreshToken, scopes };
}

/** Closes the sockets of a login. Tried again when the shard is being replaced. */
export function tellUser(uid: Id, login: string): void {
  const tell = async (): Promise<void> => {
    for (let tries = 0; tries < REVOKE_TRIES; tries += 1) {
      const told = await settle(
        call(entity<UserP>('user', uid), 'revoke', { login }).then(() => true),
      );
      if (told === true) return;
    }
  };
  tell().catch(ignore);
}

/** `tell` settles every failure itself. */
function ignore(): void {}
