/** Case 24: hostile frames, beside a witness that chats all the time. */

import { check, Failure, same } from '../peer/failure.ts';
import { percentile, within } from '../peer/time.ts';
import type { Case } from '../suite/case.ts';
import { delays, Metronome } from '../suite/load.ts';
import type { Stage } from '../suite/stage.ts';
import { Close, Err, Op } from '../wire/codes.ts';
import type { Ended } from '../wire/socket.ts';
import { hostileFrames, sized } from './hostile-frames.ts';

const CLOSE_MS = 1000;
const P99_MS = 250;
/** The witness's messages per second; with public limits it says less. */
const PER_SECOND = 10;
const KIB = 1024;

const hostile: Case = {
  number: 24,
  name: 'hostile frames',
  isQuick: true,
  async run(stage) {
    const { encoding } = stage;
    const sid = await stage.world.channel();
    const listener = await stage.connect('C');
    await listener.sub(sid);
    const speaker = await stage.connect('A');
    const metronome = new Metronome(speaker, sid, PER_SECOND, (i) => `witness ${i}`);
    const frames = hostileFrames(encoding);
    for (const { name, bytes } of frames)
      same(await endAfter(stage, name, bytes), Close.BAD_FRAME, `close code after ${name}`);
    same(await endAfter(stage, '33 KiB', sized(encoding, 33 * KIB)), Close.TOO_LARGE, '33 KiB');
    same(await endAfter(stage, '65 KiB', sized(encoding, 65 * KIB)), Close.NONE, '65 KiB');
    await negativeId(stage);
    await metronome.stop(false);
    await listener.until('all messages of the witness', () => {
      return listener.events(sid).length >= metronome.dueAt.size;
    });
    const strange = listener.events(sid).filter(({ actor }) => actor !== speaker.uid);
    check(strange.length === 0, `events that nobody wrote: ${strange.length}`);
    same(listener.events(sid).length, metronome.dueAt.size, 'events of the witness');
    const p99 = percentile(delays(listener, sid, metronome.dueAt), 0.99);
    check(p99 < P99_MS, `p99 of the witness is ${p99.toFixed(0)} ms, wanted under ${P99_MS}`);
    return `${frames.length} frames; p99 of the witness ${p99.toFixed(0)} ms`;
  },
};

/** The close code of an identified connection after these bytes. */
async function endAfter(stage: Stage, name: string, bytes: Buffer): Promise<number> {
  const attacker = await stage.connect('B');
  attacker.sendBytes(bytes);
  const end: Ended = await within(`close after ${name}`, CLOSE_MS, attacker.closing);
  if (attacker.received.some(({ frame }) => frame[0] === Op.EV))
    throw new Failure(`an event after ${name}`);
  attacker.socket.reset();
  return end.code;
}

/** H8: the right type with a wrong value is an answer and no close. */
async function negativeId(stage: Stage): Promise<void> {
  const connection = await stage.connect('B');
  const reply = await connection.request(Op.SUB, [[-5]]);
  same([reply[0], reply[2]], [Op.ERR, Err.BAD_ARGS], 'answer to SUB of -5');
  await connection.time();
}

export const hostileCases: readonly Case[] = [hostile];
