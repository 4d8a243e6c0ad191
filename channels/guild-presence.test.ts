/** Who is there in one guild: PRESENCE, windows and searches, with time and other threads by hand. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Dest, MonitorId, Ref } from '../runtime/index.ts';
import { childKey, type MemberDoc, userKey } from './docs.ts';
import { type GuildFacts, GuildPresence, newPresenceCounters } from './guild-presence.ts';
import { ROSTER_ROWS_MAX } from './guild-roster.ts';
import { HandClock } from './test/hand-clock.ts';
import { makeStore, settled } from './test/kit.ts';
import type {
  DocStore,
  FanOutPresenceP,
  Id,
  MemberRow,
  PresenceHubP,
  ShownChange,
  Status,
  WindowView,
} from './types.ts';
import { PRESENCE_TIMES } from './user-presence.ts';

const GID = 400;
const VIEW = 401;
const GATEWAY = 7 as unknown as Ref<FanOutPresenceP>;
const HUB = 8 as unknown as Dest<PresenceHubP>;

/** A gateway thread with one connection that shows what it has opened. */
class Viewer {
  readonly leaves = new Map<number, readonly MemberRow[]>();
  readonly vers = new Map<number, number>();
  skipped = 0;
  lost = 0;
  ended: Id[] = [];
  view: WindowView | undefined;
  refused: string | undefined;
  frames: readonly number[] = [];

  opened(m: Parameters<FanOutPresenceP['windowOpened']>[0]): void {
    if (!m.result.ok) {
      this.refused = m.result.code;
      return;
    }
    this.view = m.result.value;
    this.leaves.clear();
    this.vers.clear();
    for (const { leaf, ver, entries } of m.result.value.leaves) {
      this.leaves.set(leaf, entries);
      this.vers.set(leaf, ver);
    }
  }

  changed(m: Parameters<FanOutPresenceP['leaves']>[0]): void {
    for (const { type, leaf, to } of m.moves) {
      if (!this.leaves.has(leaf)) continue;
      if (type === 'merge') this.leaves.delete(leaf);
      if (!this.leaves.has(to)) this.leaves.set(to, []);
    }
    this.frames = m.frames.map(({ leaf }) => leaf);
    for (const { leaf, ver, frame } of m.frames) {
      if (!this.leaves.has(leaf)) continue;
      const [, , , , told, rows] = JSON.parse(new TextDecoder().decode(frame));
      expect(told).toBe(ver);
      const before = this.vers.get(leaf);
      if (before !== undefined && ver !== before + 1) this.skipped += 1;
      this.vers.set(leaf, ver);
      this.leaves.set(leaf, rows);
    }
  }
}

class Rig {
  readonly clock = new HandClock();
  readonly counters = newPresenceCounters();
  readonly viewer = new Viewer();
  readonly told: (readonly unknown[])[] = [];
  readonly members = new Map<Id, MemberDoc>();
  readonly monitored = new Map<MonitorId, unknown>();
  roles: { id: Id; position: number }[] = [{ id: GID, position: 0 }];
  isWatched = true;
  isSmall = true;
  hubDown = false;
  storeDown = false;
  /** What the shard threads know. */
  readonly online = new Map<Id, ShownChange>();
  readonly presence: GuildPresence;
  readonly #inner = makeStore().docs;
  #token = 0;
  #n = 0;

