/** The stream actor on the real runtime: killed, and with a log that fails, under many writers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ActorError, call, entity, exit, whereis } from '../runtime/index.ts';
import { Domain, guild, stream, value } from './test/domain.ts';
import { type CommitFault, decode } from './test/kit.ts';
import type { AppendReply, Id, StreamP } from './types.ts';

const domain = new Domain();
beforeAll(() => domain.start());
afterAll(() => domain.stop());

async function channelOf(gid: Id, uid: Id): Promise<Id> {
  return value(await call(guild(gid), 'view', { uid })).channels[0]?.sid ?? 0;
}

/** Sends until the outcome is known, as a client does: the same nonce every time. */
async function sendUntilKnown(
  sid: Id,
  uid: Id,
  nonce: string,
): Promise<AppendReply & { ok: true }> {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      const reply = await call(stream(sid), 'append', { uid, nonce, kind: 1, body: [nonce] });
      if (reply.ok) return reply;
      if (reply.retryMs === undefined && reply.code !== 501) throw new Error(`got ${reply.code}`);
    } catch (error) {
      if (!(error instanceof ActorError)) throw error;
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  throw new Error('no outcome');
}

test('stream actor: killed in mid-traffic with a failing log, every message is there exactly once', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  const faults: CommitFault[] = ['rejectAfter', 'unavailable', 'fenced', 'rejectBefore', 'usurp'];
  let kills = 0;
  const writer = async (uid: Id, w: number): Promise<Map<string, number>> => {
    const acknowledged = new Map<string, number>();
    for (let i = 0; i < 15; i += 1) {
      if (i % 5 === 2) domain.log.commitFaults.push(faults[(w + i) % faults.length] ?? 'fenced');
      if (w === 0 && i % 4 === 3) {
        const ref = whereis(entity<StreamP>('stream', sid));
        if (ref !== undefined) {
          exit(ref, 'kill');
          kills += 1;
        }
      }
      const nonce = `w${w}-${i}`;
      acknowledged.set(nonce, (await sendUntilKnown(sid, uid, nonce)).seq);
    }
    return acknowledged;
  };
  const writers = Array.from({ length: 8 }, (_, w) => writer(w % 2 === 0 ? owner : member, w));
  const acknowledged = new Map((await Promise.all(writers)).flatMap((map) => [...map]));
  expect(kills).toBe(1 + 2);
  const page = await call(stream(sid), 'history', { uid: owner, anchor: 0, before: 200, after: 0 });
  const log = page.ok ? page.frames.map(decode) : [];
  expect(log.map((e) => e.seq)).toEqual(log.map((_, i) => i + 1));
  expect(log.length).toBe(120);
  for (const event of log) expect(acknowledged.get(String(event.body[0]))).toBe(event.seq);
  for (let w = 0; w < 8; w += 1) {
    const mine = log.filter((e) => String(e.body[0]).startsWith(`w${w}-`)).map((e) => e.body[0]);
    expect(mine).toEqual(Array.from({ length: 15 }, (_, i) => `w${w}-${i}`));
  }
});

test('stream actor: killed, the gateway attaches again and hears the next event at the right seq', async () => {
  const { gid, owner } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  await call(stream(sid), 'subscribe', { gateway: domain.fanOut, uid: owner });
  await sendUntilKnown(sid, owner, 'one');
  const ref = whereis(entity<StreamP>('stream', sid));
  if (ref === undefined) throw new Error('the stream sleeps');
  exit(ref, 'kill');
  const attached = call(domain.fanOut, 'next', 'attached');
  const uids = [owner];
  await call(stream(sid), 'attach', { gateway: domain.fanOut, sid, uids });
  expect(await attached).toMatchObject({ sid, seq: 1 });
  const published = call(domain.fanOut, 'next', 'publish');
  await sendUntilKnown(sid, owner, 'two');
  expect(await published).toMatchObject({ sid, seq: 2 });
});

test('stream actor: log that breaks its contract, the actor dies and the next one tells the truth', async () => {
  const { gid, owner } = await domain.guildOfTwo();
  const sid = await channelOf(gid, owner);
  domain.log.commitFaults.push('wrongHead');
  const lost = call(stream(sid), 'append', { uid: owner, nonce: 'n', kind: 1, body: ['x'] });
  await expect(lost).rejects.toBeInstanceOf(ActorError);
  const again = await call(stream(sid), 'append', { uid: owner, nonce: 'n', kind: 1, body: ['x'] });
  expect(again).toMatchObject({ ok: true, seq: 1, duplicate: true });
});

test('stream actor: absent, refuses many at once and is gone for good', async () => {
  const absent = stream(4242);
  const knock = (i: number) =>
    call(absent, 'append', { uid: 1, nonce: `n${i}`, kind: 1, body: ['x'] });
  await knock(0);
  const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => knock(i + 1)));
  expect(replies).toEqual(Array(20).fill({ ok: false, code: 301 }));
  const isThere: boolean[] = [];
  for (let turn = 0; turn < 100; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    isThere.push(whereis(absent) !== undefined);
  }
  expect(isThere.slice(-50)).not.toContain(true);
});
