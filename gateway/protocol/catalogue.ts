/**
 * What the number spaces mean, as data: event kinds, ERR codes, close codes, small numbers and limits. PROTOCOL.md's
 * tables and the AsyncAPI document are made from it, tests hold it against the code. Data only; runs anywhere.
 */
import { VOICE_NUMBER_SPACES } from './catalogue-voice.ts';
import type { CloseName } from './close-codes.ts';
import { type Element, list, one, values } from './elements.ts';
import type { ErrName } from './err-codes.ts';
import type { Kind } from './kinds.ts';
import { Limits } from './limits.ts';

/** One event kind. */
export interface KindRow {
  readonly stream: 'any' | 'channel' | 'guild view' | 'user';
  readonly body: readonly Element[];
  /** Whether a client may APPEND it. */
  readonly byAppend: boolean;
  readonly what: string;
}

const target = one('target');
const sid = one('sid', 'id');
const channel = [
  sid,
  one('type', 'u8'),
  one('name', 'str'),
  one('topic?', 'str'),
  one('position'),
  one('parent?', 'id'),
  one('start_seq?'),
];
const attachment = list(
  'attachments?',
  one('id', 'str'),
  one('name', 'str'),
  one('size'),
  one('mime', 'str'),
);

function appended(what: string, ...body: readonly Element[]): KindRow {
  return { stream: 'channel', body, byAppend: true, what };
}

function inView(what: string, ...body: readonly Element[]): KindRow {
  return { stream: 'guild view', body, byAppend: false, what };
}

function inUser(what: string, ...body: readonly Element[]): KindRow {
  return { stream: 'user', body, byAppend: false, what };
}

/** Event kinds by name. */
export const KIND_ROWS: Readonly<Record<keyof typeof Kind, KindRow>> = {
  REDACTED: { stream: 'any', body: [], byAppend: false, what: 'it existed; its content is gone' },
  MSG_CREATE: appended(
    'a message; `(sid, seq)` is its identity',
    one('content', 'str'),
    one('reply_seq?'),
    one('flags?', 'u32'),
    attachment,
  ),
  MSG_EDIT: appended('new content of an own message', target, one('content', 'str')),
  MSG_DELETE: appended('a message is gone', target),
  REACT_ADD: appended('a reaction', target, one('emoji', 'str')),
  REACT_DEL: appended('no such reaction any more', target, one('emoji', 'str')),
  PIN: appended('pinned or not', target, one('on', 'bool')),
  CHAN_META: appended('name of a group DM', one('name', 'str'), one('topic?', 'str')),
  GUILD_META: inView('name of the guild', one('name', 'str'), one('icon?', 'str')),
  CHAN_CREATE: inView('a channel that you may see; parent and start_seq of a thread', ...channel),
  CHAN_UPDATE: inView('it changed', ...channel),
  CHAN_DELETE: inView('it is gone, or you may not see it any more', sid),
  ROLE_UPSERT: inView(
    'a role, new or changed',
    one('role', 'id'),
    one('name', 'str'),
    one('color'),
    one('position'),
    one('perms'),
  ),
  ROLE_DELETE: inView('a role is gone', one('role', 'id')),
  MEMBER_JOIN: inView('guilds up to 250 members', one('uid', 'id'), one('name', 'str')),
  MEMBER_LEAVE: inView('as above', one('uid', 'id'), one('reason', 'str')),
  MEMBER_UPDATE: inView(
    'as above',
    one('uid', 'id'),
    one('nick?', 'str'),
    values(one('role', 'id')),
  ),
  GUILD_JOINED: inUser('you are a member', one('gid', 'id')),
  GUILD_LEFT: inUser('you are no member any more', one('gid', 'id')),
  DM_OPENED: inUser('a direct message or group was opened, or its members changed', sid),
  MARKER: inUser('your read marker moved', sid, one('seq')),
  MENTION: inUser('you were mentioned', sid, one('seq')),
  ACL_CHANGED: inUser(
    'your rights changed: GUILD again after a random 0 to 5 s',
    one('gid', 'id'),
    one('acl_ver'),
  ),
  SESSION_REVOKED: inUser('a login was ended', one('session', 'str')),
};

