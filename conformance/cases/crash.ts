/** Cases 11, 13 and 19: the server dies, or comes back from a backup. They need its process. */
import { acknowledgedIsKept, gapless, oncePerNonce } from '../invariants/kept.ts';
import { tiles } from '../invariants/reader.ts';
import { walk } from '../invariants/walk.ts';
import { type Connection, ConnectionLost, freshNonce } from '../peer/connection.ts';
import { check, Failure, same } from '../peer/failure.ts';
import { pause } from '../peer/time.ts';
import { violationText } from '../suite/audit.ts';
import type { Case } from '../suite/case.ts';
import { flood } from '../suite/load.ts';
import type { Stage } from '../suite/stage.ts';
import { Op, Status } from '../wire/codes.ts';
import { nothingTwice } from './nonces.ts';

/** A server of its own for the cases that kill it. */
const env = { DRIFTWAY_STOP_TIMEOUT_MS: '5000' };
const RUN_MS = 1500;

const crash: Case = {
  number: 11,
  name: 'crash of the server',
  env,
  needs: 'control',
  isQuick: false,
  async run(stage) {
    const { control, world } = stage;
    const sid = await world.channel();
    const { connection: a, identity } = await stage.sit('A');
    check(identity.durability >= 1, `durability is ${identity.durability}`);
    const b = await stage.follow('B', sid);
    const loops = Array.from({ length: 8 }, (_, lane) => appendUntilLost(a, sid, lane));
    await pause(RUN_MS);
    await control.kill();
    await Promise.all([...loops, a.ended, b.connection.ended]);
    await control.start();
    await stage.join(b, 'B');
    const after = await (await stage.connect('A')).append(sid, 'after the crash');
    await b.reach(after.seq);
    const history = await stage.history(sid);
    const { appends } = walk(a);
    const found = [
      ...gapless(history),
      ...acknowledgedIsKept(history, appends),
      ...oncePerNonce(history, appends),
    ];
    if (found.length > 0) throw new Failure(found.slice(0, 5).map(violationText).join('; '));
    const hole = tiles({ events: b.delivered, gaps: b.gaps }, 0, after.seq);
    check(hole === undefined, `B has every seq once: ${hole}`);
    const acknowledged = appends.filter(({ ok }) => ok !== undefined).length;
    return `${acknowledged} acknowledged, ${appends.length - acknowledged} open at the kill`;
  },
};

async function appendUntilLost(a: Connection, sid: number, lane: number): Promise<void> {
  for (let i = 0; ; i += 1) {
    const sent = await a.append(sid, `${lane} ${i}`).then(
      () => true,
      (error) => {
        if (error instanceof ConnectionLost) return false;
        throw error;
      },
    );
    if (!sent) return;
  }
}

const CRASHES = 4;

const retryAcrossCrash: Case = {
  number: 13,
  name: 'retry across a crash',
  env,
  needs: 'control',
  isQuick: false,
  async run(stage) {
    const { control, world } = stage;
    const sid = await world.channel();
    let known = 0;
    for (let round = 0; round < CRASHES; round += 1) {
      const nonce = freshNonce();
      const content = `round ${round}`;
      const a = await stage.connect('A');
      a.socket.pause();
      a.send([Op.APPEND, 9, sid, nonce, 1, content]);
      await pause(round * 4);
      await control.kill();
      a.socket.reset();
      await control.start();
      const ok = await (await stage.connect('A')).append(sid, content, nonce);
      if (ok.duplicate) known += 1;
    }
    await nothingTwice(stage, sid, CRASHES);
    return `${known} of ${CRASHES} had been committed`;
  },
};

const BACKED_UP = 450;
const AHEAD = 500;
const NEW = 60;
const BEHIND = 440;

const rollback: Case = {
  number: 19,
  name: 'rollback',
  env,
  needs: 'control',
  isQuick: false,
  async run(stage) {
    const { control, world } = stage;
    const sid = await world.channel();
    const before = await stage.connect('A');
    await before.sub(sid);
    await flood(before, sid, BACKED_UP, (i) => `old ${i}`);
    await before.until('the old events', () => before.events(sid).length === BACKED_UP);
    await control.kill();
    const copy = control.backUp();
    await control.start();
    const more = await stage.connect('A');
    await more.sub(sid);
    await flood(more, sid, AHEAD - BACKED_UP, (i) => `undone ${i}`);
    await more.until('the undone ones', () => more.events(sid).length === AHEAD - BACKED_UP);
    await control.kill();
    control.restore(copy);
    await control.start();
    const a = await stage.connect('A');
    await flood(a, sid, NEW, (i) => `new ${i}`);
    const head = BACKED_UP + NEW;
    const ahead = await returning(stage, sid, more.events(sid).at(-1)!, head);
    const reasons = ahead.gaps(sid).map(({ reason }) => reason);
    check(reasons[0] !== undefined && [2, 3, 4].includes(reasons[0]), `I10: GAPs ${reasons}`);
    const cursor = before.events(sid)[BEHIND - 1]!;
    const behind = await returning(stage, sid, cursor, head);
    const gaps = behind.gaps(sid);
    if (gaps.length > 0) same(gaps[0]?.reason, 2, 'reason of the GAP at 440');
    else same(behind.events(sid).length, head - BEHIND, 'events after 440');
    // The undone events share their seqs with new ones: the audit of one total order ends at the restore.
    stage.connections.splice(stage.connections.indexOf(more), 1);
    return `cursor 500: GAP ${reasons[0]}; cursor 440: ${gaps.length > 0 ? 'GAP 2' : 'replay'}`;
  },
};

/** A client with a cursor, when it has reached the head or been told that it cannot. */
async function returning(
  stage: Stage,
  sid: number,
  cursor: { readonly epoch: number; readonly seq: number; readonly ts: number },
  head: number,
): Promise<Connection> {
  const reader = await stage.connect('B');
  const { status } = await reader.sub(sid, cursor);
  check(status === Status.GAP || status === Status.REPLAYING, `status ${status}`);
  const reached = (): boolean =>
    reader.gaps(sid).some(({ to }) => to >= head) || reader.events(sid).at(-1)?.seq === head;
  await reader.until('the head', reached);
  return reader;
}

export const crashCases: readonly Case[] = [crash, retryAcrossCrash, rollback];
