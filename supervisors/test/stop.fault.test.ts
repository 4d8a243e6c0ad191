/** A wish to stop and something that will not: the deadline holds, whoever hangs (api.md, STOP_TIMEOUT_MS). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { driftway } from './support/cli.ts';
import { makeMembers } from './support/crowd.ts';
import { RawClient } from './support/raw-client.ts';
import { pidGone, type ServerOptions, ServerProcess, until } from './support/server-process.ts';
import { OP } from './support/wire.ts';

/** Well below what hangs, and below the 5 s after which a hung thread is replaced. */
const STOP_MS = 1_500;
const HANGS_MS = 60_000;
/** For waiting only: far below what hangs. */
const PATIENCE_MS = 20_000;

const servers: ServerProcess[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.dispose();
});

async function start(options: ServerOptions = {}): Promise<ServerProcess> {
  const env = { DRIFTWAY_STOP_TIMEOUT_MS: String(STOP_MS), DRIFTWAY_CHAOS_ENABLED: 'on' };
  const server = await ServerProcess.start({ ...options, env: { ...env, ...options.env } });
  servers.push(server);
  return server;
}

describe('SIGTERM', () => {
  test.each(['n1/store', 'n1/shard-0'])(
    '%s hangs: the process is gone at the limit and says why',
    async (id) => {
      const server = await start({ env: { DRIFTWAY_HEART: 'off' } });
      const { logins } = await makeMembers(server.port, 1, 1);
      const client = await RawClient.open({ port: server.port });
      await client.first(OP.hello);
      await client.identify(logins[0]!.accessToken);
      const args = JSON.stringify({ item: 'stall-thread', id, forMs: HANGS_MS });
      const stalled = await driftway(['call', 'chaos.start', args, '--data-dir', server.dataDir]);
      expect(stalled).toMatchObject({ code: 0 });
      const pid = server.serverPid;
      server.child.kill('SIGTERM');
      await client.closed;
      await pidGone(pid, PATIENCE_MS);
      // The pipe may be read after the process is gone.
      const said = () => server.output().includes('the stop took too long') || undefined;
      await until('the reason in the log', PATIENCE_MS, said);
      expect((await server.exit).code).not.toBe(0);
      expect(existsSync(join(server.dataDir, 'server.pid'))).toBe(false);
      const again = await start({ dataDir: server.dataDir, port: server.port });
      expect(await again.isReady()).toBe(true);
    },
    60_000,
  );

  test('the whole process hangs: the heart kills it and exits 1', async () => {
    const server = await start();
    const [heart, pid] = [server.pidIn('heart.pid')!, server.serverPid];
    process.kill(pid, 'SIGSTOP');
    process.kill(heart, 'SIGTERM');
    await pidGone(heart, PATIENCE_MS);
    await pidGone(pid, PATIENCE_MS);
    expect((await server.exit).code).toBe(1);
    await until(
      'the reason in the log',
      PATIENCE_MS,
      () => /killed/.test(server.output()) || undefined,
    );
  }, 60_000);
});
