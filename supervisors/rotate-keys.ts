/**
 * Owns `keys rotate`: a new signing key in the data folder, and word of it to the server that runs there. Main thread of a command
 * of its own; nothing else is opened.
 */
import type { Clock } from '../runtime/index.ts';
import type { Config } from './config.ts';
import { dataDirHolder } from './instance-lock.ts';
import { rotateKeys } from './keys.ts';

/** Makes the key; gives the process that was told, null without one. Rejects as rotateKeys does. */
export async function rotateAndTell(config: Config, clock: Clock): Promise<number | null> {
  const { dataDir, tokenAlg: alg, accessTokenTtlS } = config;
  await rotateKeys({ dataDir, alg, accessTokenTtlS, clock });
  const server = dataDirHolder(dataDir);
  if (server !== null) process.kill(server, 'SIGHUP');
  return server;
}