  constructor() {
    const timers = new Map<string, number>();
    let timer = 0;
    const gateway = {
      windowOpened: (m: Parameters<FanOutPresenceP['windowOpened']>[0]) => this.viewer.opened(m),
      leaves: (m: Parameters<FanOutPresenceP['leaves']>[0]) => this.viewer.changed(m),
      windowEnd: ({ uid }: { uid: Id }) => this.viewer.ended.push(uid),
      windowsLost: () => {
        this.viewer.lost += 1;
      },
    } as Record<string, (m: never) => void>;
    this.presence = new GuildPresence({
      gid: GID,
      self: 1 as unknown as Ref<unknown>,
      docs: this.#docs(),
      times: PRESENCE_TIMES,
      counters: this.counters,
      now: () => this.clock.now(),
      encode: (frame) => new TextEncoder().encode(JSON.stringify(frame)),
      facts: (): GuildFacts => {
        return { mainView: VIEW, isSmall: this.isSmall, roles: this.roles };
      },
      isWatched: () => this.isWatched,
      hubs: () => [HUB],
      ask: async (_hub, uids) => {
        if (this.hubDown) throw new Error('noproc');
        const all = [...this.online.values()];
        return uids === undefined ? all : all.filter(({ uid }) => uids.includes(uid));
      },
      broadcast: (sid, frame) => {
        expect(sid).toBe(VIEW);
        this.told.push(JSON.parse(new TextDecoder().decode(frame)));
      },
      gateway: (to, op, m) => {
        expect(to).toBe(GATEWAY);
        gateway[op]?.(m as never);
      },
      monitor: (to) => {
        const id = (this.monitored.size + 1) as unknown as MonitorId;
        this.monitored.set(id, to);
        return id;
      },
      demonitor: (id) => this.monitored.delete(id),
      later: (work, done) => {
        work.then(
          (value) => done({ ok: true, value }),
          (error: unknown) => done({ ok: false, error }),
        );
      },
      timer: (key, ms, run) => {
        timer += 1;
        const mine = timer;
        timers.set(key, mine);
        this.clock.setTimeout(() => {
          if (timers.get(key) === mine) run();
        }, ms);
      },
    });
  }

