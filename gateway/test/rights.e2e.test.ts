/** Rights over real sockets, with the real entities behind the gateway: what GUILD and views show. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type GuildP,
  PERM_PLAY,
  PERM_RECORD,
  PERM_VIEW,
  PERMS_ALL,
  PERMS_EVERYONE,
} from '../../channels/index.ts';
import { call, entity } from '../../runtime/index.ts';
import { Err, Kind, Op, SubStatus } from '../protocol/index.ts';
import type { TestClient } from './harness.ts';
import { type Person, RealDomain, value } from './real-domain.ts';

let domain: RealDomain;
let owner: Person;
let member: Person;
let gid: number;
const guild = () => entity<GuildP>('guild', gid);

type Row = readonly (number | string)[];

/** GUILD as a client reads it: sids of channels with perms, sids of views. */
async function guildOf(client: TestClient) {
  const reply = await client.ask(Op.GUILD, gid);
  const channels = reply[3] as readonly Row[];
  return {
    aclVer: reply[2] as number,
    channels: channels.map((row) => [row[0], row[3]]),
    roles: reply[4] as readonly Row[],
    views: reply[5] as readonly number[],
  };
}

const eventOf = (client: TestClient, sid: number, kind: number, first: number) =>
  client.find((f) => f[0] === Op.EV && f[1] === sid && f[5] === kind && f[7] === first);

beforeAll(async () => {
  domain = await RealDomain.start();
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

describe.each(['mp', 'json'] as const)('%s', (encoding) => {
  test('a channel hidden and shown again: SUBEND, 23 and 21 in its views, 46, GUILD without and with it', async () => {
    const uid = owner.uid;
    const [a, b] = [await domain.online(owner, encoding), await domain.online(member, encoding)];
    const made = { uid, name: `news-${encoding}`, topic: null };
    const { id: sid } = value(await call(guild(), 'createChannel', made));
    const before = await guildOf(b);
    const [main = 0] = before.views;
    expect(before.channels).toContainEqual([sid, PERMS_EVERYONE]);
    for (const client of [a, b]) await client.ask(Op.SUB, [[main], [sid]]);
    const hide = { target: gid, type: 'role', allow: 0, deny: PERM_VIEW } as const;
    value(await call(guild(), 'setOverwrite', { uid, sid, ...hide }));
    expect(await b.find((f) => f[0] === Op.SUBEND)).toEqual([Op.SUBEND, sid, 301]);
    await eventOf(b, main, Kind.CHAN_DELETE, sid);
    const told = await eventOf(b, member.uid, Kind.ACL_CHANGED, gid);
    const after = await guildOf(b);
    expect(told[8]).toBe(after.aclVer);
    expect(after.channels.map((row) => row[0])).not.toContain(sid);
    expect(after.views).toEqual([main]);
    const theirs = await guildOf(a);
    expect(theirs.channels).toContainEqual([sid, PERMS_ALL & ~PERM_RECORD & ~PERM_PLAY]);
    const hidden = theirs.views.at(-1) ?? 0;
    // A view and a channel that may not be seen answer like sids that never were.
    const entries = (await b.ask(Op.SUB, [[sid], [hidden], [99]]))[2];
    expect(entries).toEqual([sid, hidden, 99].map((s) => [s, SubStatus.REFUSED, 0, 0, 0, 0, 0]));
    for (const s of [sid, hidden, 99]) {
      expect((await b.ask(Op.HISTORY, s, 0, 10, 0))[2]).toBe(Err.FORBIDDEN_OR_ABSENT);
    }
    const history = (await a.ask(Op.HISTORY, hidden, 0, 10, 0))[5] as readonly Row[];
    expect(history.map((event) => [event[5], event[7]])).toEqual([[Kind.CHAN_CREATE, sid]]);
    await a.ask(Op.SUB, [[hidden]]);
    value(await call(guild(), 'removeOverwrite', { uid, sid, target: gid }));
    await eventOf(a, hidden, Kind.CHAN_DELETE, sid);
    expect(await a.find((f) => f[0] === Op.SUBEND)).toEqual([Op.SUBEND, hidden, 301]);
    await eventOf(b, main, Kind.CHAN_CREATE, sid);
    expect((await guildOf(b)).channels).toContainEqual([sid, PERMS_EVERYONE]);
    expect(b.events(sid)).toEqual([]);
    value(await call(guild(), 'removeChannel', { uid, sid }));
  });

  test('a role: told on the main view, listed in GUILD, its rights hold with its members', async () => {
    const uid = owner.uid;
    const b = await domain.online(member, encoding);
    const [main = 0] = (await guildOf(b)).views;
    await b.ask(Op.SUB, [[main]]);
    const role = { uid, name: 'mods', color: 255, perms: PERMS_ALL };
    const { id, position } = value(await call(guild(), 'createRole', role));
    const upsert = await eventOf(b, main, Kind.ROLE_UPSERT, id);
    expect(upsert.slice(7)).toEqual([id, 'mods', 255, position, PERMS_ALL]);
    value(await call(guild(), 'updateMember', { uid, target: member.uid, roles: [id] }));
    const update = await eventOf(b, main, Kind.MEMBER_UPDATE, member.uid);
    expect(update.slice(7)).toEqual([member.uid, null, [id]]);
    const view = await guildOf(b);
    expect(view.roles).toEqual([
      [gid, 'everyone', 0, 0, PERMS_EVERYONE],
      [id, 'mods', 255, position, PERMS_ALL],
    ]);
    expect(view.channels.map((row) => row[1])).toEqual(
      view.channels.map(() => PERMS_ALL & ~PERM_RECORD & ~PERM_PLAY),
    );
    value(await call(guild(), 'removeRole', { uid, role: id }));
    await eventOf(b, main, Kind.ROLE_DELETE, id);
    const without = await guildOf(b);
    expect(without.channels.map((row) => row[1])).toEqual(view.channels.map(() => PERMS_EVERYONE));
  });
});

test('a kick: every stream of the guild ends, GUILD is 301 as for no guild at all', async () => {
  const b = await domain.online(member, 'mp');
  const { channels, views } = await guildOf(b);
  const sids = [...channels.map((row) => row[0] as number), ...views];
  await b.ask(
    Op.SUB,
    sids.map((sid) => [sid]),
  );
  value(await call(guild(), 'kick', { uid: owner.uid, target: member.uid, reason: null }));
  await b.when(() => b.frames.filter((f) => f[0] === Op.SUBEND).length === sids.length);
  await eventOf(b, member.uid, Kind.GUILD_LEFT, gid);
  const [gone, absent] = [await b.ask(Op.GUILD, gid), await b.ask(Op.GUILD, 99)];
  expect(gone.slice(2)).toEqual(absent.slice(2));
  expect(gone[2]).toBe(Err.FORBIDDEN_OR_ABSENT);
});
