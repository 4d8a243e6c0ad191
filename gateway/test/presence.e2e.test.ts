/** TYPE, STATUS, PRESENCE and MEMBERS over sockets, with the real entities. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FanOutP, GuildP } from '../../channels/index.ts';
import { call, cast, entity, exit, name, whereis } from '../../runtime/index.ts';
import { type Encoding, Err, Op, type WireValue } from '../protocol/index.ts';
import { type TestClient, token, until } from './harness.ts';
import { type Person, QUICK_TIMES, RealDomain, value } from './real-domain.ts';

type AnyFrame = readonly WireValue[];

const guild = (gid: number) => entity<GuildP>('guild', gid);

let domain: RealDomain;
beforeAll(async () => {
  domain = await RealDomain.start({ presence: QUICK_TIMES });
});
afterAll(async () => {
  expect(domain.harness.errors).toEqual([]);
  await domain.stop();
});

interface Scene {
  readonly gid: number;
  readonly viewSid: number;
  readonly sid: number;
  readonly a: Person;
  readonly b: Person;
  readonly code: string;
}

async function scene(): Promise<Scene> {
  const [a, b] = [await domain.person(), await domain.person()];
  const { id: gid } = value(await domain.accounts.createGuild(a.uid, 'Home'));
  const invite = { uid: a.uid, maxUses: null, maxAgeMs: null };
  const { code } = value(await call(guild(gid), 'createInvite', invite));
  value(await call(guild(gid), 'join', { uid: b.uid, code }));
  const view = value(await call(guild(gid), 'view', { uid: a.uid }));
  return { gid, viewSid: view.viewSids[0] ?? 0, sid: view.channels[0]?.sid ?? 0, a, b, code };
}

/** What a client has heard of users in a guild: by uid the newest status, and every `ver`. */
function presence(
  client: TestClient,
  gid: number,
): { byUid: Map<number, WireValue>; vers: number[] } {
  const byUid = new Map<number, WireValue>();
  const vers: number[] = [];
  for (const [op, scope, ver, list] of client.frames) {
    if (op !== Op.PRESENCE || scope !== gid) continue;
    vers.push(ver as number);
    for (const [uid, status, activity] of list as readonly AnyFrame[]) {
      byUid.set(
        uid as number,
        activity === undefined ? (status as number) : ([status, activity] as WireValue),
      );
    }
  }
  return { byUid, vers };
}

async function follows(client: TestClient, ...sids: number[]): Promise<void> {
  const metrics = domain.harness.handle.metrics();
  const joins = metrics.joins + sids.length;
  await client.ask(
    Op.SUB,
    sids.map((sid) => [sid]),
  );
  await until(() => metrics.joins >= joins, 'joins');
}

/** The statuses that MEMBERS gives, by uid. */
async function statuses(client: TestClient, gid: number, uids: number[]): Promise<WireValue[]> {
  const reply = await client.ask(Op.MEMBERS, gid, uids, null, 100);
  return (reply[2] as readonly AnyFrame[]).map((member) => member[5] as WireValue);
}

