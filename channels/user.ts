/**
 * The user actor: entity 'user', one per user, on its home shard thread. Owns the user's sessions:
 * fencing, the bound on connections, revocation of logins. Tells the user's own stream about guilds
 * joined and left. Sessions live in memory only: after a crash clients simply get a new session
 * (protocol.md 2.6), since positions belong to the client.
 */
import {
  at,
  type Behaviour,
  type Clock,
  type Ctx,
  defineActor,
  entity,
  type MonitorId,
  NOREPLY,
  type NoReply,
  type Ref,
  type Rng,
  slotsOf,
} from '../runtime/index.ts';
import { answerLater } from './beside.ts';
import { BoundedMap } from './bounded-map.ts';
import {
  childPrefix,
  type GuildDoc,
  guildKey,
  type LoginDoc,
  lastPart,
  type UserDoc,
  userKey,
} from './docs.ts';
import { GUILDS_PER_USER_MAX, SMALL_GUILD_MAX } from './guild-plan.ts';
import { unpad } from './ids.ts';
import type { NoticeCounters } from './notice-counters.ts';
import { FAILED, settle } from './settle.ts';
import { ERR_OUTCOME_UNKNOWN, ERR_UNAVAILABLE } from './stream-rules.ts';
import type {
  ConnectReply,
  ConnectRequest,
  DocStore,
  FanOutP,
  Id,
  Ms,
  Result,
  StreamP,
  UserP,
} from './types.ts';
import { UserNotices } from './user-notices.ts';
import {
  makeUserPresence,
  type PresenceTimerP,
  type UserPresenceEnvironment,
  type UserPresencePart,
} from './user-presence-ports.ts';
import { Sessions } from './user-sessions.ts';

/** Given by the boot of a shard thread; the same for all of its users. */
export interface UserEnvironment {
  readonly docs: DocStore;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Connections per user (protocol.md 2.13), already scaled by LIMITS. */
  readonly connectionsMax: number;
  readonly accessTokenTtlMs: Ms;
  /** Runtime group of the threads that run a 'fan-out' actor. */
  readonly gatewayGroup: string;
  readonly noticeCounters: NoticeCounters;
  readonly presence: UserPresenceEnvironment;
}

export interface UserArg {
  readonly uid: Id;
  readonly environment: UserEnvironment;
}

/** Ops that the actor sends to itself. */
interface UserActorP extends UserP, PresenceTimerP {
  sweep(): void;
  keepMarkers(): void;
}

interface UserActor {
  readonly uid: Id;
  readonly environment: UserEnvironment;
  readonly sessions: Sessions;
  readonly notices: UserNotices;
  readonly presence: UserPresencePart;
  readonly gateways: Map<Ref<FanOutP>, MonitorId>;
  /** Logins that ended while this actor lived; the documents say so too. */
  readonly revoked: BoundedMap<string, true>;
  known: boolean;
}

const KIND_GUILD_JOINED = 40;
const KIND_GUILD_LEFT = 41;
const KIND_SESSION_REVOKED = 47;
const CLOSE_ERROR = 4000;
const CLOSE_REPLACED = 4505;
const CLOSE_REVOKED = 4507;
const CLOSE_LIMIT = 4508;
const CLOSE_AUTH = 4504;
/** 128 bits each: 22 base64url characters. */
const TOKEN_BYTES = 16;
/** As many as a user may have logins. */
const REVOKED_MAX = 128;
/** Revocation is told to the user's stream first, but closes the sockets no later than this. */
const REVOKE_WAIT_MS: Ms = 400;
/** Shorter than the 5 s of the MARK that waits for it. */
const STREAM_TIMEOUT_MS: Ms = 4000;
/** Access tokens of one clock accepted on another: added to their life. */
const TOKEN_SLACK_MS: Ms = 60_000;

const UNAVAILABLE = { ok: false, code: 'unavailable', retryMs: 1000 } as const;