  #docs(): DocStore {
    const check = (): void => {
      if (this.storeDown) throw new Error('the store is away');
    };
    return {
      ...this.#inner,
      get: async (kind, keys) => {
        check();
        return await this.#inner.get(kind, keys);
      },
      list: async (kind, prefix, after, limit) => {
        check();
        return await this.#inner.list(kind, prefix, after, limit);
      },
      find: (kind, unique) => this.#inner.find(kind, unique),
      write: (batch) => this.#inner.write(batch),
    };
  }

  /** A commit of the guild that adds, changes or (undefined) removes a member. */
  async commit(uid: Id, member: MemberDoc | undefined): Promise<void> {
    if (member === undefined) this.members.delete(uid);
    else this.members.set(uid, member);
    const value = member ?? null;
    const write = { kind: 'member', key: childKey(GID, uid), expect: 'any', value } as const;
    await this.#inner.write([write]);
    this.presence.committed([write]);
  }

  async join(uid: Id, nick: string | null = null, roles: readonly Id[] = []): Promise<void> {
    const user = { id: uid, username: `u${uid}`, displayName: `name ${uid}` };
    await this.#inner.write([{ kind: 'user', key: userKey(uid), expect: 'any', value: user }]);
    await this.commit(uid, { joinedAt: 0, nick, roles });
    // The user entity tells the guild when it hears of the join.
    if (this.statusOf(uid) > 0) this.show(uid, this.statusOf(uid));
  }

  async rename(uid: Id, displayName: string): Promise<void> {
    const user = { id: uid, username: `u${uid}`, displayName };
    await this.#inner.write([{ kind: 'user', key: userKey(uid), expect: 'any', value: user }]);
    this.presence.heard({ ...this.shown(uid, this.statusOf(uid)), name: displayName });
  }

  statusOf(uid: Id): Status {
    return this.online.get(uid)?.status ?? 0;
  }

  shown(uid: Id, status: Status, activity: string | null = null): ShownChange {
    this.#n += 1;
    const change = { uid, status, activity, n: this.#n };
    if (status === 0) this.online.delete(uid);
    else this.online.set(uid, change);
    return change;
  }

  show(uid: Id, status: Status, activity: string | null = null): void {
    this.presence.heard(this.shown(uid, status, activity));
  }

  async open(from = 0, count = 100_000, leavesMax = 100): Promise<WindowView | undefined> {
    this.#token += 1;
    const m = { gateway: GATEWAY, token: this.#token, uid: 1, from, count, leavesMax };
    this.presence.open(m, undefined);
    await settled();
    return this.viewer.view;
  }

  close(leaves: readonly number[], token = this.#token): void {
    this.presence.close({ gateway: GATEWAY, token, leaves });
  }

  /** Entries of PRESENCE after the first frame, which only tells `ver`. */
  get entries(): unknown[] {
    return this.told.flatMap((frame) => frame[3] as unknown[]);
  }

  /** The whole list in order, as a window over everything shows it now. */
  async truth(): Promise<readonly MemberRow[]> {
    const shown = new Map(this.viewer.leaves);
    const { view } = this.viewer;
    await this.open();
    const all = this.viewer.view?.leaves.flatMap(({ entries }) => entries) ?? [];
    for (const { leaf, entries } of this.viewer.view?.leaves ?? []) {
      const before = shown.get(leaf);
      if (before !== undefined) expect(before).toEqual(entries);
    }
    this.viewer.view = view;
    return all;
  }
}

test('heard: small guild, one PRESENCE per 2 s, ver rising by one, activities', async () => {
  const rig = new Rig();
  for (const uid of [1, 2, 3]) await rig.join(uid);
  await rig.open(0, 0);
  rig.show(1, 1);
  await rig.clock.advance(200);
  rig.show(2, 2, 'tea');
  rig.show(2, 3, 'more tea');
  rig.show(3, 1);
  rig.show(99, 1);
  await rig.clock.advance(1800);
  expect(rig.told).toHaveLength(1);
  await rig.clock.advance(300);
  expect(rig.entries).toEqual([
    [1, 1],
    [2, 3, 'more tea'],
    [3, 1],
  ]);
  const [first, second] = rig.told.map((frame) => frame[2] as number);
  expect(rig.told.map((frame) => frame.slice(0, 2))).toEqual([
    [21, GID],
    [21, GID],
  ]);
  expect((second ?? 0) - (first ?? 0)).toBe(1);
});

test('watched: a small guild tells its ver once, above that of an earlier life', async () => {
  const rig = new Rig();
  rig.presence.watched();
  rig.presence.watched();
  await rig.clock.advance(10_000);
  expect(rig.told).toHaveLength(1);
  expect(rig.told[0]?.[3]).toEqual([]);
  expect(rig.told[0]?.[2]).toBeGreaterThan(rig.clock.now() - 60_000);
});

test('followed: the main view begins to listen, its ver is told again; another stream, it is not', async () => {
  const rig = new Rig();
  rig.presence.watched();
  await rig.clock.advance(10_000);
  rig.presence.followed(VIEW + 1);
  await rig.clock.advance(10_000);
  expect(rig.told).toHaveLength(1);
  rig.presence.followed(VIEW);
  await rig.clock.advance(10_000);
  expect(rig.told.map(([, , ver]) => ver)).toEqual([0, 1].map((i) => Number(rig.told[0]?.[2]) + i));
});

test('heard: large guild, nobody watching, no PRESENCE and no list', async () => {
  const rig = new Rig();
  await rig.join(1);
  rig.isSmall = false;
  rig.show(1, 1);
  await rig.clock.advance(10_000);
  rig.isSmall = true;
  rig.isWatched = false;
  rig.show(1, 2);
  await rig.clock.advance(10_000);
  expect([rig.told, rig.counters.loaded]).toEqual([[], 0]);
});

test('PRESENCE: more than fits under 16 KiB, the rest with the next one', async () => {
  const rig = new Rig();
  for (let uid = 1; uid <= 100; uid += 1) await rig.join(uid);
  await rig.open(0, 0);
  for (let uid = 1; uid <= 100; uid += 1) rig.show(uid, 1, '"'.repeat(250));
  await rig.clock.advance(20_000);
  expect(rig.told.length).toBeGreaterThan(3);
  expect(rig.entries).toHaveLength(100);
  for (const frame of rig.told) expect(JSON.stringify(frame).length).toBeLessThan(16_384);
});

test('open: the store away or no room, unavailable, and tried again by the next one', async () => {
  const rig = new Rig();
  await rig.join(1);
  rig.storeDown = true;
  await rig.open();
  expect(rig.viewer.refused).toBe('unavailable');
  rig.storeDown = false;
  rig.counters.rows = ROSTER_ROWS_MAX;
  rig.viewer.refused = undefined;
  await rig.open();
  expect([rig.viewer.refused, rig.counters.refused]).toEqual(['unavailable', 1]);
  rig.counters.rows = 0;
  expect((await rig.open())?.leaves).toHaveLength(1);
  expect(rig.counters.rows).toBe(1);
});

test('open: closed by a later token only, the list given back a minute after the last look', async () => {
  const rig = new Rig();
  rig.isSmall = false;
  await rig.join(1);
  const leaf = (await rig.open())?.leaves[0]?.leaf ?? 0;
  rig.close([leaf], 0);
  rig.show(1, 1);
  await rig.clock.advance(3000);
  expect(rig.viewer.leaves.get(leaf)).toEqual([[1, 'name 1', GID, 1]]);
  expect(rig.presence.isIdle).toBe(false);
  rig.close([leaf]);
  expect(rig.presence.isIdle).toBe(true);
  await rig.clock.advance(125_000);
  expect([rig.counters.rows, rig.monitored.size]).toEqual([0, 0]);
});

test('a hub that ends: who is there is asked again when its users are known', async () => {
  const rig = new Rig();
  for (const uid of [1, 2]) {
    await rig.join(uid);
    rig.shown(uid, 1);
  }
  rig.isSmall = false;
  const leaf = (await rig.open())?.leaves[0]?.leaf ?? 0;
  const hub = [...rig.monitored].find(([, to]) => to === HUB)?.[0];
  rig.online.delete(1);
  rig.hubDown = true;
  expect(rig.presence.down(hub as MonitorId)).toBe(true);
  await rig.clock.advance(11_000);
  expect(rig.viewer.leaves.get(leaf)?.map(([uid, , , status]) => [uid, status])).toEqual([
    [1, 1],
    [2, 1],
  ]);
  await rig.clock.advance(3000);
  rig.hubDown = false;
  await rig.clock.advance(4000);
  expect(rig.viewer.leaves.get(leaf)?.map(([uid, , , status]) => [uid, status])).toEqual([
    [2, 1],
    [1, 0],
  ]);
});

test('committed: a member that leaves, its windows end; roles in another order, all are lost', async () => {
  const rig = new Rig();
  rig.roles.push({ id: 11, position: 1 }, { id: 12, position: 2 });
  await rig.join(1, null, [11]);
  await rig.join(2, 'Zoe', [12]);
  for (const uid of [1, 2]) rig.show(uid, 1);
  const view = await rig.open();
  expect(view?.groups).toEqual([
    [12, 1],
    [11, 1],
  ]);
  // Positions change, their order does not.
  const roleWrite = { kind: 'role', key: childKey(GID, 11), expect: 'any', value: {} } as const;
  rig.roles = [
    { id: GID, position: 0 },
    { id: 13, position: 1 },
    { id: 11, position: 2 },
    { id: 12, position: 3 },
  ];
  rig.presence.committed([roleWrite]);
  expect(rig.viewer.lost).toBe(0);
  rig.roles = [
    { id: GID, position: 0 },
    { id: 12, position: 1 },
    { id: 11, position: 2 },
  ];
  rig.presence.committed([roleWrite]);
  expect(rig.viewer.lost).toBe(1);
  expect((await rig.open())?.groups).toEqual([
    [11, 1],
    [12, 1],
  ]);
  await rig.commit(2, undefined);
  expect(rig.viewer.ended).toEqual([2]);
});

test('members: a role that is deleted or made, no answer names or ranks by what was', async () => {
  const rig = new Rig();
  rig.roles.push({ id: 11, position: 1 }, { id: 12, position: 2 });
  await rig.join(1, null, [11, 12]);
  const entry = async () =>
    (await rig.presence.members({ uid: 1, uids: [1], prefix: null, limit: 1 }))[0];
  expect(await entry()).toMatchObject({ topRole: 12, roles: [11, 12] });
  const write = (role: Id) =>
    ({ kind: 'role', key: childKey(GID, role), expect: 'any', value: null }) as const;
  rig.roles = rig.roles.filter(({ id }) => id !== 12);
  rig.presence.committed([write(12)]);
  expect(await entry()).toMatchObject({ topRole: 11, roles: [11] });
  rig.roles.push({ id: 13, position: 3 });
  rig.presence.committed([write(13)]);
  await rig.commit(1, { joinedAt: 0, nick: null, roles: [11, 13] });
  expect(await entry()).toMatchObject({ topRole: 13, roles: [11, 13] });
});

test('members: by prefix from the list, by uids without it', async () => {
  const rig = new Rig();
  rig.isSmall = false;
  await rig.join(1, 'Ärger');
  await rig.join(2);
  rig.shown(2, 3);
  const base = { uid: 1, limit: 100 };
  const byUid = await rig.presence.members({ ...base, uids: [2, 1, 9], prefix: null });
  expect(byUid.map(({ uid, status, topRole }) => [uid, status, topRole])).toEqual([
    [2, 3, GID],
    [1, 0, GID],
  ]);
  expect(rig.counters.loaded).toBe(0);
  const found = await rig.presence.members({ ...base, uids: null, prefix: 'äR' });
  expect(found.map(({ uid, nick }) => [uid, nick])).toEqual([[1, 'Ärger']]);
});

const uid = fc.integer({ min: 1, max: 400 });
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('join' as const), uid, role: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('leave' as const), uid }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('show' as const),
      uid,
      status: fc.constantFrom<Status>(0, 1, 2, 3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('rename' as const), uid, to: fc.string() }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('crowd' as const), from: uid, joins: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('advance' as const), ms: fc.nat(3000) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('open' as const), from: uid }) },
);