describe.each<[Encoding, Encoding]>([
  ['mp', 'json'],
  ['json', 'mp'],
])('%s sends, %s hears', (sends, hears) => {
  test('TYPE: TYPING to subscribers, not answered, a repeat within 8 s ignored', async () => {
    const { a, b, sid } = await scene();
    const [one, two] = [await domain.online(a, sends), await domain.online(b, hears)];
    await follows(two, sid);
    const ignored = domain.harness.handle.metrics().typesIgnored;
    one.send([Op.TYPE, sid]);
    await two.find((frame) => frame[0] === Op.TYPING);
    one.send([Op.TYPE, sid]);
    await one.ask(Op.TIME);
    expect(two.frames.filter(([op]) => op === Op.TYPING)).toEqual([[Op.TYPING, sid, [a.uid], 1]]);
    expect(domain.harness.handle.metrics().typesIgnored - ignored).toBe(1);
    one.send([Op.TYPE, 'x']);
    const err = await one.find((frame) => frame[0] === Op.ERR);
    expect(err.slice(1, 3)).toEqual([0, Err.BAD_ARGS]);
  });

  test('STATUS: PRESENCE on the view, ver rising by one, offline after the debounce', async () => {
    const { a, b, gid, viewSid } = await scene();
    const two = await domain.online(b, hears);
    await follows(two, viewSid);
    const one = await domain.online(a, sends);
    await two.when(() => presence(two, gid).byUid.get(a.uid) === 1);
    expect(await one.ask(Op.STATUS, 3, 'busy')).toEqual([Op.OK, 1 + 2]);
    await two.when(() => Array.isArray(presence(two, gid).byUid.get(a.uid)));
    expect(presence(two, gid).byUid.get(a.uid)).toEqual([3, 'busy']);
    expect(await statuses(two, gid, [a.uid, b.uid, 77])).toEqual([3, 1]);
    one.socket.close();
    await two.when(() => presence(two, gid).byUid.get(a.uid) === 0);
    const { vers } = presence(two, gid);
    expect(vers).toEqual(vers.map((_, i) => (vers[0] ?? 0) + i));
  });

  test('STATUS 0: looks offline while connected', async () => {
    const { a, b, gid, viewSid } = await scene();
    const [one, two] = [await domain.online(a, sends), await domain.online(b, hears)];
    await follows(two, viewSid);
    await one.ask(Op.STATUS, 0, 'hidden');
    await until(() => presence(two, gid).byUid.get(a.uid) === 0, 'offline');
    expect(await statuses(two, gid, [a.uid])).toEqual([0]);
  });

  test('resume: fences the old connection, presence never shows offline (case 21)', async () => {
    const { a, b, code, gid, viewSid } = await scene();
    const c = await domain.person();
    value(await call(guild(gid), 'join', { uid: c.uid, code }));
    const [two, three] = [await domain.online(b, hears), await domain.online(c, hears)];
    await follows(two, viewSid);
    const one = await domain.harness.connect(sends);
    const ok = await one.identify(token(a.uid, a.login));
    await two.when(() => presence(two, gid).byUid.get(a.uid) === 1);
    const again = await domain.harness.connect(sends);
    const resumed = await again.identify(token(a.uid, a.login), [ok[2], ok[3]] as WireValue);
    expect(resumed[2]).toBe(ok[2]);
    expect((await one.closed()).code).toBe(4505);
    // Whoever leaves after that is told to be offline: the time of the debounce has passed.
    three.socket.close();
    await two.when(() => presence(two, gid).byUid.get(c.uid) === 0);
    await again.ask(Op.STATUS, 2);
    await two.when(() => presence(two, gid).byUid.get(a.uid) === 2);
    const heard = two.frames.filter(([op, scope]) => op === Op.PRESENCE && scope === gid);
    const told = heard.flatMap((frame) => frame[3] as readonly AnyFrame[]);
    expect(told.filter(([uid]) => uid === a.uid).map(([, status]) => status)).toEqual([1, 2]);
  });

  test('DM partners: PRESENCE of scope 0 on the own stream', async () => {
    const { a, b } = await scene();
    value(await domain.accounts.openDm({ uid: a.uid, to: b.uid }));
    const two = await domain.online(b, hears);
    const one = await domain.online(a, sends);
    await two.when(() => presence(two, 0).byUid.get(a.uid) === 1);
    await one.ask(Op.STATUS, 2, 'tea');
    await two.when(() => Array.isArray(presence(two, 0).byUid.get(a.uid)));
    // Guild 0 in MEMBERS: the partners, nobody else.
    expect(await statuses(two, 0, [a.uid, 77])).toEqual([2]);
    expect(await statuses(one, 0, [a.uid])).toEqual([]);
    expect((await one.ask(Op.MEMBERS, 0, null, 'p', 5))[2]).toBe(Err.BAD_ARGS);
    one.socket.close();
    await two.when(() => presence(two, 0).byUid.get(a.uid) === 0);
    const { vers } = presence(two, 0);
    expect(vers).toEqual(vers.map((_, i) => (vers[0] ?? 0) + i));
  });

  test('a shard that starts again: knows who is online, and who went meanwhile', async () => {
    const { a, b, gid, viewSid } = await scene();
    const [one, two] = [await domain.online(a, sends), await domain.online(b, hears)];
    await follows(two, viewSid);
    await one.ask(Op.STATUS, 3);
    // The last that the first guild has to tell: what comes after it is its successor's.
    await two.when(() => presence(two, gid).byUid.get(a.uid) === 3);
    const before = Math.max(...presence(two, gid).vers, 0);
    await domain.restartShard();
    // A jump of `ver` when the view is followed again: what was told meanwhile is to be asked for.
    await two.when(() => Math.max(...presence(two, gid).vers, 0) > before);
    // Gateway threads tell the shard what they hold; the choice of 3 was the user entity's.
    await untilAsync(async () => (await statuses(two, gid, [a.uid, b.uid])).join() === '1,1');
    one.socket.close();
    await two.when(() => presence(two, gid).byUid.get(a.uid) === 0);
    expect(await statuses(two, gid, [a.uid, b.uid])).toEqual([0, 1]);
  });

  test('MEMBERS: by prefix and by uids; strangers, bad arguments', async () => {
    const { a, b, gid } = await scene();
    const stranger = await domain.person();
    const [one, other] = [await domain.online(a, sends), await domain.online(stranger, hears)];
    value(await call(guild(gid), 'updateMember', { uid: b.uid, target: b.uid, nick: 'Zebra' }));
    const reply = await one.ask(Op.MEMBERS, gid, null, 'ZEB', 10);
    const members = reply[2] as readonly AnyFrame[];
    expect(members.map((m) => [m[0], m[2], m[3], m[4]])).toEqual([[b.uid, 'Zebra', gid, []]]);
    expect((await one.ask(Op.MEMBERS, gid, null, 'person', 1))[2]).toHaveLength(1);
    expect((await one.ask(Op.MEMBERS, gid, null, 'person', 0))[2]).toHaveLength(0);
    const code = async (client: TestClient, ...args: WireValue[]): Promise<WireValue> =>
      ((await client.ask(Op.MEMBERS, ...args)) as AnyFrame)[2] as WireValue;
    expect(await code(other, gid, [a.uid], null, 5)).toBe(Err.FORBIDDEN_OR_ABSENT);
    expect(await code(one, 12_345, [a.uid], null, 5)).toBe(Err.FORBIDDEN_OR_ABSENT);
    expect(await code(one, gid, null, null, 5)).toBe(Err.BAD_ARGS);
    expect(await code(one, gid, [a.uid], 'x', 5)).toBe(Err.BAD_ARGS);
    expect(await code(one, gid, null, '', 5)).toBe(Err.BAD_ARGS);
    expect(await code(one, gid, null, 'x'.repeat(33), 5)).toBe(Err.TOO_LARGE);
    expect(await code(one, gid, new Array(101).fill(1), null, 5)).toBe(Err.BAD_ARGS);
    const status = async (...args: WireValue[]): Promise<WireValue> =>
      ((await one.ask(Op.STATUS, ...args)) as AnyFrame)[2] as WireValue;
    expect(await status(4)).toBe(Err.BAD_ARGS);
    expect(await status('x')).toBe(Err.BAD_ARGS);
    expect(await status(1, 'a\u0000')).toBe(Err.BAD_CONTENT);
    expect(await status(1, 'a'.repeat(257))).toBe(Err.TOO_LARGE);
  });
});

