/** A voice session against a server in memory: joining, people, voices, and every rung of the ladder. */
import { expect, test } from 'vitest';
import { Err, VoiceJoin, VoiceKind, VoicePart } from '../../gateway/protocol/index.ts';
import { voiceRig } from './test/fakes.ts';

async function joinedRig(...options: Parameters<typeof voiceRig>) {
  const rig = voiceRig(...options);
  await rig.session.join();
  await rig.clock.advance(0);
  return rig;
}

test('VoiceSession.join: one bundled join, the microphone goes out, voices come in and flow', async () => {
  const { server, output, session, media } = await joinedRig();
  const [join] = server.asked;
  expect(join).toEqual(['V_JOIN', 99, 'own caps', VoiceJoin.BUNDLED, 0]);
  expect(server.count('V_JOIN')).toBe(1);
  expect(server.count('V_PRODUCE')).toBe(1);
  expect(server.asked).toContainEqual(['V_PAUSE', 7, 20, false]);
  expect([...output.playing]).toEqual([[20, 2]]);
  expect(media.isSentPaused).toBe(false);
  expect(session.people().map(({ uid }) => uid)).toEqual([1, 2]);
});

test('VoiceSession.join: another media server than guessed, joins again with the right capabilities', async () => {
  const rig = voiceRig();
  rig.media.ownCaps = (routerCaps) => `own of ${routerCaps === 'router caps' ? 'this' : 'guess'}`;
  await rig.session.join();
  const joins = rig.server.asked.filter(([name]) => name === 'V_JOIN');
  expect(joins.map(([, , caps]) => caps)).toEqual(['own of guess', 'own of this']);
});

test('VoiceSession.join: only listening, nothing is sent', async () => {
  const { server } = await joinedRig({ isListener: true });
  expect(server.asked[0]?.[3]).toBe(VoiceJoin.BUNDLED | VoiceJoin.LISTEN);
  expect(server.count('V_PRODUCE')).toBe(0);
});

test.each([
  [Err.FORBIDDEN_OR_ABSENT, 'DRIFT_VOICE_FORBIDDEN'],
  [Err.VOICE_FULL, 'DRIFT_VOICE_FULL'],
  [Err.E2E_REQUIRED, 'DRIFT_VOICE_SECRET_NEEDED'],
  [Err.VOICE_REJECTED, 'DRIFT_VOICE_REFUSED'],
])('VoiceSession.join: ERR %i, rejects with %s', async (code, name) => {
  const { server, session, states } = voiceRig();
  server.refusals.set('V_JOIN', [{ code }]);
  await expect(session.join()).rejects.toMatchObject({ code: name, err: code });
  expect(states.at(-1)).toMatchObject({ name: 'ended', why: 'refused' });
});

test('VoiceSession.join: the server still prepares, waits as long as it says and joins', async () => {
  const { server, session, clock, states } = voiceRig();
  server.refusals.set('V_JOIN', [{ code: Err.UNAVAILABLE, retryMs: 3_000 }]);
  const joined = session.join();
  await clock.advance(2_900);
  expect(states.at(-1)).toEqual({ name: 'joining', retryInMs: 3_000 });
  await clock.advance(200);
  await joined;
  expect(session.state.name).toBe('connected');
});

test('VoiceSession: somebody comes and speaks, and leaves again', async () => {
  const { server, output, session, clock } = await joinedRig();
  server.change(VoiceKind.JOINED, 5, 0);
  server.change(VoiceKind.PRODUCER, 5, 50, 1);
  server.push(VoiceKind.CONSUMER, 50, 51, 1, '{}');
  await clock.advance(0);
  expect(output.playing.get(51)).toBe(5);
  server.change(VoiceKind.LEFT, 5);
  await clock.advance(0);
  expect(output.playing.has(51)).toBe(false);
  expect(session.people().map(({ uid }) => uid)).toEqual([1, 2]);
});

test('VoiceSession: a consumer closed while it is built, is not played', async () => {
  const { server, output, clock } = await joinedRig();
  server.push(VoiceKind.CONSUMER, 3, 60, 1, '{}');
  server.push(VoiceKind.CONSUMER_CLOSED, 60);
  await clock.advance(0);
  expect(output.playing.has(60)).toBe(false);
});