test('any changes: in the end every open leaf is the list (I19), no ver was skipped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (changes) => {
      const rig = new Rig();
      rig.isSmall = false;
      rig.roles.push({ id: 11, position: 1 }, { id: 12, position: 2 });
      for (let id = 1; id <= 250; id += 1) await rig.join(id);
      await rig.open(0, 100, 5);
      for (const step of changes) {
        if (step.op === 'join')
          await rig.join(step.uid, null, step.role > 0 ? [10 + step.role] : []);
        else if (step.op === 'leave') await rig.commit(step.uid, undefined);
        else if (step.op === 'show') rig.show(step.uid, step.status);
        else if (step.op === 'rename' && step.to !== '') await rig.rename(step.uid, step.to);
        else if (step.op === 'advance') await rig.clock.advance(step.ms);
        else if (step.op === 'open') await rig.open(step.from, 50, 5);
        else if (step.op === 'crowd') {
          for (let id = step.from; id < step.from + 100; id += 1) {
            if (step.joins) await rig.join(id);
            else await rig.commit(id, undefined);
          }
        }
      }
      await settled();
      await rig.clock.advance(15_000);
      const all = await rig.truth();
      expect(rig.viewer.skipped).toBe(0);
      expect(new Set(all.map(([id]) => id))).toEqual(new Set(rig.members.keys()));
      for (const [id, , role, status] of all) {
        expect(status).toBe(rig.statusOf(id));
        expect(role).toBe(rig.members.get(id)?.roles[0] ?? GID);
      }
    }),
    { numRuns: 15 },
  );
});
