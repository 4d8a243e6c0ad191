/**
 * Revocation against everything that happens meanwhile (protocol.md I14, case 20): in 1,000 rounds a
 * member loses a channel while others write there and the member reads in every way there is.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, cast, defineActor, type Ref, spawn, stop } from '../runtime/index.ts';
import { PERM_VIEW } from './permissions.ts';
import { Domain, guild, stream, value } from './test/domain.ts';
import { decode } from './test/kit.ts';
import type { FanOutP, Id, Overwrite } from './types.ts';

const ROUNDS = 1000;
/** protocol.md I14. */
const GRACE_MS = 1000;

/** What a gateway hears of one stream, in order. */
type Heard =
  | { readonly op: 'revoke'; readonly uid: Id }
  | { readonly op: 'publish'; readonly ts: number }
  | {
      readonly op: 'chunk';
      readonly token: number;
      readonly ts: readonly number[];
      readonly forbidden: boolean;
    };

const heard: Heard[] = [];
/** The part of a gateway that a stream speaks to. */
type RecorderP = Pick<FanOutP, 'attached' | 'head' | 'publish' | 'chunk' | 'revoke' | 'ephemeral'>;
const Recorder = defineActor<RecorderP, null, null>({
  init: () => null,
  handle: {
    attached: () => undefined,
    head: () => undefined,
    ephemeral: () => undefined,
    revoke: (_s, { uid }) => {
      heard.push({ op: 'revoke', uid });
    },
    publish: (_s, { ts }) => {
      heard.push({ op: 'publish', ts });
    },
    chunk: (_s, { token, frames, forbidden = false }) => {
      heard.push({ op: 'chunk', token, ts: frames.map((frame) => decode(frame).ts), forbidden });
    },
  },
});

const domain = new Domain();
let gateway: Ref<FanOutP>;
beforeAll(async () => {
  await domain.start();
  gateway = (await spawn(Recorder, null)) as unknown as Ref<FanOutP>;
});
afterAll(async () => {
  await stop(gateway, 'shutdown');
  await domain.stop();
});

const turns = async (n: number): Promise<void> => {
  for (let i = 0; i < n; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

interface Scene {
  readonly gid: Id;
  readonly owner: Id;
  readonly member: Id;
  readonly sid: Id;
}

/** What the member tries while the right goes away; a seed spreads the moments. */
async function reads({ member, sid }: Scene, seed: number): Promise<number[]> {
  const from = { epoch: 0, seq: 0, ts: 0 };
  await turns(seed % 4);
  const again = await call(stream(sid), 'subscribe', { gateway, uid: member });
  const after = again.ok ? again.at : from;
  cast(stream(sid), 'pull', { gateway, token: 2, uid: member, after: { ...after, seq: 0, ts: 0 } });
  await turns(seed % 3);
  const page = await call(stream(sid), 'history', { uid: member, anchor: 0, before: 50, after: 0 });
  return page.ok ? page.frames.map((frame) => decode(frame).ts) : [];
}

async function round(scene: Scene, i: number): Promise<void> {
  const { gid, owner, member, sid } = scene;
  const g = guild(gid);
  const say = (uid: Id, what: string) =>
    call(stream(sid), 'append', { uid, nonce: `${i}-${what}`, kind: 1, body: [what] });
  const joined = await call(stream(sid), 'subscribe', { gateway, uid: member });
  expect(joined.ok).toBe(true);
  heard.length = 0;
  const rule: Overwrite =
    i % 2 === 0
      ? { target: member, type: 'member', allow: 0, deny: PERM_VIEW }
      : { target: gid, type: 'role', allow: 0, deny: PERM_VIEW };
  const writing = (async () => {
    for (let n = 0; n < 4; n += 1) {
      await say(owner, `a${n}`);
      await turns((i >> 2) % 3);
    }
  })();
  const reading = reads(scene, i);
  await turns(i % 5);
  value(await call(g, 'setOverwrite', { uid: owner, sid, ...rule }));
  const revokedAt = domain.clock.now();
  const [times] = await Promise.all([reading, writing]);
  await domain.clock.advance(GRACE_MS + 1);
  const late = await say(owner, 'late');
  expect(late).toMatchObject({ ok: true });
  cast(stream(sid), 'pull', {
    gateway,
    token: 3,
    uid: member,
    after: { epoch: joined.ok ? joined.at.epoch : 0, seq: 0, ts: 0 },
  });
  expect(await call(stream(sid), 'subscribe', { gateway, uid: member })).toEqual({ ok: false });
  const refused = await call(stream(sid), 'history', {
    uid: member,
    anchor: 0,
    before: 9,
    after: 0,
  });
  expect(refused).toMatchObject({ ok: false, code: 301 });
  expect(await say(member, 'mine')).toMatchObject({ ok: false, code: 301 });
  while (!heard.some((m) => m.op === 'chunk' && m.token === 3)) await turns(1);
  const limit = revokedAt + GRACE_MS;
  // The gateway ends the subscription at `revoke`: nothing of the time after may come before it.
  const end = heard.findIndex((m) => m.op === 'revoke' && m.uid === member);
  expect(end).toBeGreaterThanOrEqual(0);
  const before = heard.slice(0, end).flatMap((m) => (m.op === 'publish' ? [m.ts] : []));
  const served = heard.flatMap((m) => (m.op === 'chunk' ? m.ts : []));
  expect([...before, ...served, ...times].filter((ts) => ts > limit)).toEqual([]);
  expect(heard.find((m) => m.op === 'chunk' && m.token === 3)).toMatchObject({ forbidden: true });
  value(await call(g, 'removeOverwrite', { uid: owner, sid, target: rule.target }));
}

test('revocation: 1,000 rounds against appends, SUB, replay and history, no event leaks', async () => {
  const { gid, owner, member } = await domain.guildOfTwo();
  const made = { uid: owner, name: 'secret', topic: null };
  const { id: sid } = value(await call(guild(gid), 'createChannel', made));
  for (let i = 0; i < ROUNDS; i += 1) await round({ gid, owner, member, sid }, i);
}, 60_000);