/** What each ERR code means. */
export const ERR_MEANINGS: Readonly<Record<ErrName, string>> = {
  BAD_ARGS: 'known opcode, wrong types or values',
  UNKNOWN_OP: 'opcode that the server does not take',
  RID_IN_USE: 'a request with this rid is outstanding',
  BAD_CONTENT: 'empty, or characters that are not allowed',
  TOO_LARGE: 'a string is too long',
  AUTH_FAILED: 'token not accepted',
  TOKEN_EXPIRED: 'token was good once: get a new one',
  PROOF_REQUIRED: 'the token is bound to a key',
  PROOF_INVALID: 'proof wrong or replayed',
  FORBIDDEN_OR_ABSENT: 'no such stream or guild for you',
  NO_HISTORY: 'no right to read what was before',
  NO_SEND: 'may see, may not do this',
  NONCE_REUSED: 'same nonce, other content',
  NOT_FOUND: 'other object is absent',
  INFLIGHT_LIMIT: '64 requests are outstanding',
  STREAM_LIMIT: 'too many subscriptions',
  RATE: 'too fast',
  SLOW_MODE: 'the channel is slowed down',
  INTERNAL: 'a fault of the server',
  OUTCOME_UNKNOWN: 'may be committed: send again with the same nonce',
  UNAVAILABLE: 'cannot now; nothing was committed',
  DRAINING: 'the server is stopping: reconnect',
  VOICE_GONE: 'no such membership, transport, producer or consumer (any more): join again',
  VOICE_FULL: 'no place in the room',
  VOICE_REJECTED: 'a J that is not taken, or a request out of order',
  E2E_REQUIRED: 'the channel wants a higher version of end-to-end encryption',
};

/** What a client does at each close code. */
export const CLOSE_ADVICE: Readonly<Record<CloseName, string>> = {
  SERVER_ERROR: 'back-off',
  DRAINING: "back-off inside RECONNECT's window",
  TOO_SLOW: 'back-off; expect a GAP or a replay',
  AUTH_EXPIRED: 'new token first',
  OVERLOADED: 'back-off, at least 10 s',
  DEADLINE: 'back-off',
  RATE_ABUSE: 'back-off, at least 30 s',
  BAD_FRAME: 'bug, stop',
  TOO_LARGE: 'bug, stop',
  NOT_IDENTIFIED: 'bug, stop',
  ALREADY_IDENTIFIED: 'bug, stop',
  AUTH_FAILED: 'log in again',
  SESSION_REPLACED: 'stop: another connection has the session',
  UNSUPPORTED_VERSION: 'update',
  REVOKED: 'log in again',
  CONNECTION_LIMIT: 'stop, tell the user',
};

/** A bound that both ends know. */
export interface LimitRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly past: string;
}

function bound(what: string, value: number, unit: string, past: string): LimitRow {
  return { what, value, unit, past };
}

/** Sizes and counts. They hold with LIMITS=trusted too. */
export const LIMIT_ROWS: readonly LimitRow[] = [
  bound('WebSocket message', Limits.nativeFrameBytesMax, 'bytes', '1006, no close frame'),
  bound('frame to the server', Limits.inboundFrameBytesMax, 'bytes', '4501'),
  bound('frame to the client', Limits.outboundFrameBytesMax, 'bytes', 'fewer entries in the reply'),
  bound('BATCH', Limits.batchBytesMax, 'bytes', 'several'),
  bound('events in a BATCH', Limits.batchEventsMax, '', 'several'),
  bound('broadcast frame', Limits.broadcastFrameBytesMax, 'bytes', 'several, or refused before'),
  bound('depth to the server, the frame being 1', Limits.inboundDepthMax, '', '4500'),
  bound('depth to the client', Limits.outboundDepthMax, '', 'never'),
  bound('values in a frame to the server', Limits.inboundValuesMax, '', '4500'),
  bound('content', Limits.contentCodePointsMax, 'code points', 'ERR 111'),
  bound('content', Limits.contentBytesMax, 'bytes', 'ERR 111'),
  bound('names and session ids', Limits.nameBytesMax, 'bytes', 'ERR 111'),
  bound('emoji', Limits.emojiBytesMax, 'bytes', 'ERR 111'),
  bound('access token', Limits.tokenBytesMax, 'bytes', 'ERR 111'),
  bound('a J (JSON text of voice)', Limits.jsonBytesMax, 'bytes', 'ERR 111'),
  bound('base64 of V_E2E', Limits.voiceRelayBytesMax, 'bytes', 'ERR 111'),
  bound('ids in each list of V_SYNC', Limits.voiceIdsMax, '', 'ERR 101'),
  bound('any other string', Limits.stringBytesMax, 'bytes', 'ERR 111'),
  bound('nonce', Limits.nonceCharsMax, 'characters', 'ERR 101'),
  bound('combining marks in a row', Limits.combiningRunMax, '', 'ERR 110'),
  bound('attachments of a message', Limits.attachmentsMax, '', 'ERR 101'),
  bound('streams of a connection', Limits.streamsMax, '', 'status 4'),
  bound('entries of a SUB', Limits.subEntriesMax, '', 'ERR 101'),
  bound('requests in flight', Limits.inflightMax, '', 'ERR 410'),
  bound('events of a HISTORY', Limits.historyEventsMax, '', 'ERR 101'),
  bound('events replayed per stream', Limits.replayMax, '', 'GAP reason 1'),
  bound('time for IDENTIFY', Limits.identifyDeadlineMs, 'ms', '4007'),
  bound('between two PING', Limits.pingMs, 'ms', 'the connection is dead after 2.5 times that'),
  bound('duplicate window of a nonce', Limits.dedupeMs, 'ms', 'an ordinary append'),
  bound('age of a nonce to retry', Limits.nonceRetryMs, 'ms', 'read HISTORY, ask the user'),
  bound('events held behind a hole', Limits.heldEventsMax, '', 'drop them: the replay brings them'),
];

