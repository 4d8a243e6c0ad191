/**
 * Owns the command `keys rotate`: a new signing key in the data folder. Works without a server; a running one is told.
 */
import { existsSync } from 'node:fs';
import { done, failed, misuse } from '../outcome.ts';
import type { CliCommand } from '../types.ts';

export const keysRotate: CliCommand = {
  more: 'The JWKS keeps the old key as long as its tokens live: nobody is logged out.',
  run: async ({ sources, clock }) => {
    const { loadConfig } = await import('../../config.ts');
    const { rotateAndTell } = await import('../../rotate-keys.ts');
    const loaded = loadConfig(sources);
    if (!loaded.ok) return misuse(loaded.message);
    const { config } = loaded;
    if (!existsSync(config.dataDir))
      return failed('not_found', `there is no data folder ${config.dataDir}`);
    const server = await rotateAndTell(config, clock);
    const told = server === null ? '' : `; told the server, process ${server}`;
    return done({ rotated: true, server }, `a new signing key is in place${told}`);
  },
};
