/**
 * Every opcode with its frame and the result in its OK, as data: PROTOCOL.md's table and the AsyncAPI document are made
 * from it, a test holds it against ops.ts. Data only; runs anywhere.
 */
import { VOICE_CLIENT_OPS, VOICE_SERVER_OPS } from './catalogue-voice.ts';
import { list, type OpRow, one, rest, tuple, values } from './elements.ts';
import type { OpName } from './ops.ts';

const rid = one('rid', 'rid');
const sid = one('sid', 'id');
const gid = one('gid', 'id');
const uid = one('uid', 'id');
const epoch = one('epoch', 'u32');
const seq = one('seq');
const ts = one('ts', 'ts');

/** A member as MEMBERS gives it. */
const member = [
  uid,
  one('name', 'str'),
  one('nick?', 'str'),
  one('top_role', 'id'),
  values(one('role', 'id')),
  one('status', 'u8'),
];
/** A row of a member window. */
const windowRow = list(
  'entries',
  uid,
  one('name', 'str'),
  one('top_role', 'id'),
  one('status', 'u8'),
);

const SERVER: Readonly<Record<string, OpRow>> = {
  HELLO: {
    frame: [
      one('ver'),
      one('node', 'str'),
      one('ping_ms'),
      one('deadline_ms'),
      one('herd_ms'),
      one('challenge', 'str'),
      tuple(
        'limits',
        one('max_frame'),
        one('max_streams'),
        one('max_inflight'),
        one('max_content'),
        one('dedupe_ms'),
        one('replay_max'),
        one('batch_max'),
      ),
    ],
    what: 'first frame of every connection',
  },
  OK: { frame: [rid, rest('result')], what: 'the request was carried out' },
  ERR: {
    frame: [rid, one('code', 'u16'), one('name', 'str'), one('retry_ms?'), one('info?', 'any')],
    what: 'it was not; rid 0 = not tied to a request',
  },
  PING: { frame: [ts], what: 'sign of life, never answered' },
  AUTH_EXPIRING: { frame: [one('ms_left')], what: 'send REAUTH with a new token' },
  RECONNECT: {
    frame: [one('min_ms'), one('max_ms'), one('url?', 'str'), one('reason', 'str')],
    what: 'open another connection at a random point of the window',
  },
  BATCH: { frame: [values(one('frame', 'any'))], what: 'EV, HEAD and GAP in order, never nested' },
  EV: {
    frame: [sid, epoch, seq, ts, one('kind', 'u16'), one('actor', 'id'), rest('body')],
    what: 'durable event of a stream',
  },
  HEAD: { frame: [sid, epoch, seq, ts], what: 'where the stream is' },
  GAP: {
    frame: [sid, one('reason', 'u8'), epoch, one('from'), one('to'), ts],
    what: 'this range will not be delivered',
  },
  UNREAD: {
    frame: [list('moved', sid, seq, ts)],
    what: 'streams of the view whose head has moved',
  },
  TYPING: {
    frame: [sid, values(uid), one('total')],
    what: 'who is typing, up to 8 of total; each lapses after 10 s',
  },
  PRESENCE: {
    frame: [gid, one('ver'), list('changed', uid, one('status', 'u8'), one('activity?', 'str'))],
    what: 'who came, went or changed; gid 0 = DM partners',
  },
  MWIN: {
    frame: [gid, one('list', 'u8'), one('leaf'), one('ver'), windowRow],
    what: 'a leaf of an open member window, whole',
  },
  RECEIPT: { frame: [sid, list('markers', uid, seq)], what: 'how far members have read' },
  SUBEND: { frame: [sid, one('code', 'u16')], what: 'the server ended the subscription' },
};

