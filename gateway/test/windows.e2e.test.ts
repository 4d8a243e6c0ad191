/** Member windows over sockets, with the real entities: every open leaf equals the server's list (I19). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GuildP, pad } from '../../channels/index.ts';
import { call, cast, entity } from '../../runtime/index.ts';
import { type Encoding, Err, Op, type WireValue } from '../protocol/index.ts';
import type { TestClient } from './harness.ts';
import { type Person, QUICK_TIMES, RealDomain, value } from './real-domain.ts';

type AnyFrame = readonly WireValue[];

const ENCODINGS: readonly Encoding[] = ['mp', 'json'];
const guild = (gid: number) => entity<GuildP>('guild', gid);

let domain: RealDomain;
beforeAll(async () => {
  domain = await RealDomain.start({ presence: QUICK_TIMES });
});
afterAll(async () => {
  expect(domain.harness.errors).toEqual([]);
  await domain.stop();
});

/** A guild with people who only exist in the store: uids 1001 and up, names m1001 and up. */
async function crowd(size: number): Promise<{ gid: number; owner: Person }> {
  const owner = await domain.person();
  const { id: gid } = value(await domain.accounts.createGuild(owner.uid, 'Crowd'));
  const { docs } = domain.store;
  for (let from = 1001; from < 1001 + size; from += 200) {
    const uids = Array.from({ length: Math.min(200, 1001 + size - from) }, (_, i) => from + i);
    const user = (id: number): object => {
      const name = `m${id}`;
      const rest = { email: null, passwordHash: '', createdAt: 0 };
      return { id, username: name, displayName: name, ...rest };
    };
    const written = await docs.write(
      uids.flatMap((uid) => [
        { kind: 'user', key: pad(uid), expect: 'any', value: user(uid) } as const,
        {
          kind: 'member',
          key: `${pad(gid)}/${pad(uid)}`,
          expect: 'any',
          value: { joinedAt: 0, nick: null, roles: [] },
        } as const,
      ]),
    );
    expect(written.ok).toBe(true);
  }
  const [doc] = await docs.get<object>('guild', [pad(gid)]);
  const counted = { ...doc?.value, memberCount: size + 1 };
  await docs.write([{ kind: 'guild', key: pad(gid), expect: 'any', value: counted }]);
  await domain.restartShard();
  return { gid, owner };
}

/** What a user entity would say of a member of the crowd. */
let lastN = Date.UTC(2030, 0);
function shows(gid: number, uid: number, status: 0 | 1 | 2 | 3): void {
  lastN += 1;
  cast(guild(gid), 'presence', { uid, status, activity: null, n: lastN });
}

async function nick(gid: number, owner: Person, target: number, to: string): Promise<void> {
  value(await call(guild(gid), 'updateMember', { uid: owner.uid, target, nick: to }));
}

/** A client's window as its frames make it: leaves by number, and the first `ver` that was skipped. */
function shown(client: TestClient, gid: number): { leaves: Map<number, string>; skipped: number } {
  const leaves = new Map<number, string>();
  const vers = new Map<number, number>();
  let skipped = 0;
  for (const [op, first, second, third, ver, entries] of client.frames) {
    if (op === Op.OK && opened.get(client)?.get(first as number) === gid) {
      leaves.clear();
      vers.clear();
      // `[4, rid, ver, groups, leaves]`: the fifth element is named for MWIN.
      for (const [leaf, leafVer, , rows] of ver as readonly AnyFrame[]) {
        leaves.set(leaf as number, JSON.stringify(rows));
        vers.set(leaf as number, leafVer as number);
      }
    } else if (op === Op.MWIN && first === gid) {
      expect(second).toBe(0);
      const leaf = third as number;
      const before = vers.get(leaf);
      if (before !== undefined && ver !== before + 1) skipped += 1;

      vers.set(leaf, ver as number);
      if ((entries as AnyFrame).length === 0) leaves.delete(leaf);
      else leaves.set(leaf, JSON.stringify(entries));
    }
  }
  return { leaves, skipped };
}

/** Which OK belongs to which window: rid to guild, by client. */
const opened = new WeakMap<TestClient, Map<number, number>>();