const behaviour: Behaviour<UserActorP, UserActor, UserArg> = {
  name: 'user',
  init: (ctx, { uid, environment }) => {
    // So that an orderly end writes the markers first.
    ctx.trapExit(true);
    const sessions = new Sessions();
    const notices = makeNotices(ctx, uid, environment, sessions);
    const revoked = new BoundedMap<string, true>(REVOKED_MAX);
    const presence = makeUserPresence(ctx, uid, environment, () => sessions.connected > 0);
    const base = { uid, environment, sessions, notices, presence };
    return { ...base, gateways: new Map(), revoked, known: false };
  },
  handle: {
    connect: async (s, m, ctx) => {
      const refused = await judgeLogin(s, m.login);
      if (refused !== 0) return { ok: false, close: refused };
      const guilds = await readGuilds(s);
      if (guilds === undefined) return { ok: false, close: CLOSE_ERROR };
      const { sessions } = s;
      const now = s.environment.clock.monotonic();
      const old = sessions.resumable(m.resume, now);
      // A resumed session takes the place of its own connection, so it never adds one.
      const others = sessions.connected - (old?.connection === undefined ? 0 : 1);
      if (others >= s.environment.connectionsMax) return { ok: false, close: CLOSE_LIMIT };
      return connect(s, m, ctx, old, guilds);
    },
    disconnected: (s, { session, connNo, ended }, ctx) => {
      // Of a life before this one: others may believe that the user is still there.
      if (!s.sessions.has(session) && s.sessions.connected === 0) s.presence.announcer.learn();
      s.sessions.close(session, connNo, ended, s.environment.clock.monotonic());
      armSweep(s, ctx);
      return answerLater(ctx, s.notices.flush());
    },
    abandoned: (s, { gateway, conn }, ctx) => {
      s.sessions.abandon(gateway, conn, s.environment.clock.monotonic());
      armSweep(s, ctx);
    },
    revoke: (s, { login }, ctx) => revoke(s, login, ctx),
    guilds: async (s) => {
      const guilds = await readGuilds(s);
      if (guilds === undefined) return UNAVAILABLE;
      const value = guilds.map(({ id, name, ownerId, createdAt }) => ({
        id,
        name,
        ownerId,
        createdAt,
      }));
      return { ok: true, value };
    },
    guildJoined: (s, m, ctx) => {
      s.presence.announcer.joined(m.gid);
      return tell(s, ctx, KIND_GUILD_JOINED, m);
    },
    guildLeft: (s, m, ctx) => {
      s.presence.announcer.left(m.gid);
      return tell(s, ctx, KIND_GUILD_LEFT, m);
    },
    mark: (s, m, ctx) => answerLater(ctx, s.notices.mark(m)),
    markers: (s, { sids }, ctx) => answerLater(ctx, s.notices.markers(sids)),
    wrote: (s, m, ctx) => answerLater(ctx, s.notices.wrote(m)),
    keepMarkers: (s, _m, ctx) => answerLater(ctx, s.notices.run()),
    setStatus: (s, shown) => {
      if (s.sessions.connected === 0) s.presence.announcer.learn();
      s.presence.announcer.choose(shown);
      return { ok: true, value: null };
    },
    present: (s, { gateway, conns }, ctx) => {
      for (const { conn, connNo, login, session } of conns) {
        // Its gateway was out of reach when that was said.
        if (s.revoked.peek(login) !== undefined) {
          ctx.cast(gateway, 'loginRevoked', { login, until: tokensUntil(s) });
          ctx.cast(gateway, 'closeConn', { conn, code: CLOSE_REVOKED });
          continue;
        }
        const key = token(s.environment.rng);
        s.sessions.adopt({ id: session, key, login, connNo, connection: { gateway, conn } });
      }
      if (conns.length > 0) watchGateway(s, gateway, ctx);
      armSweep(s, ctx);
    },
    renamed: (s, { name }) => s.presence.announcer.renamed(name),
    partner: (s, change) => s.presence.partners.heard(change),
    partnersQuery: (s, { uids, limit }, ctx) => {
      const found = settle(s.presence.query(uids.slice(0, limit)));
      return answerLater(
        ctx,
        found.then((value) => (value === FAILED ? UNAVAILABLE : { ok: true, value })),
      );
    },
    presenceTimer: (s, key) => s.presence.fired(key),
    sweep: (s, _m, ctx) => armSweep(s, ctx),
  },
  onDown: (s, { monitor }, ctx) => {
    for (const [gateway, id] of s.gateways) {
      if (id !== monitor) continue;
      s.gateways.delete(gateway);
      s.sessions.gatewayDown(gateway, s.environment.clock.monotonic());
    }
    armSweep(s, ctx);
  },
  mayPassivate: (s) => s.sessions.size === 0 && s.notices.isIdle && s.presence.announcer.isQuiet,
  terminate: (s) => s.notices.flush(),
  formatStatus: ({ gateways, known, notices, presence, revoked, sessions, uid }) => ({
    uid,
    known,
    sessions: sessions.size,
    connected: sessions.connected,
    gateways: gateways.size,
    revokedLogins: revoked.size,
    isTelling: !notices.isIdle || !presence.announcer.isQuiet,
  }),
};

