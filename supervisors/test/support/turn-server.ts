/** A coturn on loopback with a secret of its own, as operators run one beside the server. Test process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, until } from './server-process.ts';

const START_MAX_MS = 10_000;
const SECRET = 'a secret of the turn server';

/** A running TURN server. */
export class TurnServer {
  readonly secret = SECRET;
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #exit: Promise<void>;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.url = `turn:127.0.0.1:${port}?transport=udp`;
    this.#child = child;
    this.#folder = folder;
    this.#exit = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  /** Starts and waits until it listens. */
  static async start(): Promise<TurnServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'driftway-turn-'));
    const flags = ['-n', '--no-cli', '--no-tls', '--no-dtls', '--allow-loopback-peers'];
    const places = ['--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${port}`];
    const keys = ['--use-auth-secret', `--static-auth-secret=${SECRET}`, '--realm=driftway'];
    const files = [`--pidfile=${join(folder, 'pid')}`, `--userdb=${join(folder, 'db')}`];
    const child = spawn(
      'turnserver',
      [...flags, ...places, ...keys, ...files, '--log-file=stdout'],
      { stdio: 'ignore' },
    );
    const server = new TurnServer(port, child, folder);
    let isGone = false;
    void server.#exit.then(() => {
      isGone = true;
    });
    await until('turnserver (Debian package coturn) to listen', START_MAX_MS, async () => {
      if (isGone) throw new Error('no TURN server: install it with `apt-get install -y coturn`');
      return (await isOpen(port)) ? true : undefined;
    });
    return server;
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ host: '127.0.0.1', port });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
