/** The admin side before anything of it is loaded. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { NodeHandle } from '../../runtime/index.ts';
import { AdminClient } from './index.ts';
import { type AdminOptions, AdminSide } from './start.ts';

test('AdminSide: what it needs cannot be loaded, whoever connects is told so and the reason is in the log', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftway-admin-'));
  const errors: unknown[] = [];
  const log = { warn: () => {}, debug: () => {}, error: (about: unknown) => errors.push(about) };
  const options = { config: { dataDir, host: '127.0.0.1', admin: 'auto' }, log };
  const side = new AdminSide(options as unknown as AdminOptions);
  try {
    // Without a node nothing that acts on it can be made.
    await side.start(undefined as unknown as NodeHandle, []);
    const target = { socketPath: join(dataDir, 'admin.sock') };
    await expect(AdminClient.connect(target)).rejects.toMatchObject({ code: 'unavailable' });
    expect(errors).toHaveLength(1);
  } finally {
    await side.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
