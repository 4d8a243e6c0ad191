/** Direct messages, groups and slow mode over real sockets, with the real entities behind the gateway. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DmP, GuildP } from '../../channels/index.ts';
import { call, entity } from '../../runtime/index.ts';
import { type Encoding, Err, Kind, Op, SubStatus } from '../protocol/index.ts';
import type { TestClient } from './harness.ts';
import { type Person, RealDomain, value } from './real-domain.ts';

let domain: RealDomain;
let people: Person[];
let gid: number;
let channel: number;
let view: number;

const guild = () => entity<GuildP>('guild', gid);

/** A connection that follows the own inbox. */
function online(n: number, encoding: Encoding): Promise<TestClient> {
  return domain.online(people[n] as Person, encoding);
}

const uidOf = (n: number): number => (people[n] as Person).uid;
const eventOf = (client: TestClient, sid: number, kind: number) =>
  client.find((frame) => frame[0] === Op.EV && frame[1] === sid && frame[5] === kind);

let nonces = 0;
function append(client: TestClient, sid: number, kind: number, ...body: (string | number)[]) {
  nonces += 1;
  return client.ask(Op.APPEND, sid, `n${nonces}`, kind, ...body);
}

beforeAll(async () => {
  domain = await RealDomain.start();
  people = [await domain.person(), await domain.person(), await domain.person()];
  gid = value(await domain.accounts.createGuild(uidOf(0), 'Home')).id;
  const invite = { uid: uidOf(0), maxUses: null, maxAgeMs: null };
  const { code } = value(await call(guild(), 'createInvite', invite));
  for (const n of [1, 2]) value(await call(guild(), 'join', { uid: uidOf(n), code }));
  const seen = value(await call(guild(), 'view', { uid: uidOf(0) }));
  channel = seen.channels[0]?.sid ?? 0;
  view = seen.viewSids[0] ?? 0;
});

afterAll(async () => {
  expect(domain.harness.errors).toEqual([]);
  await domain.stop();
});