test('VoiceSession: a new epoch, joins at once in the same membership with new transports', async () => {
  const { server, media, clock, session, states, output } = await joinedRig();
  const old = [...media.transports];
  server.change(VoiceKind.EPOCH, 2);
  await clock.advance(0);
  expect(old.every(({ isClosed }) => isClosed)).toBe(true);
  expect(server.count('V_JOIN')).toBe(2);
  expect(server.count('V_PRODUCE')).toBe(2);
  expect(session.state.name).toBe('connected');
  expect(states.map(({ name }) => name)).toEqual([
    'joining',
    'connected',
    'reconnecting',
    'connected',
  ]);
  expect([...output.playing]).toEqual([[20, 2]]);
});

test('VoiceSession: a planned move, new transports first, the old ones are closed behind them', async () => {
  const { server, media, clock, session, states, output } = await joinedRig();
  server.push(VoiceKind.RELOCATE);
  await clock.advance(0);
  server.push(VoiceKind.CONSUMER, 3, 70, 1, '{}');
  await clock.advance(2_000);
  expect(media.transports.map(({ isClosed }) => isClosed)).toEqual([false, false, false, false]);
  expect([...output.playing.keys()]).toEqual([20, 70]);
  expect(server.count('V_PRODUCE')).toBe(2);
  for (const transport of media.transports.slice(2)) transport.state('connected');
  await clock.advance(900);
  expect(media.transports.map(({ isClosed }) => isClosed)).toEqual([true, true, false, false]);
  expect([...output.playing.keys()]).toEqual([70]);
  expect(server.asked.filter(([name]) => name === 'V_CLOSE').map(([, , id]) => id)).toEqual([
    11, 10,
  ]);
  expect(states.map(({ name }) => name)).toEqual(['joining', 'connected']);
  expect(session.voices().map(({ cid }) => cid)).toEqual([70]);
});

test('VoiceSession: a planned move whose new way does not connect, the old one is given up after 8 s', async () => {
  const { server, media, clock } = await joinedRig();
  server.push(VoiceKind.RELOCATE);
  await clock.advance(6_900);
  expect(media.transports.some(({ isClosed }) => isClosed)).toBe(false);
  await clock.advance(1_100);
  expect(media.transports.map(({ isClosed }) => isClosed)).toEqual([true, true, false, false]);
});

test('VoiceSession: a planned move that cannot be made, joins again', async () => {
  const { server, clock, session } = await joinedRig();
  server.refusals.set('V_TRANSPORT', [{ code: Err.VOICE_GONE }]);
  server.push(VoiceKind.RELOCATE);
  await clock.advance(0);
  expect(server.count('V_JOIN')).toBe(2);
  expect(session.state.name).toBe('connected');
});

test('VoiceSession: an epoch and a consumer of before the join that come behind its answer, change nothing', async () => {
  const { server, clock, output } = await joinedRig();
  server.push(VoiceKind.EPOCH, 1);
  server.push(VoiceKind.CONSUMER, 3, 9, 1, '{}');
  await clock.advance(0);
  expect(server.count('V_JOIN')).toBe(1);
  expect(output.playing.has(9)).toBe(false);
});

test('VoiceSession: a consumer that the server has closed already, is dropped and nothing else', async () => {
  const { server, clock, output, session } = await joinedRig();
  server.refusals.set('V_PAUSE', [{ code: Err.VOICE_GONE }]);
  server.push(VoiceKind.CONSUMER, 3, 80, 1, '{}');
  await clock.advance(0);
  expect([...output.playing.keys()]).toEqual([20]);
  expect(server.count('V_JOIN')).toBe(1);
  expect(session.state.name).toBe('connected');
});

test('VoiceSession: the connection is lost before a voice may flow, it is told on the next one', async () => {
  const { server, clock } = await joinedRig();
  server.refusals.set('V_PAUSE', ['lost']);
  server.push(VoiceKind.CONSUMER, 3, 80, 1, '{}');
  await clock.advance(0);
  server.reconnect();
  await clock.advance(0);
  expect(server.asked.filter(([name, , id]) => name === 'V_PAUSE' && id === 80)).toHaveLength(2);
});

test('VoiceSession: nobody answers the checks of a transport, ICE is restarted on it alone', async () => {
  const { media, clock } = await joinedRig();
  const [receive, send] = media.transports;
  for (const transport of media.transports) transport.state('connected');
  for (const sent of [10, 20, 40]) {
    for (const transport of media.transports) {
      transport.checks = { sent, answered: transport === receive ? 5 : sent };
    }
    await clock.advance(1_000);
  }
  expect(receive?.restarts).toEqual(['{}']);
  expect(send?.restarts).toEqual([]);
});