async function open(
  client: TestClient,
  gid: number,
  from: number,
  count: number,
): Promise<AnyFrame> {
  const reply = await client.ask(Op.MWIN_OPEN, gid, 0, from, count);
  const byRid = opened.get(client) ?? new Map<number, number>();
  opened.set(client, byRid);
  if (reply[0] === Op.OK) byRid.set(reply[1] as number, gid);
  return reply;
}

/** All leaves of a list, as another connection is told now. */
async function everything(person: Person, gid: number): Promise<Map<number, string>> {
  const client = await domain.online(person, 'mp');
  const all = new Map<number, string>();
  for (let from = 0; ; ) {
    const reply = await open(client, gid, from, 1000);
    const leaves = reply[4] as readonly AnyFrame[];
    if (leaves.length === 0) break;
    for (const [leaf, , index, rows] of leaves) {
      all.set(leaf as number, JSON.stringify(rows));
      from = (index as number) + (rows as AnyFrame).length;
    }
  }
  client.socket.close();
  return all;
}

function agrees(client: TestClient, gid: number, all: ReadonlyMap<number, string>): boolean {
  const mine = shown(client, gid).leaves;
  return mine.size > 0 && [...mine].every(([leaf, rows]) => all.get(leaf) === rows);
}

/** Waits until each open leaf of each client is what the server has now. */
async function settles(clients: readonly TestClient[], person: Person, gid: number): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    const all = await everything(person, gid);
    if (clients.every((client) => agrees(client, gid, all))) return;
    await new Promise((resolve) => domain.harness.clock.setTimeout(() => resolve(null), 20));
  }
  throw new Error('the leaves never came to equal the list');
}

test.each(ENCODINGS)(
  '%s MWIN_OPEN: groups, leaves around the range, changes as MWIN',
  async (encoding) => {
    const { gid, owner } = await crowd(399);
    const client = await domain.online(owner, encoding);
    const reply = await open(client, gid, 150, 100);
    const [, , , groups, leaves] = reply;
    const counts = groups as readonly [number, number][];
    expect(counts.map(([role]) => role)).toEqual([gid, 0]);
    expect(counts.reduce((sum, [, count]) => sum + count, 0)).toBe(400);
    const rows = (leaves as readonly AnyFrame[]).flatMap((leaf) => leaf[3] as readonly AnyFrame[]);
    const index = (leaves as readonly AnyFrame[])[0]?.[2] as number;
    expect(index <= 150 && index + rows.length >= 250).toBe(true);
    // The owner is online and comes first; behind it the crowd, offline, by name.
    expect(rows[0]).toEqual([1000 + index, `m${1000 + index}`, gid, 0]);
    const inside = rows[50]?.[0] as number;
    await nick(gid, owner, inside, `m${inside}x`);
    const mwin = await client.find(([op]) => op === Op.MWIN);
    expect(mwin.slice(0, 3)).toEqual([Op.MWIN, gid, 0]);
    expect((mwin[5] as readonly AnyFrame[]).find(([uid]) => uid === inside)?.[1]).toBe(
      `m${inside}x`,
    );
    await settles([client], owner, gid);
    expect(shown(client, gid).skipped).toBe(0);
  },
);

test('MWIN: crowds come, go and are renamed, leaves split and merge, every window stays true', async () => {
  const { gid, owner } = await crowd(500);
  const clients = [await domain.online(owner, 'mp'), await domain.online(owner, 'json')];
  const [one, two] = clients as [TestClient, TestClient];
  await open(one, gid, 0, 100);
  await open(two, gid, 200, 150);
  const before = shown(one, gid).leaves.size;
  for (let uid = 1101; uid <= 1350; uid += 1) {
    if (uid % 3 === 0) shows(gid, uid, 1);
    else await nick(gid, owner, uid, `m1050-${uid}`);
  }
  await settles(clients, owner, gid);
  expect(shown(one, gid).leaves.size).toBeGreaterThan(before);
  for (let uid = 1001; uid <= 1490; uid += 1) {
    if (uid % 4 === 0) shows(gid, uid, 2);
    else if (uid % 4 === 1) shows(gid, uid, 0);
    else cast(guild(gid), 'kick', { uid: owner.uid, target: uid, reason: null });
  }
  await settles(clients, owner, gid);
  expect([shown(one, gid).skipped, shown(two, gid).skipped]).toEqual([0, 0]);
});

