/** A production shard thread with the chaos actor on it. Loaded by fault-server.ts on shard threads. */
import { boot as bootShard } from '../../boot-shard.ts';
import { startChaos } from './chaos.ts';

export const boot: typeof bootShard = async (...args) => {
  const booted = await bootShard(...args);
  await startChaos();
  return booted;
};
