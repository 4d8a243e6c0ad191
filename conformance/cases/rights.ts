/** Case 20: the right to view is taken away under a running stream. */
import { revoked } from '../invariants/reader.ts';
import { check, Failure, same } from '../peer/failure.ts';
import { nowMs, pause } from '../peer/time.ts';
import { violationText } from '../suite/audit.ts';
import type { Case } from '../suite/case.ts';
import { Metronome } from '../suite/load.ts';
import type { Stage } from '../suite/stage.ts';
import { Err, Op, Status } from '../wire/codes.ts';

const PER_SECOND = 50;
const BEFORE_MS = 1000;
const AFTER_MS = 2500;
/** No stream has this id: ids begin with a time, and this one is of the far future. */
const ABSENT = 9_007_199_254_740_000;
/** Bit 0 of perms (protocol.md 2.4), as REST writes it. */
const VIEW = '1';

const revocation: Case = {
  number: 20,
  name: 'revocation',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const a = await stage.connect('A');
    const b = await stage.connect('B');
    await b.sub(sid);
    const metronome = new Metronome(a, sid, PER_SECOND, (i) => `event ${i}`);
    await pause(BEFORE_MS);
    const how = await takeView(stage, sid);
    const answeredAt = nowMs();
    const revokedAt = await a.time();
    const isOver = () => b.frames(Op.SUBEND).some(([, of]) => of === sid);
    await b.until('SUBEND', isOver, 1000);
    const took = Math.round(nowMs() - answeredAt);
    const end = b.frames(Op.SUBEND).find(([, of]) => of === sid);
    same(end?.[2], Err.FORBIDDEN, 'code of SUBEND');
    await pause(AFTER_MS);
    await metronome.stop(true);
    const leaks = revoked('B', b.events(sid), revokedAt);
    if (leaks.length > 0) throw new Failure(leaks.slice(0, 3).map(violationText).join('; '));
    check(b.events(sid).length >= PER_SECOND / 2, 'B had got events before');
    const { sid: _, ...forbidden } = await b.sub(sid);
    const { sid: __, ...absent } = await b.sub(ABSENT);
    same(forbidden.status, Status.REFUSED, 'status of SUB afterwards');
    same(forbidden, absent, 'SUB of what is forbidden, beside what is absent');
    await how.undo();
    return `by ${how.name}, SUBEND after ${took} ms`;
  },
};

/** Takes B's view of the stream: by an overwrite where the server has them, else by ending the membership. */
async function takeView(
  stage: Stage,
  sid: number,
): Promise<{ readonly name: string; undo(): Promise<void> }> {
  const { world } = stage;
  const { uid } = await world.user('B');
  const overwrite = { type: 'member', allow: '0', deny: VIEW };
  const path = `/channels/${sid}/overwrites/${uid}`;
  const { status } = await world.call('owner', 'PUT', path, overwrite);
  if (status < 300) return { name: 'overwrite', undo: async () => undefined };
  if (status !== 404 && status !== 405) throw new Failure(`PUT ${path}: got ${status}`);
  await world.must('B', 'DELETE', `/guilds/${await world.gid()}/members/@me`);
  return { name: 'leaving', undo: () => world.rejoin('B') };
}

export const rightsCases: readonly Case[] = [revocation];
