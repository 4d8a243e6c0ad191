/**
 * An in-memory stand-in for Accounts and the entities, with enough behaviour to drive every answer of
 * the HTTP app. Tests only; one instance per test.
 */
import type {
  Accounts,
  AppendReply,
  AppendRequest,
  Channel,
  DmP,
  DomainCode,
  Grant,
  Guild,
  GuildP,
  Invite,
  Member,
  MessagesReply,
  MessageView,
  Result,
  StreamP,
  User,
  UserP,
} from '../../../channels/index.ts';
import type { Ops } from '../../../runtime/index.ts';
import type { Caller, StreamInfo } from '../types.ts';

interface FakeMessage extends MessageView {
  readonly nonce: string;
}

interface FakeGuild {
  guild: Guild;
  readonly members: Map<number, Member>;
  readonly channels: Map<number, Channel>;
}

const ok = <T>(value: T): Result<T> => ({ ok: true, value });
const no = (code: DomainCode, field?: string): Result<never> => ({
  ok: false,
  code,
  ...(field === undefined ? {} : { field }),
});

/** Ops of a protocol as plain functions; those left out are not used by HTTP. */
type Fake<P> = { [K in Ops<P>]?: P[K] };

export class FakeWorld {
  nowMs = 1_763_694_000_000;
  registration: 'open' | 'invite' | 'closed' = 'open';
  readonly users = new Map<number, User & { password: string; email?: string }>();
  readonly guilds = new Map<number, FakeGuild>();
  readonly streams = new Map<number, StreamInfo>();
  readonly messages = new Map<number, FakeMessage[]>();
  readonly invites = new Map<string, Invite>();
  readonly refresh = new Map<string, { uid: number; login: string; used: boolean }>();
  readonly ended = new Set<string>();
  /** Called before an op of an entity; may throw or wait. */
  before: (op: string) => void | Promise<void> = () => {};
  /** Replaces the next answers of `append`. */
  readonly appendReplies: (AppendReply | (() => never))[] = [];
  /** Answers of ops that this world does not play itself, and what they were asked. */
  readonly script = new Map<string, unknown>();
  readonly asked: { readonly op: string; readonly arg: unknown }[] = [];
  /** Takes the appends over. */
  onAppend: ((append: AppendRequest) => AppendReply) | undefined;
  /** May send, may read history. */
  rights = { send: true, history: true };
  appendCalls = 0;
  /** `[uid, sid, seq]` of own messages that the user entities were told of. */
  readonly wrote: (readonly [number, number, number])[] = [];
  #nextId = 1000;

  id(): number {
    return this.#nextId++;
  }

  grant(uid: number, login: string): Grant {
    const refreshToken = `r${this.id()}`;
    this.refresh.set(refreshToken, { uid, login, used: false });
    return { user: this.publicUser(uid), login, refreshToken };
  }

  publicUser(uid: number): User {
    const user = this.users.get(uid);
    if (user === undefined) throw new Error(`no user ${uid}`);
    const { id, username, displayName, createdAt } = user;
    return { id, username, displayName, createdAt };
  }

  readonly accounts: Accounts = {
    register: async ({ username, password, displayName, email, invite }) => {
      if (this.registration === 'closed') return no('registration_closed');
      if (this.registration === 'invite' && invite === undefined) return no('invite_required');
      for (const user of this.users.values()) {
        if (user.username === username) return no('username_taken', 'username');
        if (email !== undefined && user.email === email) return no('conflict', 'email');
      }
      const id = this.id();
      this.users.set(id, {
        id,
        username,
        displayName: displayName ?? username,
        createdAt: this.nowMs,
        password,
        ...(email === undefined ? {} : { email }),
      });
      return ok(this.grant(id, `login-${id}`));
    },
    login: async ({ username, password }) => {
      const wanted = username.toLowerCase();
      for (const user of this.users.values()) {
        const matches = user.username === wanted || user.email === wanted;
        if (matches && user.password === password)
          return ok(this.grant(user.id, `login-${this.id()}`));
      }
      return no('bad_credentials');
    },
    accountKey: async (typed) => {
      const wanted = typed.trim().toLowerCase();
      for (const user of this.users.values()) {
        if (user.username === wanted || user.email === wanted) return `uid:${user.id}`;
      }
      return wanted;
    },
    refresh: async ({ refreshToken }) => {
      const known = this.refresh.get(refreshToken);
      if (known === undefined) return no('unauthorized');
      if (known.used || this.ended.has(known.login)) {
        this.ended.add(known.login);
        return no('refresh_reused');
      }
      known.used = true;
      return ok(this.grant(known.uid, known.login));
    },
    logout: async ({ refreshToken }) => {
      const known = this.refresh.get(refreshToken);
      if (known !== undefined) this.ended.add(known.login);
      return ok(null);
    },
    user: async (uid) => (this.users.has(uid) ? ok(this.publicUser(uid)) : no('not_found')),
    updateUser: async (uid, { displayName }) => {
      const user = this.users.get(uid);
      if (user === undefined) return no('not_found');
      if (displayName !== undefined) this.users.set(uid, { ...user, displayName });
      return ok(this.publicUser(uid));
    },
    createGuild: async (uid, name) => {
      const guild: Guild = { id: this.id(), name, ownerId: uid, createdAt: this.nowMs };
      this.guilds.set(guild.id, { guild, members: new Map(), channels: new Map() });
      this.addMember(guild.id, uid);
      this.addChannel(guild.id, 'general', null);
      return ok(guild);
    },
    inviteGuild: async (code) => {
      const invite = this.invites.get(code);
      return invite === undefined ? no('not_found') : ok(invite.guildId);
    },
    revokedLogins: async () => [],
    openDm: (m) => this.#scripted('openDm', m),
    openGroup: (m) => this.#scripted('openGroup', m),
    dms: (uid) => this.#scripted('dms', uid),
  };

