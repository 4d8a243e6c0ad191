/** A production reader thread with the chaos actor on it. Loaded by fault-server.ts on reader threads. */
import { boot as bootReader } from '../../boot-reader.ts';
import { startChaos } from './chaos.ts';

export const boot: typeof bootReader = async (...args) => {
  const booted = await bootReader(...args);
  await startChaos();
  return booted;
};