/** Behaviour of entity 'user'. */
export const UserEntity = defineActor<UserActorP, UserActor, UserArg>(behaviour);

function makeNotices(
  ctx: Ctx<UserActorP>,
  uid: Id,
  { docs, clock, noticeCounters: counters }: UserEnvironment,
  sessions: Sessions,
): UserNotices {
  const timeoutMs = STREAM_TIMEOUT_MS;
  const stream = (sid: Id) => entity<StreamP>('stream', sid);
  return new UserNotices({
    uid,
    docs,
    clock,
    counters,
    mark: (sid, m) => ctx.call(stream(sid), 'mark', m, { timeoutMs }),
    emit: (event) => ctx.call(stream(uid), 'emit', event, { timeoutMs }),
    timer: (ms) => ctx.timer('keepMarkers', ms, 'keepMarkers'),
    isAlone: (session) => sessions.isAlone(session),
  });
}

// ---------------------------------------------------------------- connections

/** 0, or the close code for a login that may not connect. */
async function judgeLogin(s: UserActor, login: string): Promise<0 | 4000 | 4504 | 4507> {
  if (s.revoked.peek(login) !== undefined) return CLOSE_REVOKED;
  const { docs } = s.environment;
  const found = await settle(
    Promise.all([
      s.known ? [undefined] : docs.get<UserDoc>('user', [userKey(s.uid)]),
      docs.get<LoginDoc>('login', [login]),
    ]),
  );
  if (found === FAILED) return CLOSE_ERROR; // The client comes back.
  const [[user], [doc]] = found;
  if (!s.known && user === undefined) return CLOSE_AUTH;
  s.known = true;
  const live = doc !== undefined && doc.value.uid === s.uid && doc.value.reusedAt === null;
  return live ? 0 : CLOSE_REVOKED;
}

function connect(
  s: UserActor,
  m: ConnectRequest,
  ctx: Ctx<UserActorP>,
  old: ReturnType<Sessions['resumable']>,
  guilds: readonly GuildDoc[],
): ConnectReply {
  if (old?.connection !== undefined) {
    const { gateway, conn } = old.connection;
    ctx.cast(gateway, 'closeConn', { conn, code: CLOSE_REPLACED });
  }
  const { gateway, conn, login } = m;
  watchGateway(s, gateway, ctx);
  const resumed = old !== undefined && m.resume !== undefined;
  const id = resumed ? old.id : token(s.environment.rng);
  const key = resumed ? m.resume.key : token(s.environment.rng);
  const session = s.sessions.open({ id, key, login, connection: { gateway, conn } });
  s.presence.announcer.guilds(guilds.map((guild) => guild.id));
  s.presence.announcer.connections(s.sessions.connected);
  return {
    ok: true,
    session: id,
    resumeKey: key,
    connNo: session.connNo,
    guilds: guilds.map(({ id: gid, name, memberCount }) => {
      return { gid, name, large: memberCount > SMALL_GUILD_MAX };
    }),
  };
}

