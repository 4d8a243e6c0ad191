/** What tests do as operators of a server: over the Unix socket in its data folder. */
import { join } from 'node:path';
import { AdminClient } from '../../admin/index.ts';
import type { ServerProcess } from './server-process.ts';

/** Does `act` while the account is disabled, which ends its logins. */
export async function whileDisabled(
  { dataDir }: Pick<ServerProcess, 'dataDir'>,
  user: string,
  act: () => Promise<unknown>,
): Promise<void> {
  const admin = await AdminClient.connect({ socketPath: join(dataDir, 'admin.sock') });
  try {
    await admin.call('user.disable', { user });
    await act();
    await admin.call('user.enable', { user });
  } finally {
    await admin.close();
  }
}
