/**
 * Child process of the crash test: commits to a few streams without pause and tells its parent what was
 * acknowledged, one line each, until it is killed. Test code.
 */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../sqlite-store.ts';
import { bytes, event } from './builders.ts';

const STREAMS = 5;

const [path = '', round = ''] = process.argv.slice(2);
const rng = { u32: () => 1 };
const clock = { monotonic: () => 0 };
const store = openSqliteStore({ path, clock, rng });

async function write(sid: number): Promise<void> {
  const opened = await store.log.open(sid);
  let { head } = opened;
  for (let n = 0; ; n += 1) {
    const size = 1 + ((n * 7 + sid) % 13);
    const events = Array.from({ length: size }, (_, i) => {
      // The nonce names the whole commit, so that the parent can tell a torn one.
      const nonce = `${round}-${n}-${i}-${size}`;
      const frame = bytes(`${sid}:${nonce}:${'x'.repeat((n * 31) % 2_000)}`);
      return event(head + 1 + i, { nonce, frame });
    });
    const result = await store.log.commit({
      sid,
      fence: opened.fence,
      after: head,
      events,
      rewrites: head === 0 ? [] : [{ seq: head, kind: 1, frame: bytes('edited'), editedAt: n }],
    });
    if (!result.ok) {
      throw new Error(`commit: ${result.why}`);
    }
    head = result.head;
    writeSync(1, `${JSON.stringify([sid, head, events.at(-1)?.nonce])}\n`);
  }
}

await Promise.all(Array.from({ length: STREAMS }, (_, i) => write(1 + i)));
