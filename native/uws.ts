/**
 * Owns the loading of uWebSockets.js: the only file that names its packages. One package per supported Node major (architecture.md,
 * toolchain facts); which one fits is decided before the native part is touched, so that the error is a sentence and not a
 * linker's message. Any thread may load it: every thread gets an instance of its own.
 *
 * Never hand the returned module to another thread, and never terminate a worker that has used it (gateway.md P14).
 */
import { createRequire } from 'node:module';
import type * as UwsModule from 'uws-node22';

/**
 * What uWebSockets.js exports, as its 20.51 declares it, which is the subset that both supported releases have.
 * Its declarations lack the constant for a listen that does not share its port (`listen(host, port, options, callback)`
 * takes it too).
 */
export type Uws = typeof UwsModule & { readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number };
export type {
  HttpRequest,
  HttpResponse,
  RecognizedString,
  TemplatedApp,
  us_listen_socket,
  us_socket_context_t,
  WebSocket,
  WebSocketBehavior,
} from 'uws-node22';

/** What the choice of a package depends on; `glibc` is null on other C libraries and on other systems than Linux. */
export interface UwsHost {
  readonly platform: string;
  readonly arch: string;
  /** Node's version without the `v`. */
  readonly node: string;
  readonly glibc: string | null;
}

/** Which package fits, or one sentence that says why none does and what to do. */
export type UwsChoice =
  | { readonly ok: true; readonly packageName: 'uws-node22' | 'uws-node24' }
  | { readonly ok: false; readonly message: string };

interface Pair {
  readonly packageName: 'uws-node22' | 'uws-node24';
  readonly node: readonly [major: number, minor: number];
  readonly glibc: readonly [major: number, minor: number];
}

const PAIRS: readonly Pair[] = [
  { packageName: 'uws-node22', node: [22, 18], glibc: [2, 27] },
  { packageName: 'uws-node24', node: [24, 0], glibc: [2, 38] },
];

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

const USE_LAUNCHER = 'start with `npm start`, which brings a fitting Node along';

/** Chooses the package for a host; pure. */
export function chooseUws(host: UwsHost): UwsChoice {
  const platform = `${host.platform}-${host.arch}`;
  if (!PLATFORMS.includes(platform)) {
    return refuse(`got platform ${platform}, wanted one of ${PLATFORMS.join(', ')}`);
  }
  const [major, minor] = numbers(host.node);
  const pair = PAIRS.find((candidate) => candidate.node[0] === major);
  if (pair === undefined || minor < pair.node[1]) {
    return refuse(`got Node ${host.node}, wanted 22 (from 22.18) or 24; ${USE_LAUNCHER}`);
  }
  if (host.platform !== 'linux') return { ok: true, packageName: pair.packageName };
  if (host.glibc === null) {
    return refuse('got a system without glibc (musl?), wanted Debian, Ubuntu, Fedora or the like');
  }
  const [libcMajor, libcMinor] = numbers(host.glibc);
  const newEnough =
    libcMajor > pair.glibc[0] || (libcMajor === pair.glibc[0] && libcMinor >= pair.glibc[1]);
  if (newEnough) return { ok: true, packageName: pair.packageName };
  const wanted = `${pair.glibc[0]}.${pair.glibc[1]}`;
  return refuse(`got glibc ${host.glibc}, wanted ${wanted} for Node ${major}; ${USE_LAUNCHER}`);
}

/** The host that this thread runs on. Takes some ms: reads Node's own report. */
export function currentHost(): UwsHost {
  return {
    platform: process.platform,
    arch: process.arch,
    node: process.versions.node,
    glibc: process.platform === 'linux' ? readGlibc() : null,
  };
}

/**
 * Loads uWebSockets.js for this thread. The first call takes some ms, later ones return the same module.
 * Throws an Error with one sentence for the person who started the server when it cannot be loaded here.
 */
export function loadUws(): Uws {
  const choice = chooseUws(currentHost());
  if (!choice.ok) throw new Error(choice.message);
  const require = createRequire(import.meta.url);
  try {
    return require(choice.packageName) as Uws;
  } catch (cause) {
    const advice = 'run `npm ci` with the Node that runs the server, or just `npm start`';
    throw new Error(
      `load uWebSockets.js: ${choice.packageName} is not installed for Node ${process.version}: ${advice}`,
      { cause },
    );
  }
}

function refuse(why: string): UwsChoice {
  return { ok: false, message: `load uWebSockets.js: ${why}` };
}

function numbers(version: string): [number, number] {
  const [major, minor] = version.split('.').map(Number);
  return [major ?? 0, minor ?? 0];
}

function readGlibc(): string | null {
  // Without this the report looks up the names of all open connections, which can take seconds.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: Record<string, unknown> };
  const version = header.glibcVersionRuntime;
  return typeof version === 'string' ? version : null;
}
