/**
 * Cases V1 to V3 of the page, numbered 26 to 28: voice as far as its requests go. No media is sent: the suite has no WebRTC, so "media
 * never stopped" is judged by the transports and producers that V_SYNC does not call lost. V3's half of a client is tested with the
 * voice client itself (client/voice).
 */
import { type Connection, freshNonce } from '../peer/connection.ts';
import { check, Failure, same } from '../peer/failure.ts';
import { pause, within } from '../peer/time.ts';
import type { Case } from '../suite/case.ts';
import type { Stage } from '../suite/stage.ts';
import { Unfit } from '../suite/types.ts';
import { Err, Op, VoiceKind } from '../wire/codes.ts';
import type { Frame, Wire } from '../wire/types.ts';

const CUT_MS = 20_000;
/** A server that has just started may be preparing its media part. */
const PREPARING_MS = 60_000;
const SEND = 1;
const RECEIVE = 2;
const AUDIO = 1;
/** An id that no room gave. */
const NO_ID = 4_000_000_000;
/** Kinds after which `ver` has risen by one (protocol.md 2.15). */
const ROSTER_KINDS: readonly Wire[] = [1, 2, 3, 4, 5, 7, 8, 11];

/** RTP capabilities of a receiver of Opus, as JSON text. */
const CAPS = JSON.stringify({
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      preferredPayloadType: 100,
      clockRate: 48_000,
      channels: 2,
      parameters: {},
      rtcpFeedback: [],
    },
  ],
  headerExtensions: [],
});

/** RTP parameters of one Opus stream, as JSON text. */
function opus(ssrc: number): string {
  const codec = { mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 };
  return JSON.stringify({
    mid: '0',
    codecs: [{ ...codec, parameters: {}, rtcpFeedback: [] }],
    headerExtensions: [],
    encodings: [{ ssrc }],
    rtcp: { cname: `conformance-${ssrc}`, reducedSize: true },
  });
}

/** A new voice channel; Unfit where the server has no voice. */
async function voiceChannel(stage: Stage): Promise<number> {
  const path = `/guilds/${await stage.world.gid()}/channels`;
  const body = { name: `voice-${freshNonce()}`, type: 'voice' };
  return Number((await stage.world.must('owner', 'POST', path, body)).body.id);
}

/** V_JOIN; waits while the server says that it will be ready. */
async function join(who: Connection, sid: number): Promise<{ vsid: number; ver: number }> {
  const joining = async (): Promise<Frame> => {
    for (;;) {
      const reply = await who.request(Op.V_JOIN, sid, CAPS, 0, 0);
      const [op, , code, , retryMs] = reply;
      if (op === Op.OK) return reply;
      if (code !== Err.UNAVAILABLE) throw new Failure(`V_JOIN: ${JSON.stringify(reply)}`);
      if (typeof retryMs !== 'number') throw new Unfit('needs voice', 'V_JOIN is ERR 502');
      await pause(retryMs);
    }
  };
  const [, , vsid, ver] = await within('V_JOIN', PREPARING_MS, joining());
  check(typeof vsid === 'number' && typeof ver === 'number', 'vsid and ver are numbers');
  return { vsid, ver };
}

async function transport(who: Connection, vsid: number, dir: number): Promise<number> {
  const [tid, params] = await who.ok(Op.V_TRANSPORT, vsid, dir);
  check(typeof tid === 'number' && typeof params === 'string', 'tid and J of a transport');
  return tid;
}

function produce(who: Connection, vsid: number, tid: number, nonce: string, ssrc: number) {
  return who.ok(Op.V_PRODUCE, vsid, tid, nonce, AUDIO, opus(ssrc), 0);
}

/** The users of a list of participants, each once. */
function usersOf(participants: Wire | undefined): number[] {
  const uids = (participants as readonly Frame[]).map(([uid]) => Number(uid));
  same(new Set(uids).size, uids.length, 'participants, each once');
  return uids.sort((a, b) => a - b);
}

function voiceOf(who: Connection, vsid: number): Frame[] {
  return who.frames(Op.VOICE).filter((frame) => frame[1] === vsid);
}

