/**
 * Owns the ids of rows that completion offers: a short look at the tree. Main thread of the command line.
 */
import type { Clock } from '../../runtime/index.ts';
import { snapshot } from './snapshot.ts';
import type { AdminConnection, Connected } from './types.ts';

/** More would not be read. */
const IDS_MAX = 200;
/** A shell that waits longer feels broken. */
const WAIT_MS = 700;

/**
 * Ids of the running tree that begin with `text`, without the node's name unless `text` has it; nothing without a server, or when
 * it takes too long.
 */
export async function rowIds(
  connect: () => Promise<Connected>,
  text: string,
  clock: Clock,
): Promise<readonly string[]> {
  const { promise: late, resolve } = Promise.withResolvers<readonly string[]>();
  const timer = clock.setTimeout(() => resolve([]), WAIT_MS);
  const opened = connect();
  try {
    return await Promise.race([late, opened.then((connected) => ask(connected, text))]);
  } finally {
    clock.clearTimeout(timer);
    // One that comes too late is closed all the same.
    void opened.then((connected) => connected.ok && connected.admin.close());
  }
}

async function ask(connected: Connected, text: string): Promise<readonly string[]> {
  if (!connected.ok) return [];
  const { admin } = connected;
  const filter = text.slice(text.lastIndexOf('/') + 1);
  // An actor with a name stands below its supervisor, which its id does not say.
  const depth = Math.min(16, levelsOf(admin, text) + 1);
  const found = await snapshot(admin, {
    depth,
    limit: IDS_MAX,
    ...(filter === '' ? {} : { filter }),
  });
  if (!found.ok) return [];
  const { node } = admin.hello;
  const isWhole = text.startsWith(node);
  return [...found.value.all()]
    .filter(({ id, kind }) => kind !== 'more' && id !== node)
    .map(({ id }) => (isWhole ? id : id.slice(node.length + 1)))
    .filter((id) => id.startsWith(text) && isNext(id, text));
}

/** One part of the path at a time; unnamed actors have two (`supervisor/0.3.1`). */
function isNext(id: string, text: string): boolean {
  const more = id.slice(text.length).replace(/\/\d+\.\d+\.\d+$/, '');
  return !more.includes('/');
}

/** Levels below the node at which the last part of `text` stands. */
function levelsOf({ hello }: AdminConnection, text: string): number {
  const slashes = text.split('/').length - 1;
  return text.startsWith(`${hello.node}/`) ? slashes : slashes + 1;
}
