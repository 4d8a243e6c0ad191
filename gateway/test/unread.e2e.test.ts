/** UNREAD, mentions, markers and receipts over real sockets, with the real entities behind the gateway. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GuildP } from '../../channels/index.ts';
import { call, entity } from '../../runtime/index.ts';
import { Kind, Op, type WireValue } from '../protocol/index.ts';
import type { TestClient } from './harness.ts';
import { type Person, RealDomain, value } from './real-domain.ts';

let domain: RealDomain;
let owner: Person;
let member: Person;
let gid: number;
let nonces = 0;
const guild = () => entity<GuildP>('guild', gid);

beforeAll(async () => {
  domain = await RealDomain.start({ limitsFactor: 10 });
  owner = await domain.person();
  member = await domain.person();
  gid = value(await domain.accounts.createGuild(owner.uid, 'Home')).id;
  const invite = { uid: owner.uid, maxUses: null, maxAgeMs: null };
  const { code } = value(await call(guild(), 'createInvite', invite));
  value(await call(guild(), 'join', { uid: member.uid, code }));
});

afterAll(async () => {
  expect(domain.harness.errors).toEqual([]);
  await domain.stop();
});

/** A channel of its own for each test, and the view that it is told on. */
async function freshChannel(name: string): Promise<{ sid: number; view: number }> {
  const { uid } = owner;
  const { id: sid } = value(await call(guild(), 'createChannel', { uid, name, topic: null }));
  const [view = 0] = value(await call(guild(), 'view', { uid })).viewSids;
  return { sid, view };
}

async function say(client: TestClient, sid: number, ...body: WireValue[]): Promise<number> {
  nonces += 1;
  const reply = await client.ask(Op.APPEND, sid, `n-${nonces}`, 1, ...body);
  if (reply[0] !== Op.OK) throw new Error(`APPEND: got ${reply[2]}`);
  return reply[3] as number;
}

const eventOf = (client: TestClient, kind: number, sid: number) =>
  client.find((f) => f[0] === Op.EV && f[5] === kind && f[7] === sid);

async function markerOf(client: TestClient, sid: number): Promise<unknown> {
  const channels = (await client.ask(Op.GUILD, gid))[3] as readonly (readonly WireValue[])[];
  return channels.find((channel) => channel[0] === sid)?.[7];
}

describe.each(['mp', 'json'] as const)('%s', (encoding) => {
  test('a member elsewhere: UNREAD on the view, the mention in the own inbox, each once', async () => {
    const { sid, view } = await freshChannel(`unread-${encoding}`);
    const [a, b] = [await domain.online(owner, encoding), await domain.online(member, encoding)];
    await b.ask(Op.SUB, [[view]]);
    await say(a, sid, 'one');
    const seq = await say(a, sid, `<@${member.uid}> look`);
    const mention = await eventOf(b, Kind.MENTION, sid);
    expect([mention[1], mention[6], ...mention.slice(7)]).toEqual([
      member.uid,
      owner.uid,
      sid,
      seq,
    ]);
    const isUnread = (f: readonly WireValue[]): boolean => {
      return (
        f[0] === Op.UNREAD && (f[1] as readonly WireValue[][]).some((entry) => entry[0] === sid)
      );
    };
    const unread = await b.find(isUnread);
    expect((unread[1] as number[][]).find((entry) => entry[0] === sid)?.[1]).toBe(seq);
    expect(b.frames.filter(isUnread)).toHaveLength(1);
    expect(b.events(sid)).toEqual([]);
    expect(a.frames.some((f) => f[5] === Kind.MENTION && f[7] === sid)).toBe(false);
  });

  test('MARK: other sessions hear it, the channel gets a RECEIPT, GUILD has it, a repeat goes not back', async () => {
    const { sid } = await freshChannel(`mark-${encoding}`);
    const a = await domain.online(owner, encoding);
    const [phone, laptop] = [
      await domain.online(member, encoding),
      await domain.online(member, encoding),
    ];
    await a.ask(Op.SUB, [[sid]]);
    for (let i = 0; i < 3; i += 1) await say(a, sid, 'x');
    expect((await phone.ask(Op.MARK, sid, 2)).slice(2)).toEqual([2]);
    const told = await eventOf(laptop, Kind.MARKER, sid);
    expect([told[1], told[8]]).toEqual([member.uid, 2]);
    const receipt = await a.find((f) => f[0] === Op.RECEIPT && f[1] === sid);
    expect(receipt).toEqual([Op.RECEIPT, sid, [[member.uid, 2]]]);
    expect((await laptop.ask(Op.MARK, sid, 1)).slice(2)).toEqual([2]);
    expect((await laptop.ask(Op.MARK, sid, 9)).slice(2)).toEqual([3]);
    expect(await markerOf(phone, sid)).toBe(3);
    expect((await phone.ask(Op.MARK, 99, 1)).slice(2)).toEqual([301, 'forbidden_or_absent']);
  });

  test('own message: the own marker moves, the other session hears it', async () => {
    const { sid } = await freshChannel(`own-${encoding}`);
    const [a, other] = [await domain.online(owner, encoding), await domain.online(owner, encoding)];
    const seq = await say(a, sid, 'x');
    expect((await eventOf(other, Kind.MARKER, sid))[8]).toBe(seq);
    expect(await markerOf(other, sid)).toBe(seq);
  });

  test('a dm: UNREAD in the inbox of who does not follow it', async () => {
    const { id: sid } = value(await domain.accounts.openDm({ uid: owner.uid, to: member.uid }));
    const [a, b] = [await domain.online(owner, encoding), await domain.online(member, encoding)];
    const seq = await say(a, sid, 'psst');
    const unread = await b.find((f) => f[0] === Op.UNREAD);
    expect((unread[1] as number[][]).map((entry) => entry.slice(0, 2))).toEqual([[sid, seq]]);
  });

  test('MARK, then the connection and the shard end: the marker is there', async () => {
    const { sid } = await freshChannel(`end-${encoding}`);
    const [a, b] = [await domain.online(owner, encoding), await domain.online(member, encoding)];
    for (let i = 0; i < 3; i += 1) await say(a, sid, 'x');
    for (const seq of [1, 2, 3]) await b.ask(Op.MARK, sid, seq);
    b.socket.close();
    await b.closed();
    await domain.restartShard();
    const again = await domain.online(member, encoding);
    expect(await markerOf(again, sid)).toBe(3);
  });
});

test('IDENTIFY: receipts are offered (caps bit 2), nothing else', async () => {
  const client = await domain.harness.connect();
  const { uid, login } = member;
  const reply = await client.ask(
    Op.IDENTIFY,
    `${uid}/${login}/4000000000000`,
    null,
    'test',
    0xffff,
  );
  expect(reply[9]).toBe(4);
});