/** A rate: so many at once, then so many per second. A test holds it against gateway/rates. */
export interface RateRow {
  /** Name of the limit in gateway/rates. */
  readonly name: string;
  readonly what: string;
  readonly burst: number;
  readonly perS: number;
  readonly past: string;
}

/** Rates with LIMITS=public; `trusted` multiplies them by 10,000. */
export const RATE_ROWS: readonly RateRow[] = [
  {
    name: 'frames',
    what: 'frames of a connection',
    burst: 60,
    perS: 20,
    past: 'ERR 420; 200 refused within 10 s: 4008',
  },
  {
    name: 'append-user-stream',
    what: 'APPEND per user and stream',
    burst: 5,
    perS: 1,
    past: 'ERR 420',
  },
  { name: 'append-user', what: 'APPEND per user', burst: 20, perS: 4, past: 'ERR 420' },
  {
    name: 'history',
    what: 'HISTORY, MEMBERS, GUILD, MWIN_OPEN',
    burst: 10,
    perS: 2,
    past: 'ERR 420',
  },
  { name: 'sub-entries', what: 'entries of SUB', burst: 1000, perS: 100, past: 'ERR 420' },
  { name: 'voice-joins', what: 'V_JOIN', burst: 10, perS: 0.5, past: 'ERR 420' },
  { name: 'voice-relays', what: 'V_E2E', burst: 40, perS: 4, past: 'ERR 420' },
  { name: 'pings', what: 'WebSocket pings', burst: 10, perS: 1, past: '4008' },
  { name: 'connect-ip', what: 'new connections per address', burst: 20, perS: 2, past: 'HTTP 429' },
];

/** Small number spaces, each value with its meaning. */
export const NUMBER_SPACES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'SUB status': {
    0: 'live, nothing missed',
    1: 'replaying',
    2: 'GAP follows',
    3: 'refused: absent or forbidden, all numbers 0',
    4: 'over the limit',
  },
  'GAP reason': {
    1: 'too far behind',
    2: 'epoch changed: drop the cache',
    3: 'fork: drop the cache',
    4: 'client ahead of the server: drop the cache',
    5: 'no right to history',
    6: 'trimmed by retention',
    7: 'slow reader',
    8: 'lost upstream',
  },
  'channel type': { 1: 'text', 2: 'voice', 3: 'dm', 4: 'group dm', 5: 'thread' },
  status: { 0: 'offline', 1: 'online', 2: 'idle', 3: 'do not disturb' },
  durability: { 0: 'memory', 1: 'survives death of the process', 2: 'fsynced', 3: 'quorum' },
  list: { 0: 'all members; others are reserved' },
  'perms (bit)': {
    0: 'view',
    1: 'history',
    2: 'send',
    3: 'react',
    4: 'pin',
    5: 'manage',
    6: 'connect',
    7: 'speak',
    8: 'video',
    9: 'move others, and moderate in voice',
    10: 'record',
    11: 'play files into voice (10 and 11 are of roles and overwrites; the `perms` of GUILD have bits 0 to 9)',
  },
  'message flags (bit)': {
    0: 'silent',
    1: 'mentions everyone (needs manage)',
    2: 'edited (set by the server)',
  },
  'caps (bit)': { 0: 'json-debug fields', 1: 'e2e voice', 2: 'receipts' },
  ...VOICE_NUMBER_SPACES,
};
