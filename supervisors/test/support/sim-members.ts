/**
 * Members without sockets: an actor on a shard thread of the fault server that writes the documents of users who are
 * members of a guild, connects them as a gateway thread would, and changes their status. Nothing of the server can tell
 * them from people. Never in production.
 */
import { type Guild, pad, type Status, type Store, type UserP } from '../../../channels/index.ts';
import { call, type Dest, defineActor, entity, name, spawn } from '../../../runtime/index.ts';

export interface SimMembersP {
  /** Documents of `count` members from uid `from` on; the guild entity has to start anew to see them. */
  write(m: { readonly gid: number; readonly from: number; readonly count: number }): Promise<void>;
  /** Connects them; resolves when all are online. */
  connect(m: { readonly from: number; readonly count: number }): Promise<number>;
  setStatus(m: { readonly uid: number; readonly status: Status }): Promise<boolean>;
}

export const SIM_MEMBERS = 'sim-members';

const BATCH = 200;
const login = (uid: number): string => `sim-${uid}`;
const user = (uid: number): Dest<UserP> => entity<UserP>('user', uid);

const SimMembers = defineActor<SimMembersP, Store, Store>({
  name: SIM_MEMBERS,
  init: (_ctx, store) => store,
  handle: {
    write: async (store, m) => {
      for (let done = 0; done < m.count; done += BATCH) {
        const uids = Array.from(
          { length: Math.min(BATCH, m.count - done) },
          (_, i) => m.from + done + i,
        );
        await writeMembers(store, m.gid, uids);
      }
      await addToCount(store, m.gid, m.count);
    },
    connect: async (_store, { from, count }, ctx) => {
      let online = 0;
      for (let done = 0; done < count; done += BATCH) {
        const uids = Array.from(
          { length: Math.min(BATCH, count - done) },
          (_, i) => from + done + i,
        );
        const asked = uids.map((uid) =>
          call(user(uid), 'connect', { gateway: ctx.self as never, conn: uid, login: login(uid) }),
        );
        online += (await Promise.all(asked)).filter((reply) => reply.ok).length;
      }
      return online;
    },
    setStatus: async (_store, { uid, status }) => {
      return (await call(user(uid), 'setStatus', { status, activity: null })).ok;
    },
  },
});

async function writeMembers(store: Store, gid: number, uids: readonly number[]): Promise<void> {
  const at = 1_763_694_000_000;
  await store.docs.write(
    uids.flatMap((uid) => {
      const displayName = `Member ${uid % 100_000}`;
      const account = {
        id: uid,
        username: login(uid),
        displayName,
        email: null,
        passwordHash: '',
        createdAt: at,
      };
      const member = { joinedAt: at, nick: null, roles: [] };
      return [
        { kind: 'user', key: pad(uid), expect: 'any' as const, value: account },
        { kind: 'login', key: login(uid), expect: 'any' as const, value: loginOf(uid, at) },
        { kind: 'member', key: `${pad(gid)}/${pad(uid)}`, expect: 'any' as const, value: member },
        { kind: 'userGuild', key: `${pad(uid)}/${pad(gid)}`, expect: 'any' as const, value: {} },
      ];
    }),
  );
}

function loginOf(uid: number, createdAt: number): Record<string, unknown> {
  const expiresAt = createdAt + 1e12;
  return {
    uid,
    createdAt,
    expiresAt,
    current: '',
    previous: null,
    rotatedAt: createdAt,
    reusedAt: null,
  };
}

async function addToCount(store: Store, gid: number, more: number): Promise<void> {
  const [doc] = await store.docs.get<Guild & { memberCount: number }>('guild', [pad(gid)]);
  if (doc === undefined) throw new Error(`sim-members: no guild ${gid}`);
  const value = { ...doc.value, memberCount: doc.value.memberCount + more };
  await store.docs.write([{ kind: 'guild', key: pad(gid), expect: 'any', value }]);
}

/** Adds the actor to this thread. */
export async function startSimMembers(store: Store): Promise<void> {
  await spawn(SimMembers, store, { name: name<SimMembersP>(SIM_MEMBERS) });
}