  addMember(gid: number, uid: number): void {
    const member = { user: this.publicUser(uid), nick: null, roles: [gid], joinedAt: this.nowMs };
    this.guilds.get(gid)?.members.set(uid, member);
  }

  addChannel(gid: number, name: string, topic: string | null): Channel {
    const id = this.id();
    const channels = this.guilds.get(gid)?.channels ?? new Map<number, Channel>();
    const channel: Channel = {
      id,
      guildId: gid,
      name,
      type: 'text',
      topic,
      position: channels.size,
      slowModeS: 0,
      overwrites: [],
      parentId: null,
      startSeq: null,
      voice: null,
    };
    channels.set(id, channel);
    this.streams.set(id, { type: 'channel', gid });
    this.messages.set(id, []);
    return channel;
  }

  /** Adds a reaction to the message `seq` of every channel. */
  react(seq: number, reaction: MessageView['reactions'][number]): void {
    for (const all of this.messages.values()) {
      const index = all.findIndex((message) => message.seq === seq);
      const message = all[index];
      if (message !== undefined) all[index] = { ...message, reactions: [reaction] };
    }
  }

  /** A guild as one of its members sees it; for others it is not there. */
  #seen(gid: number, uid: number): FakeGuild | undefined {
    const found = this.guilds.get(gid);
    return found?.members.has(uid) === true ? found : undefined;
  }

  readonly guild = (gid: number): Caller<GuildP> => {
    const owned = <T>(uid: number, run: (found: FakeGuild) => Result<T>): Result<T> => {
      const found = this.#seen(gid, uid);
      if (found === undefined) return no('not_found');
      return found.guild.ownerId === uid ? run(found) : no('forbidden');
    };
    const ops: Fake<GuildP> = {
      get: ({ uid }) => {
        const found = this.#seen(gid, uid);
        return found === undefined ? no('not_found') : ok(found.guild);
      },
      rename: ({ uid, name }) =>
        owned(uid, (found) => {
          if (name !== undefined) found.guild = { ...found.guild, name };
          return ok(found.guild);
        }),
      remove: ({ uid }) =>
        owned(uid, () => {
          this.guilds.delete(gid);
          return ok(null);
        }),
      channels: ({ uid }) => {
        const found = this.#seen(gid, uid);
        return found === undefined ? no('not_found') : ok([...found.channels.values()]);
      },
      createChannel: ({ uid, name, topic }) =>
        owned(uid, () => ok(this.addChannel(gid, name, topic))),
      updateChannel: ({ uid, sid, voice: _, ...change }) =>
        owned(uid, (found) => {
          const channel = found.channels.get(sid);
          if (channel === undefined) return no('not_found');
          const next: Channel = { ...channel, ...change };
          found.channels.set(sid, next);
          return ok(next);
        }),
      removeChannel: ({ uid, sid }) =>
        owned(uid, (found) => (found.channels.delete(sid) ? ok(null) : no('not_found'))),
      ...this.#membership(gid),
    };
    return this.#caller(ops);
  };

  #membership(
    gid: number,
  ): Pick<Fake<GuildP>, 'createInvite' | 'invite' | 'join' | 'leave' | 'members'> {
    return {
      createInvite: ({ uid, maxUses, maxAgeMs }) => {
        if (this.#seen(gid, uid) === undefined) return no('not_found');
        const code = `code${this.id()}`;
        const expiresAt = maxAgeMs === null ? null : this.nowMs + maxAgeMs;
        const invite: Invite = { code, guildId: gid, maxUses, uses: 0, expiresAt };
        this.invites.set(code, invite);
        return ok(invite);
      },
      invite: ({ code }) => {
        const found = this.guilds.get(gid);
        if (found === undefined) return no('not_found');
        if (this.#used(code)) return no('invite_expired');
        return ok({ guild: found.guild, memberCount: found.members.size });
      },
      join: ({ uid, code }) => {
        const found = this.guilds.get(gid);
        const invite = this.invites.get(code);
        if (found === undefined || invite === undefined) return no('not_found');
        if (found.members.has(uid)) return ok(found.guild);
        if (this.#used(code)) return no('invite_expired');
        this.invites.set(code, { ...invite, uses: invite.uses + 1 });
        this.addMember(gid, uid);
        return ok(found.guild);
      },
      leave: ({ uid }) => {
        const found = this.#seen(gid, uid);
        if (found === undefined) return no('not_found');
        if (found.guild.ownerId === uid) return no('owner_must_transfer');
        found.members.delete(uid);
        return ok(null);
      },
      members: ({ uid, after, limit }) => {
        const found = this.#seen(gid, uid);
        if (found === undefined) return no('not_found');
        const sorted = [...found.members.values()].sort((a, b) => a.user.id - b.user.id);
        return ok(sorted.filter((member) => member.user.id > after).slice(0, limit));
      },
    };
  }

  #used(code: string): boolean {
    const invite = this.invites.get(code);
    if (invite === undefined) return true;
    if (invite.maxUses !== null && invite.uses >= invite.maxUses) return true;
    return invite.expiresAt !== null && invite.expiresAt <= this.nowMs;
  }

  readonly user = (uid: number): Caller<UserP> =>
    this.#caller<UserP>({
      wrote: ({ at }) => {
        for (const [sid, seq] of at) this.wrote.push([uid, sid, seq]);
      },
      guilds: () => {
        const mine = [...this.guilds.values()].filter((found) => found.members.has(uid));
        return ok(mine.map((found) => found.guild));
      },
    });

  readonly stream = (sid: number): Caller<StreamP> => {
    const seen = (uid: number): FakeMessage[] | undefined => {
      const gid = this.streams.get(sid)?.gid ?? 0;
      return this.#seen(gid, uid)?.channels.has(sid) === true ? this.messages.get(sid) : undefined;
    };
    const reply = (all: FakeMessage[], items: FakeMessage[]): MessagesReply => {
      const plain = items.map(({ nonce: _, ...view }) => view);
      return { ok: true, epoch: 77, first: 1, head: all.at(-1)?.seq ?? 0, items: plain };
    };
    const ops: Fake<StreamP> = {
      append: (append) => {
        const { uid, nonce, body } = append;
        this.appendCalls++;
        if (this.onAppend !== undefined) return this.onAppend(append);
        const planned = this.appendReplies.shift();
        if (typeof planned === 'function') return planned();
        if (planned !== undefined) return planned;
        const all = seen(uid);
        if (all === undefined) return { ok: false, code: 301 };
        const [content, replyTo] = body as [string, number?];
        const known = all.find((message) => message.nonce === nonce && message.actor === uid);
        if (known !== undefined) {
          if (known.content !== content) return { ok: false, code: 311 };
          return { ok: true, epoch: 77, seq: known.seq, ts: known.ts, duplicate: true };
        }
        if (!this.rights.send) return { ok: false, code: 303 };
        if (replyTo !== undefined && !all.some((message) => message.seq === replyTo)) {
          return { ok: false, code: 101 };
        }
        const seq = (all.at(-1)?.seq ?? 0) + 1;
        const base = { seq, ts: this.nowMs, actor: uid, content, replyTo: replyTo ?? null, nonce };
        all.push({ ...base, editedAt: null, reactions: [], attachments: [] });
        return { ok: true, epoch: 77, seq, ts: this.nowMs, duplicate: false };
      },
      messages: ({ uid, anchor, limit }) => {
        const all = seen(uid);
        if (all === undefined) return { ok: false, code: 301 };
        if (!this.rights.history) return { ok: false, code: 302 };
        if ('after' in anchor)
          return reply(all, all.filter((m) => m.seq > anchor.after).slice(0, limit));
        if ('before' in anchor)
          return reply(all, all.filter((m) => m.seq < anchor.before).slice(-limit));
        const from = Math.max(
          0,
          all.findIndex((m) => m.seq >= anchor.around) - Math.floor(limit / 2),
        );
        return reply(all, all.slice(from, from + limit));
      },
      head: ({ uid }) =>
        seen(uid) === undefined ? undefined : { sid, epoch: 77, first: 1, head: 1, headTs: 1 },
      message: ({ uid, seq }) => {
        const all = seen(uid);
        if (all === undefined) return { ok: false, code: 301 };
        if (!this.rights.history) return { ok: false, code: 302 };
        return reply(
          all,
          all.filter((message) => message.seq === seq),
        );
      },
    };
    return this.#caller(ops);
  };

  readonly dm = (): Caller<DmP> => this.#caller<DmP>({});

  #caller<P>(ops: Fake<P>): Caller<P> {
    const run = async (op: string, arg: unknown): Promise<unknown> => {
      await this.before(op);
      const handler = ops[op as Ops<P>] as ((arg: unknown) => unknown) | undefined;
      return handler === undefined ? this.#scripted(op, arg) : handler(arg);
    };
    // The fake is typed per op above; the erased runner only looks the op up.
    return run as unknown as Caller<P>;
  }

  async #scripted<T>(op: string, arg: unknown): Promise<T> {
    await this.before(op);
    if (!this.script.has(op)) throw new Error(`the fake has no op ${op}`);
    this.asked.push({ op, arg });
    return this.script.get(op) as T;
  }
}