describe.each(['mp', 'json'] as const)('%s', (encoding) => {
  test('dm: kind 42 on both inboxes, messages both ways, a third one sees nothing', async () => {
    const [a, b, c] = await Promise.all([0, 1, 2].map((n) => online(n, encoding)));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three people');
    // Each round a pair of its own: the second one finds its dm anew.
    const [x, y] = encoding === 'mp' ? [0, 1] : [1, 2];
    const [from, to, other] = encoding === 'mp' ? [a, b, c] : [b, c, a];
    const { id } = value(await domain.accounts.openDm({ uid: uidOf(x), to: uidOf(y) }));
    for (const [client, n] of [
      [from, x],
      [to, y],
    ] as const) {
      expect((await eventOf(client, uidOf(n), Kind.DM_OPENED))[7]).toBe(id);
      const [entry] = (await client.ask(Op.SUB, [[id]]))[2] as readonly number[][];
      expect(entry?.[1]).toBe(SubStatus.LIVE);
    }
    const hidden = await other.ask(Op.SUB, [[id], [99]]);
    expect(hidden[2]).toEqual([id, 99].map((sid) => [sid, SubStatus.REFUSED, 0, 0, 0, 0, 0]));
    expect((await append(from, id, Kind.MSG_CREATE, 'hello'))[0]).toBe(Op.OK);
    expect((await eventOf(to, id, Kind.MSG_CREATE)).slice(6)).toEqual([uidOf(x), 'hello']);
    expect((await append(to, id, Kind.MSG_CREATE, 'hi', 1))[0]).toBe(Op.OK);
    expect((await append(to, id, Kind.MSG_CREATE, 'to nothing', 9))[2]).toBe(Err.BAD_ARGS);
    const refused = await append(other, id, Kind.MSG_CREATE, 'me too');
    const absent = await append(other, 99, Kind.MSG_CREATE, 'me too');
    expect(refused.slice(2)).toEqual(absent.slice(2));
    expect(refused[2]).toBe(Err.FORBIDDEN_OR_ABSENT);
    expect((await append(from, id, Kind.CHAN_META, 'Name'))[2]).toBe(Err.NO_SEND);
    expect((await append(from, channel, Kind.CHAN_META, 'Name'))[2]).toBe(Err.BAD_ARGS);
  });

  test('group: named by any member, one who leaves gets SUBEND 301 and nothing after it', async () => {
    const [a, b] = await Promise.all([0, 1].map((n) => online(n, encoding)));
    if (a === undefined || b === undefined) throw new Error('two people');
    const opened = { uid: uidOf(0), uids: [uidOf(1), uidOf(2)], name: null };
    const { id } = value(await domain.accounts.openGroup(opened));
    await Promise.all([a, b].map((client) => client.ask(Op.SUB, [[id]])));
    expect((await append(b, id, Kind.CHAN_META, 'Trip'))[0]).toBe(Op.OK);
    expect((await eventOf(a, id, Kind.CHAN_META)).slice(6)).toEqual([uidOf(1), 'Trip']);
    value(await call(entity<DmP>('dm', id), 'leave', { uid: uidOf(1) }));
    expect(await b.find((frame) => frame[0] === Op.SUBEND)).toEqual([Op.SUBEND, id, 301]);
    expect((await append(a, id, Kind.MSG_CREATE, 'without you'))[0]).toBe(Op.OK);
    expect((await eventOf(a, id, Kind.MSG_CREATE))[7]).toBe('without you');
    expect((await append(b, id, Kind.MSG_CREATE, 'me'))[2]).toBe(Err.FORBIDDEN_OR_ABSENT);
    expect(b.events(id)).toEqual([1]);
    const left = value(await call(entity<DmP>('dm', id), 'get', { uid: uidOf(0) }));
    expect(left.members.map((member) => member.id)).toEqual([uidOf(0), uidOf(2)]);
  });

  test('slow mode: 421 with retry_ms; the same nonce is a duplicate; who manages is not slowed', async () => {
    const [owner, member] = await Promise.all([0, 1].map((n) => online(n, encoding)));
    if (owner === undefined || member === undefined) throw new Error('two people');
    const named = { uid: uidOf(0), name: 'slow', topic: null };
    const { id: sid } = value(await call(guild(), 'createChannel', named));
    const set = { uid: uidOf(0), sid };
    value(await call(guild(), 'updateChannel', { ...set, slowModeS: 60 }));
    const once = [sid, `${encoding}-once`, Kind.MSG_CREATE, 'first'] as const;
    const first = await member.ask(Op.APPEND, ...once);
    expect([first[0], first[5]]).toEqual([Op.OK, false]);
    const again = await member.ask(Op.APPEND, ...once);
    expect(again.slice(2)).toEqual([...first.slice(2, 5), true]);
    const slowed = await member.ask(Op.APPEND, sid, `${encoding}-two`, Kind.MSG_CREATE, 'two');
    expect([slowed[0], slowed[2], slowed[3]]).toEqual([Op.ERR, Err.SLOW_MODE, 'slow_mode']);
    expect(slowed[4]).toBeGreaterThan(0);
    expect(slowed[4]).toBeLessThanOrEqual(60_000);
    for (const text of ['a', 'b']) {
      expect((await append(owner, sid, Kind.MSG_CREATE, text))[0]).toBe(Op.OK);
    }
    expect((await append(member, sid, Kind.REACT_ADD, first[3] as number, 'x'))[0]).toBe(Op.OK);
    value(await call(guild(), 'updateChannel', { ...set, slowModeS: 0 }));
    const later = await member.ask(Op.APPEND, sid, `${encoding}-two`, Kind.MSG_CREATE, 'two');
    expect([later[0], later[5]]).toEqual([Op.OK, false]);
  });

  test('thread: kind 21 with its parent in the view, messages in it, gone with the parent', async () => {
    const [owner, member] = await Promise.all([0, 1].map((n) => online(n, encoding)));
    if (owner === undefined || member === undefined) throw new Error('two people');
    await member.ask(Op.SUB, [[view]]);
    const made = { uid: uidOf(0), name: 'topics', topic: null };
    const { id: parent } = value(await call(guild(), 'createChannel', made));
    expect((await append(owner, parent, Kind.MSG_CREATE, 'start'))[0]).toBe(Op.OK);
    const start = { uid: uidOf(1), sid: parent, seq: 1, name: 'more' };
    const { id } = value(await call(guild(), 'createThread', start));
    const isThread = (frame: readonly unknown[]) => frame[1] === view && frame[7] === id;
    const created = await member.find(isThread);
    expect(created.slice(5)).toEqual([
      Kind.CHAN_CREATE,
      uidOf(1),
      id,
      5,
      'more',
      null,
      0,
      parent,
      1,
    ]);
    await member.ask(Op.SUB, [[id]]);
    expect((await append(owner, id, Kind.MSG_CREATE, 'in it'))[0]).toBe(Op.OK);
    expect((await eventOf(member, id, Kind.MSG_CREATE))[7]).toBe('in it');
    value(await call(guild(), 'removeChannel', { uid: uidOf(0), sid: parent }));
    const ended = await member.find((frame) => frame[0] === Op.SUBEND && frame[1] === id);
    expect(ended).toEqual([Op.SUBEND, id, 301]);
  });

  test('dm: whoever does not follow it hears UNREAD on the inbox', async () => {
    const [from, to] = await Promise.all([0, 2].map((n) => online(n, encoding)));
    if (from === undefined || to === undefined) throw new Error('two people');
    const { id } = value(await domain.accounts.openDm({ uid: uidOf(0), to: uidOf(2) }));
    const reply = await append(from, id, Kind.MSG_CREATE, 'look');
    const isUnread = ([op, moved]: readonly unknown[]) =>
      op === Op.UNREAD && (moved as number[][]).some((one) => one[0] === id && one[1] === reply[3]);
    expect(await to.find(isUnread)).toEqual([Op.UNREAD, [[id, reply[3], reply[4]]]]);
  });
});
