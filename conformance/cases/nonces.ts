/** Cases 12, 14 and 15: one nonce, one event. */
import { gapless, oncePerNonce } from '../invariants/kept.ts';
import { walk } from '../invariants/walk.ts';
import { type Connection, freshNonce } from '../peer/connection.ts';
import { check, Failure, same } from '../peer/failure.ts';
import { pause } from '../peer/time.ts';
import { violationText } from '../suite/audit.ts';
import type { Case } from '../suite/case.ts';
import type { Stage } from '../suite/stage.ts';
import { Err, Op } from '../wire/codes.ts';

const CUTS = 10;
const ROUNDS = 100;
/** Longer than a commit takes: afterwards it has happened or never will. */
const COMMIT_MS = 300;

const lostReply: Case = {
  number: 12,
  name: 'retry after a lost reply',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const watcher = await stage.connect('C');
    await watcher.sub(sid);
    let known = 0;
    for (let round = 0; round < CUTS; round += 1) {
      const nonce = freshNonce();
      const content = `round ${round}`;
      const cut = await stage.connect('A');
      cut.socket.pause();
      cut.send([Op.APPEND, 9, sid, nonce, 1, content]);
      // By turns a FIN behind the frame, and a reset that may overtake it.
      if (round % 2 === 0) cut.socket.cut();
      else cut.socket.reset();
      await cut.ended;
      await pause(COMMIT_MS);
      const isCommitted = watcher.events(sid).some(({ body }) => body[0] === content);
      const ok = await (await stage.connect('A')).append(sid, content, nonce);
      if (isCommitted) same(ok.duplicate, true, `duplicate in round ${round}`);
      if (ok.duplicate) known += 1;
    }
    await nothingTwice(stage, sid, CUTS);
    return `${known} of ${CUTS} had been committed`;
  },
};

const concurrentNonce: Case = {
  number: 14,
  name: 'concurrent same nonce',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const [one, two] = [await stage.connect('A'), await stage.connect('A')];
    for (let round = 0; round < ROUNDS; round += 1) {
      const nonce = freshNonce();
      const content = `round ${round}`;
      const answers = await Promise.all([
        one.append(sid, content, nonce),
        two.append(sid, content, nonce),
      ]);
      const [left, right] = answers;
      same([left.epoch, left.seq, left.ts], [right.epoch, right.seq, right.ts], 'position');
      const duplicates = answers.filter(({ duplicate }) => duplicate).length;
      same(duplicates, 1, `duplicates in round ${round}`);
    }
    await nothingTwice(stage, sid, ROUNDS);
    return undefined;
  },
};

const nonceReuse: Case = {
  number: 15,
  name: 'nonce reuse',
  isQuick: true,
  async run(stage) {
    const sid = await stage.world.channel();
    const [a, b] = [await stage.connect('A'), await stage.connect('B')];
    await b.sub(sid);
    const nonce = freshNonce();
    const ok = await a.append(sid, 'x', nonce);
    const refused = await a.request(Op.APPEND, sid, nonce, 1, 'y');
    same([refused[0], refused[2]], [Op.ERR, Err.NONCE_REUSED], 'answer to "y"');
    const ofB = await b.append(sid, 'z', nonce);
    same([ofB.seq, ofB.duplicate], [ok.seq + 1, false], 'append of B with the nonce of A');
    await b.until('both events', () => b.events(sid).length >= 2);
    same(
      b.events(sid).map(({ body }) => body[0]),
      ['x', 'z'],
      'events',
    );
    return undefined;
  },
};

/** HISTORY holds `count` events, I4, I6 and I7. */
export async function nothingTwice(stage: Stage, sid: number, count: number): Promise<void> {
  const history = await stage.history(sid);
  const appends = stage.connections.flatMap((one: Connection) => walk(one).appends);
  const found = [...gapless(history), ...oncePerNonce(history, appends)];
  if (found.length > 0) throw new Failure(found.slice(0, 5).map(violationText).join('; '));
  check(history.events.length === count, `${history.events.length} events, wanted ${count}`);
}

export const nonceCases: readonly Case[] = [lostReply, concurrentNonce, nonceReuse];
