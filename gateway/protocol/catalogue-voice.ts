/**
 * Voice as data, for the catalogue: its opcodes with their frames and results, the kinds of VOICE and the bits of flags.
 * Data only; runs anywhere.
 */
import { list, type OpRow, one, rest, tuple, values } from './elements.ts';

const rid = one('rid', 'rid');
const vsid = one('vsid');
const tid = one('tid');
const pid = one('pid');
const cid = one('cid');
const ver = one('ver');
const participants = list(
  'participants',
  one('uid', 'id'),
  one('flags', 'u32'),
  list('producers', pid, one('media', 'u8'), one('paused', 'bool')),
);

/** Of the server. */
export const VOICE_SERVER_OPS: Readonly<Record<string, OpRow>> = {
  VOICE: {
    frame: [vsid, ver, one('kind', 'u8'), rest('body')],
    what: 'what happens in a voice room, by its kind',
  },
};

/** Of the client. */
export const VOICE_CLIENT_OPS: Readonly<Record<string, OpRow>> = {
  V_JOIN: {
    frame: [
      rid,
      one('sid', 'id'),
      one('J rtp_caps', 'str'),
      one('flags', 'u32'),
      one('e2e', 'u8'),
      one('J dtls?', 'str'),
    ],
    result: [
      vsid,
      ver,
      one('J router_caps', 'str'),
      one('J ice_servers', 'str'),
      participants,
      one('e2e', 'u8'),
      one('epoch', 'u32'),
      tuple('send?', tid, one('J', 'str')),
      tuple('receive?', tid, one('J', 'str')),
      list('consumers?', pid, cid, one('media', 'u8'), one('J', 'str')),
    ],
    what: 'into a voice channel; the last three with flag bit 2 only',
  },
  V_LEAVE: { frame: [rid, vsid], result: [], what: 'out of it' },
  V_TRANSPORT: {
    frame: [rid, vsid, one('dir', 'u8')],
    result: [tid, one('J params', 'str')],
    what: 'a transport; 1 to send, 2 to receive',
  },
  V_CONNECT: {
    frame: [rid, vsid, tid, one('J dtls', 'str')],
    result: [],
    what: "the client's side of it",
  },
  V_PRODUCE: {
    frame: [
      rid,
      vsid,
      tid,
      one('cnonce', 'str'),
      one('media', 'u8'),
      one('J rtp', 'str'),
      one('flags?', 'u32'),
    ],
    result: [pid],
    what: 'media that the client sends; flag bit 0: begins paused. The same cnonce again: the same pid',
  },
  V_CONSUME: {
    frame: [rid, vsid, tid, pid],
    result: [cid, one('media', 'u8'), one('J rtp', 'str')],
    what: 'media of somebody else; comes paused, V_PAUSE lets it go on',
  },
  V_PAUSE: {
    frame: [rid, vsid, one('id'), one('paused', 'bool')],
    result: [],
    what: 'an own producer or consumer',
  },
  V_CLOSE: {
    frame: [rid, vsid, one('id')],
    result: [],
    what: 'an own transport, producer or consumer',
  },
  V_STATE: {
    frame: [rid, vsid, one('mute', 'bool'), one('deaf', 'bool'), one('flags?', 'u32')],
    result: [],
    what: 'what the user does with microphone and ears; flags null: as before',
  },
  V_ICE: {
    frame: [rid, vsid, tid],
    result: [one('J ice', 'str')],
    what: 'new ICE parameters of a transport',
  },
  V_SYNC: {
    frame: [rid, vsid, values(tid), values(pid), values(cid)],
    result: [
      ver,
      participants,
      values(one('tid_lost')),
      values(one('pid_lost')),
      values(one('cid_lost')),
    ],
    what: 'who is there now, and which of these are gone',
  },
  V_E2E: {
    frame: [rid, vsid, one('to?', 'id'), one('type', 'u8'), one('base64', 'str')],
    result: [],
    what: 'key material for a user or (null) for all, relayed unread',
  },
};

/** Number spaces of voice, each value with its meaning. */
export const VOICE_NUMBER_SPACES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'VOICE kind': {
    1: 'joined `[uid, flags]`',
    2: 'left `[uid]`',
    3: 'state `[uid, mute, deaf, flags]`',
    4: 'producer `[uid, pid, media]`',
    5: 'producer closed `[pid]`',
    6: 'speaking `[[uid, level], ...]`, 0 silent to 127',
    7: 'producer paused `[pid, on]`',
    8: 'you are moved `[to_sid]`: join there',
    9: 'your membership ended `[reason]`',
    10: 'e2e `[from, type, base64]`',
    11: 'epoch `[n]`: all transports, producers and consumers are gone, join again',
    12: 'consumer for you `[pid, cid, media, J rtp]`, paused',
    13: 'consumer closed `[cid]`',
    14: 'quality `[J]` for your encoder: `maxBitrate, ptime, dtx, fec`',
    15: 'recording `[on, uid]`',
    16: 'dominant speaker `[uid]`, 0 nobody',
    17: 'relocate `[]`: make new transports, produce there, then close the old ones',
    18: 'playback `[file, uid]`: what is played into the room and who asked for it; an empty name when it is over',
    19: 'renewed `[epoch, [tid, J], [pid, ...], [[pid, cid, media, J], ...]]`: behind kind 11, for a compact join with `dtls`: your transport, what you send, and what you hear',
  },
  'V_JOIN flags (bit)': {
    0: 'muted',
    1: 'deaf',
    2: 'transports and consumers with the answer',
    3: 'listens only',
    4: 'compact',
  },
  'V_STATE flags (bit)': { 0: 'hand raised', 1: 'talks (key held, voice gate open)' },
  'participant flags (bit)': {
    0: 'muted',
    1: 'deaf',
    2: 'muted by the server',
    3: 'deafened by the server',
    4: 'priority speaker',
    5: 'speaker of the stage',
    6: 'hand raised',
    7: 'is being recorded',
  },
  media: { 1: 'audio', 2: 'video', 3: 'screen' },
};