test('a display name that changes: an open window shows it', async () => {
  const { a, b, gid } = await scene();
  const client = await domain.online(a, 'mp');
  await client.ask(Op.MWIN_OPEN, gid, 0, 0, 10);
  value(await domain.accounts.updateUser(b.uid, { displayName: 'Someone Else' }));
  const names = (frame: AnyFrame): WireValue[] =>
    (frame[5] as readonly AnyFrame[]).map(([, name]) => name as WireValue);
  await client.find((frame) => frame[0] === Op.MWIN && names(frame).includes('Someone Else'));
});

test('a guild made or joined while online: presence is told there', async () => {
  const [a, b] = [await domain.person(), await domain.person()];
  const [one, two] = [await domain.online(a, 'mp'), await domain.online(b, 'json')];
  const { id: gid } = value(await domain.accounts.createGuild(a.uid, 'New'));
  const invite = { uid: a.uid, maxUses: null, maxAgeMs: null };
  const { code } = value(await call(guild(gid), 'createInvite', invite));
  value(await call(guild(gid), 'join', { uid: b.uid, code }));
  await untilAsync(async () => (await statuses(two, gid, [a.uid, b.uid])).join() === '1,1');
  const view = value(await call(guild(gid), 'view', { uid: a.uid }));
  await follows(two, view.viewSids[0] ?? 0);
  await one.ask(Op.STATUS, 2);
  await two.when(() => presence(two, gid).byUid.get(a.uid) === 2);
});

test('the fan-out actor dies: who is connected is so again, open windows go on', async () => {
  const { a, b, gid } = await scene();
  const [one, two] = [await domain.online(a, 'mp'), await domain.online(b, 'json')];
  await two.ask(Op.MWIN_OPEN, gid, 0, 0, 10);
  const reopened = domain.harness.handle.metrics().windowsReopened;
  const self = whereis(name<FanOutP>('fan-out'));
  if (self !== undefined) exit(self, 'kill');
  await until(() => domain.harness.handle.metrics().windowsReopened > reopened, 'a new window');
  await untilAsync(async () => (await statuses(two, gid, [a.uid, b.uid])).join() === '1,1');
  await one.ask(Op.STATUS, 3);
  const isShown = (frame: AnyFrame): boolean =>
    frame[0] === Op.MWIN &&
    (frame[5] as readonly AnyFrame[]).some(([uid, , , status]) => uid === a.uid && status === 3);
  await two.find(isShown);
  expect([one.close, two.close]).toEqual([undefined, undefined]);
});

test('a user entity that starts again: what it told still holds, what ended meanwhile is told', async () => {
  const { a, b, gid, viewSid } = await scene();
  const [one, two] = [await domain.online(a, 'mp'), await domain.online(b, 'mp')];
  await follows(two, viewSid);
  expect(await statuses(two, gid, [a.uid])).toEqual([1]);
  // A message that no handler of a user takes: the entity crashes and starts again.
  const bad = cast as unknown as (to: unknown, op: string, m: unknown) => void;
  bad(entity('user', a.uid), 'present', { gateway: 1, conns: 7 });
  await untilAsync(async () => (await statuses(two, gid, [a.uid]))[0] === 1);
  one.socket.close();
  await two.when(() => presence(two, gid).byUid.get(a.uid) === 0);
});

/** Looks again and again until it holds. */
async function untilAsync(check: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i += 1) {
    if (await check()) return;
    await new Promise((resolve) => domain.harness.clock.setTimeout(() => resolve(null), 10));
  }
  throw new Error('it did not happen');
}
