/** Tests of what the terminal client knows of guilds, channels and people. */
import { describe, expect, test } from 'vitest';
import { Kind, type StreamEvent, type WireValue } from '../../gateway/protocol/index.ts';
import { Rooms } from './rooms.ts';

const channel = (sid: number, name: string, type = 1) => ({
  sid,
  name,
  type,
  perms: 7,
  epoch: 1,
  seq: 0,
  ts: 0,
  marker: 0,
});
const ev = (kind: number, body: WireValue[], sid = 50, seq = 1, actor = 2): StreamEvent => ({
  sid,
  epoch: 1,
  seq,
  ts: 1,
  kind,
  actor,
  body,
});
function filled(): Rooms {
  const rooms = new Rooms();
  const guild = { aclVer: 1, roles: [], viewSids: [50], large: false };
  rooms.setGuild(5, 'Lobby', {
    ...guild,
    channels: [channel(7, 'general'), channel(9, 'voice', 2)],
  });
  rooms.setGuild(6, 'Games', { ...guild, viewSids: [60], channels: [channel(8, 'general')] });
  return rooms;
}

describe('Rooms', () => {
  test('setGuild: text channels and views to subscribe to; known channels keep their state', () => {
    const rooms = filled();
    const room = rooms.room(7);
    if (room !== null) room.unread = 3;
    const again = rooms.setGuild(5, 'Lobby', {
      aclVer: 2,
      roles: [],
      viewSids: [50],
      large: false,
      channels: [channel(7, 'main')],
    });
    expect([again, rooms.room(7)?.unread, rooms.room(7)?.name]).toEqual([[50, 7], 3, 'main']);
    expect([rooms.guildOfView(50), rooms.guildOfView(7), rooms.room(9)]).toEqual([5, null, null]);
  });
  test('find: channel of this guild first, with or without #, guild by name, else nothing', () => {
    const rooms = filled();
    rooms.enter(8);
    expect(rooms.find('#General')?.sid).toBe(8);
    rooms.enter(7);
    expect([rooms.find('general')?.sid, rooms.find('games')?.sid, rooms.find('x')]).toEqual([
      7,
      8,
      null,
    ]);
  });
  test('applyView: channels and people come and go', () => {
    const rooms = filled();
    expect(rooms.applyView(5, ev(Kind.CHAN_CREATE, [11, 1, 'random']))).toEqual({
      note: 'new channel #random',
      subscribe: 11,
    });
    expect(rooms.applyView(5, ev(Kind.CHAN_UPDATE, [11, 1, 'chaos'])).note).toBe(
      '#random is called #chaos now',
    );
    expect(rooms.applyView(5, ev(Kind.CHAN_UPDATE, [11, 1, 'chaos', 'topic'])).note).toBeNull();
    rooms.enter(11);
    expect(rooms.applyView(5, ev(Kind.CHAN_DELETE, [11])).note).toBe('#chaos was deleted');
    expect(rooms.current).toBeNull();
    expect(rooms.applyView(5, ev(Kind.MEMBER_JOIN, [3, 'carol'])).note).toBe('carol joined Lobby');
    expect(rooms.applyView(5, ev(Kind.MEMBER_LEAVE, [3, 0])).note).toBe('carol left Lobby');
    expect(rooms.applyView(5, ev(Kind.GUILD_META, ['Hall'])).note).toBe(
      'the guild is called Hall now',
    );
    expect(rooms.applyView(5, ev(999, [])).note).toBeNull();
    rooms.removeGuild(5);
    expect([rooms.guilds(), rooms.room(7)]).toEqual([[{ gid: 6, name: 'Games' }], null]);
  });
  test('remember: quotes follow edits and deletes, bounded; own last message', () => {
    const rooms = filled();
    const room = rooms.room(7);
    if (room === null) throw new Error('no room');
    for (let seq = 1; seq <= 600; seq += 1)
      rooms.remember(room, ev(1, [`m${seq}`], 7, seq, seq % 2), 1);
    expect([room.quotes.size, room.quotes.has(1), room.lastOwn, room.oldest]).toEqual([
      500,
      false,
      599,
      1,
    ]);
    rooms.remember(room, ev(Kind.MSG_EDIT, [600, 'new'], 7, 601), 1);
    rooms.remember(room, ev(Kind.MSG_DELETE, [599], 7, 602), 1);
    expect([room.quotes.get(600), room.quotes.has(599)]).toEqual(['new', false]);
  });
});
