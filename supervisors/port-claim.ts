/**
 * Owns the claim of one server on one port. uWebSockets.js listens with SO_REUSEPORT, so a second server on the same port
 * would silently get half of the connections (gateway.md P16): the port is tried exclusively before any gateway listens, and a
 * lock of the kernel's keeps two servers that start at the same moment apart. Main thread of the server.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { ENDING_WAIT_MS, isEnding } from './ending.ts';

/** The claim on a port. */
export interface PortClaim {
  /** The port; the one that the system chose when 0 was asked for. */
  readonly port: number;
  /** Gives it up; idempotent. */
  release(): void;
}

/** The claim, or one sentence for the person who started the server; exit code 1 then. */
export type PortResult =
  | { readonly ok: true; readonly claim: PortClaim }
  | { readonly ok: false; readonly message: string };

const RETRY_MS = 20;
/** Sockets of a process that is half gone are nobody's for a moment. */
const NOBODY_WAIT_MS = 500;

/**
 * Makes sure that nobody listens on `host:port` and that no other Driftway is about to. Leaves the port unbound. Waits for a
 * holder that is ending.
 */
export async function claimPort(host: string, port: number): Promise<PortResult> {
  const probe = await listenPatiently(host, port);
  if (!probe.ok) return { ok: false, message: refusal(host, port, probe.code) };
  const address = probe.server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  const guard = await takeGuard(host, taken);
  await close(probe.server);
  if (guard === 'held') return { ok: false, message: refusal(host, taken, 'EADDRINUSE') };
  const release = () => {
    guard?.close();
  };
  return { ok: true, claim: { port: taken, release } };
}

/**
 * An abstract Unix socket: a name that belongs to the network namespace, like the port, and goes with the process. Null on
 * other systems than Linux, where only servers started within the same milliseconds could miss each other.
 */
async function takeGuard(host: string, port: number): Promise<Server | 'held' | null> {
  if (process.platform !== 'linux') return null;
  const guard = await listen({ path: `\0driftway-port-${host}-${port}`, exclusive: true });
  if (!guard.ok) return guard.code === 'EADDRINUSE' ? 'held' : null;
  guard.server.unref();
  return guard.server;
}

async function listenPatiently(host: string, port: number): Promise<Listening> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    const probe = await listen({ host, port, exclusive: true });
    if (probe.ok || probe.code !== 'EADDRINUSE') return probe;
    const holder = portHolder(port);
    const waitMaxMs = holder === null ? NOBODY_WAIT_MS : ENDING_WAIT_MS;
    if (waitedMs >= waitMaxMs || (holder !== null && !isEnding(holder.pid))) return probe;
    await pause(RETRY_MS);
  }
}

type Listening =
  | { readonly ok: true; readonly server: Server }
  | { readonly ok: false; readonly code: string };

function listen(where: {
  host?: string;
  port?: number;
  path?: string;
  exclusive: true;
}): Promise<Listening> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ ok: false, code: error.code ?? error.message }),
    );
    server.listen(where, () => resolve({ ok: true, server }));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function refusal(host: string, port: number, code: string): string {
  const at = `port ${port} on ${host}`;
  if (code === 'EADDRINUSE') {
    const holder = portHolder(port);
    const who = holder === null ? 'another process' : `process ${holder.pid} (${holder.name})`;
    return `${at} is in use by ${who}: stop it, or choose another port with DRIFTWAY_PORT`;
  }
  if (code === 'EACCES')
    return `${at} is not allowed for this user: choose a port from 1024 with DRIFTWAY_PORT`;
  return `${at} cannot be listened on (${code}): choose an address of this machine with DRIFTWAY_HOST`;
}

/** Who listens on a TCP port, as far as this user may see it (Linux). */
function portHolder(port: number): { readonly pid: number; readonly name: string } | null {
  const files = ['/proc/net/tcp', '/proc/net/tcp6'];
  const inodes = new Set(files.flatMap((file) => valueOr(() => listeningInodes(file, port), [])));
  if (inodes.size === 0) return null;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const pid = pids.find((candidate) => socketsOf(candidate).some((inode) => inodes.has(inode)));
  if (pid === undefined) return null;
  const name = valueOr(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), 'ended meanwhile');
  return { pid: Number(pid), name };
}

/** Rows of /proc/net/tcp: `sl local_address rem_address st ... inode`; state 0A is LISTEN. */
function listeningInodes(file: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) && columns[3] === '0A')
    .map((columns) => columns[9] ?? '');
}

function socketsOf(pid: string): string[] {
  const folder = `/proc/${pid}/fd`;
  const fds = valueOr(() => readdirSync(folder), []); // another user's process has a closed folder
  const targets = fds.map((fd) => valueOr(() => readlinkSync(`${folder}/${fd}`), ''));
  return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
}

/** What `read` returns; `otherwise` when it throws: processes and descriptors come and go while we look. */
function valueOr<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
