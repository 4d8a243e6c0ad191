/**
 * Ties a user's presence (`user-announcer.ts`, `user-partners.ts`) to the user actor: timers, documents,
 * casts to guilds, partners and gateway threads. Runs inside the user actor.
 */
import { type Ctx, type Dest, entity } from '../runtime/index.ts';
import { DMS_PER_USER_MAX, type DmDoc, type UserDmDoc } from './dm-docs.ts';
import { childPrefix, lastPart, type UserDoc, userKey } from './docs.ts';
import { GUILDS_PER_USER_MAX } from './guild-plan.ts';
import { pad, unpad } from './ids.ts';
import { gatewaysOf, hubsOf, type PresenceIndex } from './presence-hub.ts';
import type {
  DocStore,
  EventCodec,
  GuildP,
  Id,
  MemberEntry,
  Ms,
  PresenceHubP,
  PresenceTimes,
  ShownChange,
  StreamP,
  UserP,
} from './types.ts';
import { UserAnnouncer } from './user-announcer.ts';
import { PartnerNotices } from './user-partners.ts';

/** Given by the boot of a shard thread; the same for all of its users. */
export interface UserPresenceEnvironment {
  readonly times: PresenceTimes;
  readonly index: PresenceIndex;
  readonly codec: EventCodec;
  /** Runtime group of the threads that run an actor 'presence'. */
  readonly shardGroup: string;
}

const HUB_TIMEOUT_MS: Ms = 3000;

/** The op that a user actor sends to itself for its timers of presence. */
export interface PresenceTimerP {
  presenceTimer(key: string): void;
}

/** Presence of one user, with the timers that its actor runs for it. */
export interface UserPresencePart {
  readonly announcer: UserAnnouncer;
  readonly partners: PartnerNotices;
  /** Those of `uids` who are DM partners, as they are now. Rejects when the store or a shard is away. */
  query(uids: readonly Id[]): Promise<readonly MemberEntry[]>;
  /** A timer of presence has fired. */
  fired(key: string): void;
}

/** @param isConnected whether the user has an open connection */
export function makeUserPresence(
  ctx: Ctx<UserP & PresenceTimerP>,
  uid: Id,
  tools: {
    readonly docs: DocStore;
    readonly clock: { now(): Ms; monotonic(): Ms };
    readonly gatewayGroup: string;
    readonly presence: UserPresenceEnvironment;
  },
  isConnected: () => boolean,
): UserPresencePart {
  const timers = new Map<string, () => void>();
  const { clock, docs, gatewayGroup } = tools;
  const { codec, index, shardGroup, times } = tools.presence;
  const timer = (key: string, ms: Ms, run: () => void): void => {
    timers.set(key, run);
    ctx.timer(key, ms, 'presenceTimer', key);
  };
  const now = (): Ms => clock.now();
  const announcer = new UserAnnouncer({
    uid,
    times,
    index,
    now,
    monotonic: () => clock.monotonic(),
    timer,
    later: (work, done) => {
      const enter = ctx.wrap(done);
      work.then(
        (value) => enter({ ok: true, value }),
        (error: unknown) => enter({ ok: false, error }),
      );
    },
    guilds: () => guildsOf(docs, uid),
    partners: () => partnersOf(docs, uid),
    tellGuild: (gid, change) => ctx.cast(entity<GuildP>('guild', gid), 'presence', change),
    tellPartner: (to, change) => ctx.cast(entity<UserP>('user', to), 'partner', change),
    whoIs: () => {
      for (const gateway of gatewaysOf(gatewayGroup)) ctx.cast(gateway, 'whoIs', { uid });
    },
  });
  const partners = new PartnerNotices({
    times,
    now,
    timer,
    isConnected,
    broadcast: (fields) => {
      const frame = codec.encodeNotice(fields);
      ctx.cast(entity<StreamP>('stream', uid), 'broadcast', { frame, class: 'presence' });
    },
  });
  const fired = (key: string): void => {
    const run = timers.get(key);
    timers.delete(key);
    run?.();
  };
  const ask = (hub: Dest<PresenceHubP>, uids: readonly Id[]): Promise<readonly ShownChange[]> =>
    ctx.call(hub, 'shown', { uids }, { timeoutMs: HUB_TIMEOUT_MS });
  const query = (uids: readonly Id[]): Promise<readonly MemberEntry[]> =>
    queryPartners(docs, uid, uids, (some) => hubsOf(shardGroup).map((hub) => ask(hub, some)));
  return { announcer, partners, fired, query };
}

async function guildsOf(docs: DocStore, uid: Id): Promise<readonly Id[]> {
  const prefix = childPrefix(uid);
  const index = await docs.list<unknown>('userGuild', prefix, undefined, GUILDS_PER_USER_MAX);
  return index.map(({ key }) => unpad(lastPart(key)));
}

/** Everybody who shares a dm or a group with the user. */
async function partnersOf(docs: DocStore, uid: Id): Promise<readonly Id[]> {
  const index = await docs.list<UserDmDoc>('userDm', childPrefix(uid), undefined, DMS_PER_USER_MAX);
  const uids = new Set(index.flatMap(({ value }) => value.peer ?? []));
  const groups = index.filter(({ value }) => value.peer === null).map(({ key }) => lastPart(key));
  if (groups.length > 0) {
    const found = await docs.get<DmDoc>(
      'dm',
      groups.map((sid) => pad(unpad(sid))),
    );
    for (const doc of found) for (const member of doc?.value.members ?? []) uids.add(member);
  }
  uids.delete(uid);
  return [...uids];
}

/** @param ask what the shard threads know of these users */
async function queryPartners(
  docs: DocStore,
  uid: Id,
  uids: readonly Id[],
  ask: (uids: readonly Id[]) => readonly Promise<readonly ShownChange[]>[],
): Promise<readonly MemberEntry[]> {
  const known = new Set(await partnersOf(docs, uid));
  const asked = uids.filter((one) => known.has(one));
  if (asked.length === 0) return [];
  const [users, ...answers] = await Promise.all([
    docs.get<UserDoc>('user', asked.map(userKey)),
    ...ask(asked),
  ]);
  const shown = new Map(answers.flat().map((change) => [change.uid, change.status]));
  return asked.flatMap((one, i): MemberEntry[] => {
    const name = users[i]?.value.displayName;
    if (name === undefined) return [];
    return [{ uid: one, name, nick: null, topRole: 0, roles: [], status: shown.get(one) ?? 0 }];
  });
}
