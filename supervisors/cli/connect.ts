/**
 * Owns how the command line finds a server: the admin socket in a data folder, or a URL with a token. Turns what can go wrong
 * into a sentence with the remedy. Main thread of the command line.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Connected } from './types.ts';

/** Which server: that of a data folder on this machine, or one elsewhere. */
export type Target =
  | { readonly dataDir: string }
  | { readonly url: string; readonly token: string | null; readonly tokenFile: string | null };

/** Connects to the target's admin socket. */
export async function connect(target: Target): Promise<Connected> {
  if (!('dataDir' in target))
    return refusal('not_available', `${target.url}: not in this version yet`);
  const socketPath = join(target.dataDir, 'admin.sock');
  if (!existsSync(socketPath)) {
    const advice = 'start one with npm start, or name its data folder with --data-dir';
    return refusal('no_server', `no server in ${target.dataDir}: ${advice}`);
  }
  return refusal('not_available', `${socketPath}: not in this version yet`);
}

function refusal(code: string, message: string): Connected {
  return { ok: false, code, message };
}
