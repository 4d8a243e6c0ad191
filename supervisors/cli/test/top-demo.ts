/**
 * `top` on a made-up server, to look at it: `node supervisors/cli/test/top-demo.ts ROWS [SECONDS [FILE]]`. With SECONDS it ends by
 * itself and writes its own CPU time per second to FILE. Developers only.
 */
import { writeFileSync } from 'node:fs';
import { systemClock } from '../../../runtime/index.ts';
import { runTop } from '../top/run-top.ts';
import { FakeAdmin } from './fake-admin.ts';

const [rows = '10000', seconds = '0', file = ''] = process.argv.slice(2);
const { stdin, stdout } = process;
const startedAt = systemClock.now() - 273_000_000;
const stop = new AbortController();
let admin = new FakeAdmin({ channels: Number(rows), startedAt });
let publishing = { user: 0, system: 0 };
let n = 0;

// What the made-up server costs is not the view's.
setInterval(() => {
  const before = process.cpuUsage();
  admin.tick(n++);
  if (n === 20 && file === '') admin.close('connection closed (1006)');
  const own = process.cpuUsage(before);
  publishing = { user: publishing.user + own.user, system: publishing.system + own.system };
}, 1_000).unref();

if (Number(seconds) > 0) {
  setTimeout(() => {
    const [before, feedBefore] = [process.cpuUsage(), publishing];
    setTimeout(() => {
      const all = process.cpuUsage(before);
      const feed = publishing.user + publishing.system - feedBefore.user - feedBefore.system;
      const ms = (all.user + all.system) / 1_000 / Number(seconds);
      const memory = Math.round(process.memoryUsage.rss() / 1e6);
      const text = `${ms.toFixed(2)} ms/s with the feed, feed ${(feed / 1_000 / Number(seconds)).toFixed(2)} ms/s, ${memory} MB\n`;
      writeFileSync(file, text);
      stop.abort();
    }, Number(seconds) * 1_000);
  }, 5_000);
}

await runTop({
  admin,
  terminal: {
    isTerminal: true,
    hasColor: true,
    columns: stdout.columns,
    rows: stdout.rows,
    stdin,
    stdout,
  },
  clock: systemClock,
  signal: stop.signal,
  view: {},
  connect: async () => {
    if (n < 24) return { ok: false, code: 'unreachable', message: 'no server answers' };
    admin = new FakeAdmin({ channels: Number(rows), startedAt: systemClock.now() });
    return { ok: true, admin };
  },
});
process.exit(0);