const CLIENT: Readonly<Record<string, OpRow>> = {
  IDENTIFY: {
    frame: [
      rid,
      one('token', 'str'),
      one('proof?', 'str'),
      one('client', 'str'),
      one('caps', 'u32'),
      tuple('resume?', one('session', 'str'), one('resume_key', 'str')),
    ],
    result: [
      one('session', 'str'),
      one('resume_key', 'str'),
      one('conn_no'),
      uid,
      one('user_sid', 'id'),
      one('exp_ms', 'ts'),
      one('durability', 'u8'),
      one('caps', 'u32'),
      one('now', 'ts'),
      list('guilds', gid, one('name', 'str'), one('large', 'bool')),
    ],
    what: 'who is there; the first request',
  },
  TIME: { frame: [rid], result: [one('now', 'ts')], what: 'the clock of the server' },
  REAUTH: {
    frame: [rid, one('token', 'str'), one('proof?', 'str')],
    result: [one('exp_ms', 'ts')],
    what: 'a newer token of the same user and login',
  },
  SUB: {
    frame: [rid, list('entries', sid, one('epoch?', 'u32'), one('seq?'), one('ts?', 'ts'))],
    result: [list('entries', sid, one('status', 'u8'), epoch, seq, ts, one('first'), one('head'))],
    what: '1 to 100 streams, from a cursor or (only the sid) from now on',
  },
  UNSUB: {
    frame: [rid, values(sid)],
    result: [one('n')],
    what: 'no more of these; n were subscribed',
  },
  APPEND: {
    frame: [rid, sid, one('nonce', 'str'), one('kind', 'u16'), rest('body')],
    result: [epoch, seq, ts, one('duplicate', 'bool')],
    what: 'an event into a stream, once per nonce',
  },
  HISTORY: {
    frame: [rid, sid, one('anchor'), one('before'), one('after')],
    result: [epoch, one('first'), one('head'), values(one('event', 'any'))],
    what: 'events around a seq, anchor 0 = head; before + after at most 200',
  },
  SYNC: {
    frame: [rid, list('entries', sid, epoch, seq)],
    result: [list('entries', sid, epoch, seq, ts)],
    what: 'which of these differ',
  },
  MARK: { frame: [rid, sid, seq], result: [seq], what: 'read up to here; the marker that holds' },
  TYPE: { frame: [sid], what: 'the user is typing; no reply' },
  STATUS: {
    frame: [rid, one('status', 'u8'), one('activity?', 'str')],
    result: [],
    what: '1 online, 2 idle, 3 do not disturb',
  },
  MWIN_OPEN: {
    frame: [rid, gid, one('list', 'u8'), one('from_index'), one('count')],
    result: [
      one('ver'),
      list('groups', one('role', 'id'), one('count')),
      list('leaves', one('leaf'), one('ver'), one('index'), windowRow),
    ],
    what: 'the member list from an index on, kept up to date by MWIN',
  },
  MWIN_CLOSE: { frame: [rid, gid, one('list', 'u8')], result: [], what: 'no more of that list' },
  MEMBERS: {
    frame: [rid, gid, values(uid, '?'), one('prefix?', 'str'), one('limit')],
    result: [list('members', ...member)],
    what: 'members by id (up to 100) or by the start of their name',
  },
  GUILD: {
    frame: [rid, gid],
    result: [
      one('acl_ver'),
      list(
        'channels',
        sid,
        one('type', 'u8'),
        one('name', 'str'),
        one('perms'),
        epoch,
        seq,
        ts,
        one('marker'),
      ),
      list(
        'roles',
        one('role', 'id'),
        one('name', 'str'),
        one('color'),
        one('position'),
        one('perms'),
      ),
      values(one('view_sid', 'id')),
      one('large', 'bool'),
    ],
    what: 'what this user may see of a guild',
  },
};

/** Opcodes by name, those of the server first. */
export const OP_ROWS: Readonly<Record<OpName, OpRow>> = {
  ...SERVER,
  ...VOICE_SERVER_OPS,
  ...CLIENT,
  ...VOICE_CLIENT_OPS,
} as Readonly<Record<OpName, OpRow>>;
