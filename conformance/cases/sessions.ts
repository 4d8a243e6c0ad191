/** Cases 21 and 22: sessions and the life of tokens. */
import type { Connection } from '../peer/connection.ts';
import { check, same } from '../peer/failure.ts';
import { nowMs, pause, within } from '../peer/time.ts';
import type { Case } from '../suite/case.ts';
import type { Stage } from '../suite/stage.ts';
import { Unfit } from '../suite/types.ts';
import { Close, Op } from '../wire/codes.ts';
import type { Frame } from '../wire/types.ts';

/** Presence turns offline 10 s after the last connection (protocol.md 2.6); told at most 2 s later. */
const OFFLINE_MS = 13_000;
/** Status in PRESENCE (protocol.md 2.9). */
const OFFLINE = 0;
const ONLINE = 1;

const fencing: Case = {
  number: 21,
  name: 'session fencing',
  isQuick: false,
  async run(stage) {
    const c = await watcher(stage);
    // Somebody new, so that no earlier case has left a presence.
    const who = `B${stage.encoding}`;
    const old = await stage.sit(who);
    const { session, resumeKey, uid } = old.identity;
    const isOnline = (): boolean => presenceOf(c, uid).includes(ONLINE);
    await c.until('PRESENCE with B online', isOnline);
    // The old client does not read, so that its TCP connection outlives the fence.
    old.connection.socket.pause();
    const next = await stage.sit(who, { resume: [session, resumeKey] });
    same(next.identity.session, session, 'session of the new connection');
    old.connection.socket.resume();
    const end = await within('close of the old connection', 5000, old.connection.closing);
    same(end.code, Close.REPLACED, 'close code of the old connection');
    await pause(1000);
    old.connection.socket.reset();
    await pause(OFFLINE_MS);
    await next.connection.time();
    check(next.connection.end === undefined, 'the new connection lives');
    const states = presenceOf(c, uid);
    check(!states.includes(OFFLINE), `B was shown offline: ${states}`);
    next.connection.socket.reset();
    await c.until('PRESENCE with B offline in the end', () => presenceOf(c, uid).includes(OFFLINE));
    return undefined;
  },
};

/** C, who follows the view streams of the guild and so its presence. */
async function watcher(stage: Stage): Promise<Connection> {
  const c = await stage.connect('C');
  const [, , , views] = await c.ok(Op.GUILD, Number(await stage.world.gid()));
  for (const sid of views as readonly number[]) await c.sub(sid);
  return c;
}

/** The states of a user in the order in which PRESENCE told them. */
function presenceOf(c: Connection, uid: number): number[] {
  return c
    .frames(Op.PRESENCE)
    .flatMap((frame) => frame[3] as readonly Frame[])
    .filter(([who]) => who === uid)
    .map(([, status]) => Number(status));
}

/** Tokens that live much longer are not waited for. */
const LIFE_MAX_MS = 150_000;
const GRACE_MS = 20_000;

const tokenLife: Case = {
  number: 22,
  name: 'token life',
  env: { DRIFTWAY_ACCESS_TOKEN_TTL_S: '70' },
  isQuick: false,
  async run(stage) {
    const b = await stage.sit('B');
    const lifeMs = b.identity.expMs - (await b.connection.time());
    if (lifeMs > LIFE_MAX_MS) {
      const why = `tokens live ${Math.round(lifeMs / 1000)} s: DRIFTWAY_ACCESS_TOKEN_TTL_S=70`;
      throw new Unfit('needs control', why);
    }
    stage.progress(`case 22: a token lives for ${Math.round(lifeMs / 1000)} s ...`);
    const [closedAfterMs] = await Promise.all([
      notRenewed(stage),
      renewed(stage, b.connection, b.identity.expMs, lifeMs),
      anotherUser(stage),
    ]);
    return `closed ${(closedAfterMs / 1000).toFixed(1)} s after the expiry`;
  },
};

async function renewed(stage: Stage, b: Connection, expMs: number, lifeMs: number): Promise<void> {
  const until = nowMs() + lifeMs;
  await b.until('AUTH_EXPIRING', () => b.frames(Op.AUTH_EXPIRING).length > 0, lifeMs);
  const msLeft = Number(b.frames(Op.AUTH_EXPIRING)[0]?.[1]);
  check(msLeft > 50_000 && msLeft <= 61_000, `AUTH_EXPIRING says ${msLeft} ms, wanted about 60 s`);
  const user = await stage.world.user('B');
  await stage.world.renew(user);
  const [newExpMs] = await b.ok(Op.REAUTH, user.accessToken, null);
  check(Number(newExpMs) > expMs, `REAUTH: exp_ms ${newExpMs}, was ${expMs}`);
  await pause(until - nowMs() + 2000);
  await b.time();
  check(b.end === undefined, 'the connection lives past the expiry of its first token');
}

async function notRenewed(stage: Stage): Promise<number> {
  const { connection, identity } = await stage.sit('C');
  const leftMs = identity.expMs - (await connection.time());
  const expiry = nowMs() + leftMs;
  const end = await within('close', leftMs + GRACE_MS, connection.closing);
  const lateMs = nowMs() - expiry;
  same(end.code, Close.AUTH_EXPIRED, 'close code');
  check(lateMs > -1000, `closed ${-lateMs} ms before the expiry`);
  return lateMs;
}

async function anotherUser(stage: Stage): Promise<void> {
  const { connection } = await stage.sit('A');
  const other = await stage.world.token(await stage.world.user('B'));
  connection.send([Op.REAUTH, 77, other, null]);
  const end = await within('close after REAUTH of another user', 5000, connection.closing);
  same(end.code, Close.AUTH_FAILED, 'close code');
}

export const sessionCases: readonly Case[] = [fencing, tokenLife];