const resumed: Case = {
  number: 26,
  name: 'V1 voice: cut for 20 s',
  isQuick: false,
  async run(stage) {
    const sid = await voiceChannel(stage);
    const [a, c, d] = [await stage.sit('A'), await stage.sit('C'), await stage.sit('D')];
    const old = await stage.sit('B');
    await join(a.connection, sid);
    const left = await join(c.connection, sid);
    const { vsid } = await join(old.connection, sid);
    const tids = [
      await transport(old.connection, vsid, SEND),
      await transport(old.connection, vsid, RECEIVE),
    ];
    const [pid] = await produce(old.connection, vsid, tids[0] as number, freshNonce(), 1111);
    old.connection.socket.reset();
    await c.connection.ok(Op.V_LEAVE, left.vsid);
    await join(d.connection, sid);
    await pause(CUT_MS);
    const { session, resumeKey } = old.identity;
    const back = await stage.sit('B', { resume: [session, resumeKey] });
    same(back.identity.session, session, 'session after 20 s');
    const asked = [vsid, [...tids, NO_ID], [pid as number], [NO_ID]];
    const [ver, people, lostTids, lostPids, lostCids] = await back.connection.ok(
      Op.V_SYNC,
      ...asked,
    );
    check(typeof ver === 'number', 'ver of V_SYNC');
    const there = [a, d, old].map(({ identity }) => identity.uid).sort((x, y) => x - y);
    same(usersOf(people).join(), there.join(), 'participants of V_SYNC');
    same(JSON.stringify([lostTids, lostPids, lostCids]), `[[${NO_ID}],[],[${NO_ID}]]`, 'lost ids');
    const ice = (await back.connection.ok(Op.V_ICE, vsid, tids[0] as number))[0];
    check(typeof ice === 'string', 'J of V_ICE');
    same(await leftOf(a.connection, old.identity.uid), 0, "VOICE 'left' of B while it was cut");
    return 'transports and producer kept; no media sent';
  },
};

/** How often somebody was told as gone. */
async function leftOf(who: Connection, uid: number): Promise<number> {
  await who.time();
  return who
    .frames(Op.VOICE)
    .filter(([, , , kind, gone]) => kind === VoiceKind.LEFT && gone === uid).length;
}

const idempotent: Case = {
  number: 27,
  name: 'V2 voice: V_PRODUCE again',
  isQuick: true,
  async run(stage) {
    const sid = await voiceChannel(stage);
    const [a, b] = [await stage.connect('A'), await stage.sit('B')];
    const watcher = await join(a, sid);
    const { vsid } = await join(b.connection, sid);
    const tid = await transport(b.connection, vsid, SEND);
    const nonce = freshNonce();
    const first = produce(b.connection, vsid, tid, nonce, 2222);
    const second = produce(b.connection, vsid, tid, nonce, 2222);
    const pids = [(await first)[0], (await second)[0]];
    b.connection.socket.reset();
    const { session, resumeKey } = b.identity;
    const back = await stage.sit('B', { resume: [session, resumeKey] });
    await back.connection.ok(Op.V_SYNC, vsid, [tid], [], []);
    pids.push((await produce(back.connection, vsid, tid, nonce, 2222))[0]);
    check(typeof pids[0] === 'number', 'pid');
    same(new Set(pids).size, 1, `pids ${pids} of one cnonce`);
    await a.time();
    const told = voiceOf(a, watcher.vsid).filter(([, , , kind]) => kind === VoiceKind.PRODUCER);
    same(told.length, 1, "VOICE 'producer' frames");
    return undefined;
  },
};

const versions: Case = {
  number: 28,
  name: 'V3 voice: ver has no holes',
  isQuick: true,
  async run(stage) {
    const sid = await voiceChannel(stage);
    const [a, b] = [await stage.connect('A'), await stage.connect('B')];
    const watcher = await join(a, sid);
    for (let round = 0; round < 2; round += 1) {
      const { vsid } = await join(b, sid);
      await b.ok(Op.V_STATE, vsid, true, false);
      await b.ok(Op.V_STATE, vsid, false, false);
      const tid = await transport(b, vsid, SEND);
      const [pid] = await produce(b, vsid, tid, freshNonce(), 3333 + round);
      await b.ok(Op.V_PAUSE, vsid, pid as number, true);
      await b.ok(Op.V_CLOSE, vsid, pid as number);
      await b.ok(Op.V_LEAVE, vsid);
    }
    const isLeft = (frame: Frame): boolean => frame[3] === VoiceKind.LEFT;
    await a.until('two leaves', () => voiceOf(a, watcher.vsid).filter(isLeft).length === 2);
    let { ver } = watcher;
    for (const frame of voiceOf(a, watcher.vsid)) {
      if (ROSTER_KINDS.includes(frame[3] ?? null)) ver += 1;
      same(frame[2] as number, ver, `ver of ${JSON.stringify(frame)}`);
    }
    const [now, people] = await a.ok(Op.V_SYNC, watcher.vsid, [], [], []);
    same(now as number, ver, 'ver of V_SYNC');
    same(usersOf(people).join(), String(a.uid), 'participants of V_SYNC');
    const kinds = voiceOf(a, watcher.vsid).map((frame) => Number(frame[3]));
    for (const kind of [1, 2, 3, 4, 5, 7]) check(kinds.includes(kind), `VOICE kind ${kind}`);
    return undefined;
  },
};

export const voiceCases: readonly Case[] = [resumed, idempotent, versions];
