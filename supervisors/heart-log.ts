/**
 * Owns the heart's few log lines, in the same two forms as the server's log but without its logger: the heart stays tiny.
 */
import { writeSync } from 'node:fs';
import type { HeartEvent } from './heart.ts';

const INFO = 30;
const WARN = 40;

/** A reporter for `runHeart`: one line per event on standard output. `pretty` as LOG_FORMAT says; `now` in ms since 1970. */
export function heartReporter(pretty: boolean, now: () => number): (event: HeartEvent) => void {
  return (event) => {
    const { level, msg } = describe(event);
    const time = now();
    const line = pretty
      ? `[${new Date(time).toISOString().slice(11, 23)}] ${level === WARN ? 'WARN' : 'INFO'} (heart): ${msg}`
      : JSON.stringify({ level, time, pid: process.pid, slot: 'heart', msg });
    try {
      writeSync(1, `${line}\n`);
    } catch {
      return; // nobody reads any more (a closed terminal or pipe); the heart goes on
    }
  };
}

function describe(event: HeartEvent): { readonly level: number; readonly msg: string } {
  switch (event.kind) {
    case 'started':
      return { level: INFO, msg: `server process ${event.pid} started` };
    case 'died': {
      const when = event.restartInMs === 0 ? 'at once' : `in ${event.restartInMs / 1000} s`;
      return { level: WARN, msg: `server process died (${event.how}); starting it again ${when}` };
    }
    case 'stopping':
      return { level: INFO, msg: `stopping (${event.reason})` };
    case 'killed':
      return {
        level: WARN,
        msg: `server process did not stop within ${event.afterMs} ms and was killed`,
      };
    case 'gaveUp':
      return { level: WARN, msg: `server process could not start (${event.how})` };
  }
}