test('VoiceSession.networkChanged: ICE is restarted on both transports, nothing else happens', async () => {
  const { server, session, media, clock } = await joinedRig();
  for (const transport of media.transports) transport.state('connected');
  session.networkChanged();
  await clock.advance(20_000);
  expect(media.transports.map(({ restarts }) => restarts)).toEqual([['{}'], ['{}']]);
  expect(server.count('V_JOIN')).toBe(1);
});

test('VoiceSession: a transport disconnected for 2 s, ICE is restarted on it alone', async () => {
  const { media, clock } = await joinedRig();
  const [receive, send] = media.transports;
  receive?.state('connected');
  receive?.state('disconnected');
  await clock.advance(2_000);
  expect(receive?.restarts).toEqual(['{}']);
  expect(send?.restarts).toEqual([]);
  receive?.state('connected');
  await clock.advance(20_000);
  expect(media.transports).toHaveLength(2);
});

test('VoiceSession: a transport beyond repair, new transports in the same membership', async () => {
  const { media, clock, server, session } = await joinedRig();
  media.transports[0]?.state('failed');
  await clock.advance(8_000);
  expect(server.count('V_JOIN')).toBe(2);
  expect(server.count('V_LEAVE')).toBe(0);
  expect(session.state.name).toBe('connected');
});

test('VoiceSession: a connection lost and back, V_SYNC alone when nothing was lost', async () => {
  const { server, clock, session, media } = await joinedRig();
  server.online = false;
  await clock.advance(5_000);
  server.participants = server.participants.slice(0, 1);
  server.reconnect();
  await clock.advance(0);
  expect(server.count('V_SYNC')).toBe(1);
  expect(server.count('V_JOIN')).toBe(1);
  expect(session.people().map(({ uid }) => uid)).toEqual([1]);
  expect(session.voices()).toEqual([]);
  expect(media.transports.some(({ isClosed }) => isClosed)).toBe(false);
});

test.each(['membership', 'transport'])(
  'VoiceSession: after a reconnect the %s is gone, joins again',
  async (what) => {
    const { server, clock, session } = await joinedRig();
    server.online = false;
    if (what === 'membership') server.refusals.set('V_SYNC', [{ code: Err.VOICE_GONE }]);
    else server.lostTids = [10];
    server.reconnect();
    await clock.advance(0);
    expect(server.count('V_JOIN')).toBe(2);
    expect(session.state.name).toBe('connected');
  },
);

test('VoiceSession: the room dies while there is no connection, joins when there is one', async () => {
  const { server, media, clock, session } = await joinedRig();
  server.online = false;
  media.transports[0]?.state('failed');
  await clock.advance(60_000);
  expect(session.state.name).toBe('reconnecting');
  server.reconnect();
  await clock.advance(0);
  expect(session.state.name).toBe('connected');
});

test('VoiceSession: a skipped version, V_SYNC gives the whole roster', async () => {
  const { server, clock, session } = await joinedRig();
  server.participants = [...server.participants, { uid: 6, flags: 0, producers: [] }];
  server.ver += 1;
  server.change(VoiceKind.STATE, 2, true, false);
  await clock.advance(0);
  expect(server.count('V_SYNC')).toBe(1);
  expect(session.people().map(({ uid }) => uid)).toEqual([1, 2, 6]);
});

test('VoiceSession.setMuted: nothing is sent, the server is told once, and again after it forgot', async () => {
  const { server, media, clock, session } = await joinedRig();
  session.setMuted(true);
  session.setMuted(false);
  session.setMuted(true);
  await clock.advance(250);
  expect(media.isSentPaused).toBe(true);
  expect(server.asked.filter(([name]) => name === 'V_STATE')).toEqual([
    ['V_STATE', 7, true, false, 0],
  ]);
  server.online = false;
  session.setDeaf(true);
  await clock.advance(250);
  server.reconnect();
  await clock.advance(500);
  expect(server.asked.at(-1)).toEqual(['V_STATE', 7, true, true, 0]);
});

test('VoiceSession: muted from the start, joins muted', async () => {
  const { server, media } = await joinedRig({ isMuted: true });
  expect(server.asked[0]?.[3]).toBe(VoiceJoin.BUNDLED | VoiceJoin.MUTED);
  expect(media.isSentPaused).toBe(true);
});

