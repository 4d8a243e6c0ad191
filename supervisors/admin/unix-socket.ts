/**
 * Owns `admin.sock` in the data folder: mode 0600, so that who may open it is who may read the data. A bare listener at first;
 * HTTP and WebSocket are loaded when somebody connects. Main thread.
 */
import {
  chmodSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';

/** `sun_path` of Linux has 108 bytes, of other systems 104. */
const PATH_BYTES_MAX = 100;

/** The listening socket. */
export interface UnixListener {
  readonly path: string;
  /** Stops listening and removes the socket; present connections stay. Idempotent. */
  close(): void;
}

/**
 * Listens on `path`; whatever is there is replaced, since the data folder is this process's own. Rejects with what the system says.
 * A path that is too long for a socket is reached through a descriptor of its folder (Linux).
 */
export async function listenOnUnix(
  path: string,
  connected: (socket: Socket) => void,
): Promise<UnixListener> {
  const server = createServer(connected);
  // Nobody may connect between the bind and the change of mode: it is bound in a folder that only we may enter.
  const folder = mkdtempSync(join(dirname(path), '.admin-'));
  const draft = join(folder, 's');
  const reach = shortPath(draft);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(reach.path, () => {
        server.off('error', reject);
        resolve();
      });
    });
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    reach.close();
    rmSync(draft, { force: true });
    rmdirSync(folder);
  }
  let isOpen = true;
  return {
    path,
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      server.close();
      rmSync(path, { force: true });
    },
  };
}

/** A way to `path` that fits into a socket's address; `close` when it has been used. */
export function shortPath(path: string): { readonly path: string; close(): void } {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX || process.platform !== 'linux') {
    return { path, close: () => undefined };
  }
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return {
    path: `/proc/self/fd/${folder}/${basename(path)}`,
    close: () => closeSync(folder),
  };
}
