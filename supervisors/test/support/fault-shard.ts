/** A production shard thread with the chaos actor and the members without sockets on it. Loaded by fault-server.ts on shard threads. */
import { boot as bootShard } from '../../boot-shard.ts';
import { connectToStore } from '../../connect-store.ts';
import { startChaos } from './chaos.ts';
import { startSimMembers } from './sim-members.ts';

export const boot: typeof bootShard = async (...args) => {
  const booted = await bootShard(...args);
  await startChaos();
  await startSimMembers(connectToStore(args[0].readers));
  return booted;
};