test('a guild that starts again: windows are opened anew without the clients', async () => {
  const { gid, owner } = await crowd(300);
  const clients = [await domain.online(owner, 'mp'), await domain.online(owner, 'json')];
  for (const client of clients) await open(client, gid, 50, 100);
  await domain.restartShard();
  await nick(gid, owner, 1100, 'm1100x');
  await settles(clients, owner, gid);
  for (const client of clients) {
    const text = [...shown(client, gid).leaves.values()].join();
    expect(text.includes('m1100x')).toBe(true);
  }
});

test('role moves: the list is read again, windows follow', async () => {
  const { gid, owner } = await crowd(260);
  const role = async (name: string): Promise<number> => {
    const made = { uid: owner.uid, name, color: 0, perms: 0 };
    return value(await call(guild(gid), 'createRole', made)).id;
  };
  const [low, high] = [await role('low'), await role('high')];
  for (const uid of [1001, 1002]) {
    const roles = [uid === 1001 ? low : high];
    value(await call(guild(gid), 'updateMember', { uid: owner.uid, target: uid, roles }));
  }
  const client = await domain.online(owner, 'mp');
  shows(gid, 1001, 1);
  shows(gid, 1002, 1);
  await open(client, gid, 0, 50);
  for (const uid of [1001, 1002]) shows(gid, uid, 3);
  await settles([client], owner, gid);
  const roles = value(await call(guild(gid), 'roles', { uid: owner.uid }));
  const top = Math.max(...roles.map(({ position }) => position));
  const move = { uid: owner.uid, role: low, position: top };
  value(await call(guild(gid), 'updateRole', move));
  await settles([client], owner, gid);
  value(await call(guild(gid), 'removeRole', { uid: owner.uid, role: high }));
  await settles([client], owner, gid);
});

test('bounds and refusals: five leaves, strangers, other lists, MWIN_CLOSE, a kick', async () => {
  const [{ gid, owner }, other] = [await crowd(1200), await crowd(100)];
  const client = await domain.online(owner, 'mp');
  const reply = await open(client, gid, 0, 5000);
  expect(reply[4]).toHaveLength(5);
  const code = async (...args: WireValue[]): Promise<WireValue> =>
    ((await client.ask(Op.MWIN_OPEN, ...args)) as AnyFrame)[2] as WireValue;
  expect(await code(other.gid, 0, 0, 10)).toBe(Err.STREAM_LIMIT);
  expect(await code(gid, 1, 0, 10)).toBe(Err.BAD_ARGS);
  expect(await code(gid, 0, -1, 10)).toBe(Err.BAD_ARGS);
  expect(await client.ask(Op.MWIN_CLOSE, gid, 0)).toHaveLength(2);
  expect(await client.ask(Op.MWIN_CLOSE, gid, 0)).toHaveLength(2);
  expect(await code(other.gid, 0, 0, 10)).toBe(Err.FORBIDDEN_OR_ABSENT);
  expect(await code(4711, 0, 0, 10)).toBe(Err.FORBIDDEN_OR_ABSENT);
  const person = await domain.person();
  const invite = { uid: owner.uid, maxUses: null, maxAgeMs: null };
  const made = value(await call(guild(gid), 'createInvite', invite));
  value(await call(guild(gid), 'join', { uid: person.uid, code: made.code }));
  const viewer = await domain.online(person, 'json');
  for (const each of [viewer, client]) expect((await open(each, gid, 0, 10))[0]).toBe(Op.OK);
  const kick = { uid: owner.uid, target: person.uid, reason: null };
  value(await call(guild(gid), 'kick', kick));
  await nick(gid, owner, 1001, 'm1001x');
  await client.when(() => [...shown(client, gid).leaves.values()].join().includes('m1001x'));
  expect([...shown(viewer, gid).leaves.values()].join().includes('m1001x')).toBe(false);
});
