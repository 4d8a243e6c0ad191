/**
 * Owns the command `keys rotate`: a new signing key in the data folder. Works without a server; a running one is told.
 */
import { done, misuse } from '../outcome.ts';
import type { CliCommand } from '../types.ts';

export const keysRotate: CliCommand = {
  more: 'The JWKS keeps the old key as long as its tokens live: nobody is logged out.',
  run: async ({ sources, clock }) => {
    const { loadConfig } = await import('../../config.ts');
    const { dataDirHolder } = await import('../../instance-lock.ts');
    const { rotateKeys } = await import('../../keys.ts');
    const loaded = loadConfig(sources);
    if (!loaded.ok) return misuse(loaded.message);
    const { dataDir, tokenAlg: alg, accessTokenTtlS } = loaded.config;
    await rotateKeys({ dataDir, alg, accessTokenTtlS, clock });
    const server = dataDirHolder(dataDir);
    if (server !== null) process.kill(server, 'SIGHUP');
    const told = server === null ? '' : `; told the server, process ${server}`;
    return done({ rotated: true, server }, `a new signing key is in place${told}`);
  },
};
