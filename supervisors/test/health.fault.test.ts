/** GET /health while something is wrong with the real server, and afterwards. */
import { expect, test } from 'vitest';
import { driftway } from './support/cli.ts';
import { useServer } from './support/fixture.ts';
import { until } from './support/server-process.ts';

const fixture = useServer({ users: 1, env: { DRIFTWAY_CHAOS_ENABLED: 'on' } });
const PATIENCE_MS = 20_000;

interface Report {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

async function health(): Promise<Report & { readonly code: number }> {
  const { body, status } = await fixture.http.raw('/health');
  return { ...(body as Report), code: status };
}

/** Resolves with the report once `holds`. */
function reported(what: string, holds: (report: Report) => boolean): Promise<Report> {
  return until(what, PATIENCE_MS, async () => {
    const report = await health();
    return holds(report) ? report : undefined;
  });
}

test('health: a server that is well, every check is ok and says what it measured', async () => {
  const report = await reported('ok', ({ status }) => status === 'ok');
  expect(report.checks.disk?.detail).toMatch(/^\d+ MiB free$/);
  expect(report.checks.store?.detail).toMatch(/^answers in \d+ ms$/);
  expect(report.checks.loop?.detail).toMatch(/^slowest (store|reader|shard|gateway)\S*, \d+ ms$/);
  expect(report.checks.memory?.detail).toMatch(/^\d+ MiB used, \d+ MiB available$/);
});

test('health: commits fail as on a full disk, the store is degraded and 200; then ok again', async () => {
  const args = JSON.stringify({ item: 'fill-disk', forMs: 3_000 });
  const { dataDir } = fixture.server;
  expect((await driftway(['call', 'chaos.start', args, '--data-dir', dataDir])).code).toBe(0);
  const bad = await reported('degraded', ({ checks }) => checks.store?.status === 'degraded');
  expect(bad).toMatchObject({ status: 'degraded', code: 200 });
  expect(bad.checks.store?.detail).toMatch(/cannot write|answers in|does not answer/);
  await reported('ok again', ({ status }) => status === 'ok');
});