function watchGateway(s: UserActor, gateway: Ref<FanOutP>, ctx: Ctx<UserActorP>): void {
  if (!s.gateways.has(gateway)) s.gateways.set(gateway, ctx.monitor(gateway));
}

function token(rng: Rng): string {
  return Buffer.from(rng.bytes(TOKEN_BYTES)).toString('base64url');
}

/** Guilds of the user that exist, by id; undefined when the store is away. */
async function readGuilds(s: UserActor): Promise<readonly GuildDoc[] | undefined> {
  const { docs } = s.environment;
  const prefix = childPrefix(s.uid);
  const index = await settle(
    docs.list<unknown>('userGuild', prefix, undefined, GUILDS_PER_USER_MAX),
  );
  if (index === FAILED) return undefined;
  if (index.length === 0) return [];
  const keys = index.map((doc) => guildKey(unpad(lastPart(doc.key))));
  const found = await settle(docs.get<GuildDoc>('guild', keys));
  if (found === FAILED) return undefined;
  return found.flatMap((doc) => (doc === undefined ? [] : [doc.value]));
}

/** After every change of the sessions. */
function armSweep(s: UserActor, ctx: Ctx<UserActorP>): void {
  s.presence.announcer.connections(s.sessions.connected);
  const now = s.environment.clock.monotonic();
  const next = s.sessions.sweep(now);
  if (next > 0) ctx.timer('sweep', Math.max(next - now, 1), 'sweep');
}

// ---------------------------------------------------------------- revocation

/** Ends a login: its tokens are void at every gateway, its sockets learn why and close. */
/** When the last access token of a login that is revoked now has run out. */
function tokensUntil({ environment }: UserActor): Ms {
  return environment.clock.now() + environment.accessTokenTtlMs + TOKEN_SLACK_MS;
}

function revoke(s: UserActor, login: string, ctx: Ctx<UserActorP>): NoReply {
  const { from } = ctx;
  const { environment } = s;
  s.revoked.set(login, true);
  const until = tokensUntil(s);
  for (const slot of slotsOf(environment.gatewayGroup)) {
    ctx.cast(at<FanOutP>(slot, 'fan-out'), 'loginRevoked', { login, until });
  }
  const sessions = s.sessions.revoke(login);
  s.presence.announcer.connections(s.sessions.connected);
  const told = Promise.allSettled(
    sessions.map(({ id }) => {
      const event = { uid: s.uid, nonce: `r-${id}`, kind: KIND_SESSION_REVOKED, body: [id] };
      const stream = entity<StreamP>('stream', s.uid);
      return ctx.call(stream, 'emit', event, { timeoutMs: REVOKE_WAIT_MS });
    }),
  );
  const close = ctx.wrap(() => {
    for (const { connection } of sessions) {
      if (connection === undefined) continue;
      const { gateway, conn } = connection;
      ctx.cast(gateway, 'closeConn', { conn, code: CLOSE_REVOKED });
    }
    if (from !== undefined) ctx.reply(from, undefined);
  });
  told.then(close, close);
  return NOREPLY;
}

// ---------------------------------------------------------------- guilds

/** Emits on the user's own stream; the guild's nonce makes a repeat harmless. */
function tell(
  s: UserActor,
  ctx: Ctx<UserActorP>,
  kind: number,
  m: { readonly gid: Id; readonly nonce: string },
): NoReply {
  const { from } = ctx;
  const event = { uid: s.uid, nonce: m.nonce, kind, body: [m.gid] };
  const emitted = ctx.call(entity<StreamP>('stream', s.uid), 'emit', event);
  const answer = ctx.wrap((result: Result<null>) => {
    if (from !== undefined) ctx.reply(from, result);
  });
  emitted.then(
    (reply) => {
      const again =
        !reply.ok && (reply.code === ERR_UNAVAILABLE || reply.code === ERR_OUTCOME_UNKNOWN);
      answer(again ? UNAVAILABLE : { ok: true, value: null });
    },
    () => answer(UNAVAILABLE),
  );
  return NOREPLY;
}