test('VoiceSession: levels of voices and of the server become people who speak, and age', async () => {
  const { server, media, clock, session, output } = await joinedRig();
  const told: (readonly number[])[] = [];
  session.on('speaking', (levels) => told.push([...levels.keys()]));
  server.change(VoiceKind.STATE, 2, false, false, VoicePart.PRIORITY);
  media.level = 0.5;
  await clock.advance(200);
  expect(output.priority).toEqual([2]);
  media.level = 0;
  server.push(VoiceKind.SPEAKING, [[1, 100]]);
  await clock.advance(2_000);
  expect(told).toEqual([[2], [2, 1], []]);
  expect(output.priority).toEqual([]);
});

test('VoiceSession: the encoder follows the advice of the server', async () => {
  const { server, media, clock } = await joinedRig();
  server.push(VoiceKind.QUALITY, '{"maxBitrate":16000}');
  server.push(VoiceKind.QUALITY, 'not json');
  await clock.advance(0);
  expect(media.tuned).toEqual([16_000]);
});

test('VoiceSession: a file is played into the room, is a voice of user 0 until it is over', async () => {
  const { server, clock, session } = await joinedRig();
  const told: unknown[] = [];
  session.on('playback', (playback) => told.push(playback));
  server.change(VoiceKind.JOINED, 0, 0);
  server.push(VoiceKind.PLAYBACK, 'a.opus', 9);
  server.change(VoiceKind.PRODUCER, 0, 50, 1);
  server.push(VoiceKind.CONSUMER, 50, 51, 1, '{}');
  await clock.advance(0);
  expect(session.voices().map(({ uid }) => uid)).toEqual([2, 0]);
  server.change(VoiceKind.LEFT, 0);
  server.push(VoiceKind.PLAYBACK, '', 9);
  expect(session.voices().map(({ uid }) => uid)).toEqual([2]);
  expect(told).toEqual([
    { file: 'a.opus', uid: 9 },
    { file: '', uid: 9 },
  ]);
});

test('VoiceSession: moved by a moderator, joins the other channel', async () => {
  const { server, clock, session } = await joinedRig();
  server.change(VoiceKind.MOVED, 100);
  await clock.advance(0);
  expect(server.asked.filter(([name]) => name === 'V_JOIN').map(([, sid]) => sid)).toEqual([
    99, 100,
  ]);
  expect(session.sid).toBe(100);
});

test.each(['failed', 'moving'])('VoiceSession: ended with %s, joins again', async (reason) => {
  const { server, clock, session } = await joinedRig();
  server.push(VoiceKind.ENDED, reason);
  await clock.advance(0);
  expect(server.count('V_JOIN')).toBe(2);
  expect(session.state.name).toBe('connected');
});

test.each(['disconnected', 'channel_deleted', 'replaced'])(
  'VoiceSession: ended with %s, stays out',
  async (reason) => {
    const { server, clock, session, media } = await joinedRig();
    server.push(VoiceKind.ENDED, reason);
    await clock.advance(60_000);
    expect(session.state).toEqual({ name: 'ended', why: reason });
    expect(server.count('V_JOIN')).toBe(1);
    expect(media.transports.every(({ isClosed }) => isClosed)).toBe(true);
    expect(clock.pending()).toEqual([]);
  },
);

test('VoiceSession.leave: says so once and leaves no timer', async () => {
  const { server, session, clock, output } = await joinedRig();
  await session.leave();
  await session.leave();
  expect(server.count('V_LEAVE')).toBe(1);
  expect(output.playing.size).toBe(0);
  expect(clock.pending()).toEqual([]);
});

test('VoiceSession: sending is refused, tells it and goes on listening', async () => {
  const rig = voiceRig();
  const warnings: unknown[] = [];
  rig.session.on('warning', (warning) => warnings.push(warning));
  rig.server.refusals.set('V_PRODUCE', [{ code: Err.FORBIDDEN_OR_ABSENT }]);
  await rig.session.join();
  await rig.clock.advance(0);
  expect(warnings).toMatchObject([{ code: 'DRIFT_VOICE_REFUSED', err: Err.FORBIDDEN_OR_ABSENT }]);
  expect(rig.output.playing.size).toBe(1);
  expect(rig.session.state.name).toBe('connected');
});
